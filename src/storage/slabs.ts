/** Sizes from here on; what is smaller takes as much. */
const SLOT_BYTES_MIN = 64;
const SLOT_BITS_MIN = 6;
/** Slot sizes between a power of two and the next: no more than a 32nd of a slot is wasted by rounding. */
const STEPS = 32;
const PAGE_BYTES = 64 * 1024;
const PAGE_SLOTS_MAX = 64;
const LENGTH_BYTES = 4;
const CLASS_FACTOR = 2 ** 32;

/** Slots of one size, without gaps: the last one moves to where one is taken out. */
interface Pool {
  readonly slotBytes: number;
  readonly pageSlots: number;
  readonly pages: Uint8Array[];
  count: number;
}

/**
 * Byte strings by number, in pages of equal slots: 4 bytes and at most a 32nd of rounding each, beside at most one page that is not full for
 * each of the sizes in use (64 slots or 64 KiB, whichever is less). Nothing fragments: a slot that is freed is filled by the last of its size at once,
 * and pages that are empty go.
 */
export class Slabs {
  readonly #pools: (Pool | undefined)[] = [];
  readonly #moved: (bytes: Uint8Array, ref: number) => void;
  #byteLength = 0;

  /** @param moved is told of a byte string that has another number from now on; `bytes` are a view for the time of the call */
  constructor(moved: (bytes: Uint8Array, ref: number) => void) {
    this.#moved = moved;
  }

  /** Bytes of all pages. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Room for `length` bytes: its number, for `at`, which the caller fills. May not be followed by another call before that. */
  take(length: number): number {
    const index = classOf(length + LENGTH_BYTES);
    const pool = (this.#pools[index] ??= newPool(slotBytesOf(index)));
    if (pool.count === pool.pages.length * pool.pageSlots) {
      pool.pages.push(new Uint8Array(pool.pageSlots * pool.slotBytes));
      this.#byteLength += pool.pageSlots * pool.slotBytes;
    }
    const slot = pool.count++;
    writeLength(pool, slot, length);
    return index * CLASS_FACTOR + slot;
  }

  /** The bytes themselves, not a copy: not to be kept, and not to be written to except after `take`. */
  at(ref: number): Uint8Array {
    const pool = this.#poolOf(ref);
    const slot = ref % CLASS_FACTOR;
    return bytesAt(pool, slot, readLength(pool, slot));
  }

  /** True when `length` bytes fit where those of this number lie, and from now on are as many: the caller fills them in. */
  refit(ref: number, length: number): boolean {
    if (classOf(length + LENGTH_BYTES) !== Math.floor(ref / CLASS_FACTOR)) return false;
    writeLength(this.#poolOf(ref), ref % CLASS_FACTOR, length);
    return true;
  }

  free(ref: number): void {
    const pool = this.#poolOf(ref);
    const slot = ref % CLASS_FACTOR;
    const last = --pool.count;
    if (slot !== last) {
      const length = readLength(pool, last);
      const moving = bytesAt(pool, last, length);
      writeLength(pool, slot, length);
      bytesAt(pool, slot, length).set(moving);
      this.#moved(moving, ref);
    }
    if (pool.count <= (pool.pages.length - 1) * pool.pageSlots) {
      pool.pages.pop();
      this.#byteLength -= pool.pageSlots * pool.slotBytes;
    }
  }

  clear(): void {
    this.#pools.length = 0;
    this.#byteLength = 0;
  }

  #poolOf(ref: number): Pool {
    const pool = this.#pools[Math.floor(ref / CLASS_FACTOR)];
    if (pool === undefined || ref % CLASS_FACTOR >= pool.count) throw new RangeError("nothing lies under this number");
    return pool;
  }
}

/** 32 sizes between a power of two and the next, evenly spaced. */
function classOf(bytes: number): number {
  const size = Math.max(bytes, SLOT_BYTES_MIN);
  const bits = 31 - Math.clz32(size);
  const step = 2 ** bits / STEPS;
  return (bits - SLOT_BITS_MIN) * STEPS + Math.ceil((size - 2 ** bits) / step);
}

function slotBytesOf(index: number): number {
  const bits = Math.floor(index / STEPS) + SLOT_BITS_MIN;
  return 2 ** bits + (index % STEPS) * (2 ** bits / STEPS);
}

function newPool(slotBytes: number): Pool {
  const pageSlots = Math.max(1, Math.min(PAGE_SLOTS_MAX, Math.floor(PAGE_BYTES / slotBytes)));
  return { slotBytes, pageSlots, pages: [], count: 0 };
}

function pageOf(pool: Pool, slot: number): Uint8Array {
  const page = pool.pages[Math.floor(slot / pool.pageSlots)];
  if (page === undefined) throw new RangeError("nothing lies under this number");
  return page;
}

function readLength(pool: Pool, slot: number): number {
  const page = pageOf(pool, slot);
  const at = (slot % pool.pageSlots) * pool.slotBytes;
  return (page[at] ?? 0) + (page[at + 1] ?? 0) * 2 ** 8 + (page[at + 2] ?? 0) * 2 ** 16 + (page[at + 3] ?? 0) * 2 ** 24;
}

function writeLength(pool: Pool, slot: number, length: number): void {
  const page = pageOf(pool, slot);
  const at = (slot % pool.pageSlots) * pool.slotBytes;
  for (let index = 0; index < LENGTH_BYTES; index++) page[at + index] = Math.floor(length / 2 ** (8 * index)) % 256;
}

function bytesAt(pool: Pool, slot: number, length: number): Uint8Array {
  const start = (slot % pool.pageSlots) * pool.slotBytes + LENGTH_BYTES;
  return pageOf(pool, slot).subarray(start, start + length);
}
