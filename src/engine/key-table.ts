import { KEY_BYTES, keyFromBytes, keyToBytes } from "./key-bytes.ts";
import type { SessionKey } from "./record.ts";

/** Entries of one part move together when it grows; so many keep that below a fraction of a millisecond for millions of entries. */
export const KEY_PARTS = 1024;
const CAPACITY_MIN = 4;
/** One byte an entry tells an empty place (0) from a taken one, and most keys from each other. */
const EMPTY = 0;

/** An open-addressing hash table in one buffer: `capacity` tags, then `capacity` entries of key and value. */
interface Shard {
  capacity: number;
  size: number;
  tags: Uint8Array;
  view: DataView;
  /** No entry is due before this instant. */
  dueMs: number;
}

/** Reads the instant at which an entry is due from its value, which begins at `at`. */
export type DueAt = (view: DataView, at: number) => number;

/**
 * Fixed-size values by session key, packed: an entry takes 17 bytes and its value, and the table about a fifth more. Every entry has an
 * instant at which it is due, and those that are due are found without looking at the others. No single step takes longer than
 * moving a thousandth of the table.
 *
 * `find` and `put` place a cursor: the value lies in `view` from `at` on, until the next call of anything here.
 */
export class KeyTable {
  view: DataView = NOTHING;
  /** Where the value at the cursor begins. */
  at = 0;
  #size = 0;
  readonly #entryBytes: number;
  readonly #dueAt: DueAt;
  readonly #shards: (Shard | undefined)[] = Array.from({ length: KEY_PARTS }, () => undefined);
  /** The shard that the cursor stands in. */
  #shard: Shard | undefined;
  /** No entry is due before this instant. */
  #dueMs = Number.POSITIVE_INFINITY;
  /** Where the search for what is due goes on. */
  #next = 0;

  constructor(valueBytes: number, dueAt: DueAt) {
    this.#entryBytes = KEY_BYTES + valueBytes;
    this.#dueAt = dueAt;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the buffers, with what is free in them. */
  get byteLength(): number {
    return this.#shards.reduce((sum, shard) => sum + (shard === undefined ? 0 : shard.tags.length + shard.view.byteLength), 0);
  }

  /** Places the cursor at the value of `key`. False where there is none. */
  find(key: SessionKey): boolean {
    return this.#size > 0 && this.findBytes(keyToBytes(key));
  }

  /** The same by the bytes of a key: the first 16 of `bytes`. */
  findBytes(bytes: Uint8Array): boolean {
    readKey(bytes);
    const shard = this.#shards[word0 % KEY_PARTS];
    if (shard === undefined) return false;
    const place = this.#placeOf(shard);
    if (shard.tags[place] === EMPTY) return false;
    this.#stand(shard, place);
    return true;
  }

  /** Places the cursor at the value of `key`, which is zero where it is new: true then. The caller fills it in, and calls `due`. */
  put(key: SessionKey): boolean {
    readKey(keyToBytes(key));
    const index = word0 % KEY_PARTS;
    let shard = this.#shards[index];
    if (shard === undefined) this.#shards[index] = shard = newShard(CAPACITY_MIN, this.#entryBytes);
    let place = this.#placeOf(shard);
    const isNew = shard.tags[place] === EMPTY;
    if (isNew) {
      if (shard.size + 1 > shard.capacity * 0.875) {
        this.#resize(shard, shard.capacity + Math.max(CAPACITY_MIN, shard.capacity >> 2));
        readKey(keyToBytes(key));
        place = this.#placeOf(shard);
      }
      shard.tags[place] = tagOf();
      writeKey(shard.view, place * this.#entryBytes);
      shard.size++;
      this.#size++;
    }
    this.#stand(shard, place);
    return isNew;
  }

  /** Must be called when a value was written, at the cursor, with the instant at which the entry is due from now on. */
  due(atMs: number): void {
    if (this.#shard !== undefined && atMs < this.#shard.dueMs) this.#shard.dueMs = atMs;
    if (atMs < this.#dueMs) this.#dueMs = atMs;
  }

  delete(key: SessionKey): boolean {
    if (this.#size === 0) return false;
    readKey(keyToBytes(key));
    const index = word0 % KEY_PARTS;
    const shard = this.#shards[index];
    if (shard === undefined) return false;
    const place = this.#placeOf(shard);
    if (shard.tags[place] === EMPTY) return false;
    this.#removeAt(shard, place);
    shard.size--;
    this.#size--;
    if (shard.size === 0) this.#shards[index] = undefined;
    else if (shard.size < shard.capacity >> 2) this.#resize(shard, Math.max(CAPACITY_MIN, Math.ceil(shard.size * 1.5)));
    return true;
  }

  clear(): void {
    this.#shards.fill(undefined);
    this.#shard = undefined;
    this.view = NOTHING;
    this.#size = 0;
  }

  /**
   * Keys of entries that are due at `nowMs`, at most `count`, for the caller to delete or to move: who is neither is found again.
   * Looks at no more than about `lookCount` entries and goes on from there the next time. Undefined when a whole round found nothing due.
   */
  takeDue(nowMs: number, count: number, lookCount: number): SessionKey[] | undefined {
    if (this.#dueMs > nowMs) return undefined;
    const keys: SessionKey[] = [];
    let looked = 0;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (let visited = 0; visited < KEY_PARTS; visited++) {
      const shard = this.#shards[this.#next];
      if (shard !== undefined && shard.dueMs <= nowMs) {
        if (looked > 0 && looked + shard.size > lookCount) return keys;
        looked += shard.size;
        if (!this.#collectDue(shard, nowMs, count, keys)) return keys;
      }
      if (shard !== undefined && shard.dueMs < earliestMs) earliestMs = shard.dueMs;
      this.#next = (this.#next + 1) % KEY_PARTS;
    }
    if (keys.length > 0) return keys;
    this.#dueMs = earliestMs;
    return undefined;
  }

  /** Keys of one of `KEY_PARTS` parts, the same part for a key in every table; `isMeant` picks by the value. */
  keysIn(part: number, isMeant?: (view: DataView, at: number) => boolean): SessionKey[] {
    const shard = this.#shards[part];
    const keys: SessionKey[] = [];
    if (shard === undefined) return keys;
    for (let place = 0; place < shard.capacity; place++) {
      const start = place * this.#entryBytes;
      if (shard.tags[place] !== EMPTY && isMeant?.(shard.view, start + KEY_BYTES) !== false) keys.push(keyAt(shard.view, start));
    }
    return keys;
  }

  /** False when there may be more in this shard. */
  #collectDue(shard: Shard, nowMs: number, count: number, keys: SessionKey[]): boolean {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (let place = 0; place < shard.capacity; place++) {
      if (shard.tags[place] === EMPTY) continue;
      const start = place * this.#entryBytes;
      const dueMs = this.#dueAt(shard.view, start + KEY_BYTES);
      if (dueMs < earliestMs) earliestMs = dueMs;
      if (dueMs > nowMs) continue;
      if (keys.length === count) return false;
      keys.push(keyAt(shard.view, start));
    }
    // What is due and stays (the caller moved it, or not) keeps the shard in the next round.
    shard.dueMs = earliestMs;
    return true;
  }

  #stand(shard: Shard, place: number): void {
    this.#shard = shard;
    this.view = shard.view;
    this.at = place * this.#entryBytes + KEY_BYTES;
  }

  /** Where the key that was read lies, or the empty place where it would. */
  #placeOf({ capacity, tags, view }: Shard): number {
    const tag = tagOf();
    let place = homeOf(word1, capacity);
    while (tags[place] !== EMPTY) {
      if (tags[place] === tag && isKeyAt(view, place * this.#entryBytes)) break;
      place = place + 1 === capacity ? 0 : place + 1;
    }
    return place;
  }

  /** Closes the gap: what was pushed past it moves back, so that no search stops early. */
  #removeAt({ capacity, tags, view }: Shard, removed: number): void {
    const bytes = new Uint8Array(view.buffer);
    let gap = removed;
    for (let place = gap; ;) {
      place = place + 1 === capacity ? 0 : place + 1;
      if (tags[place] === EMPTY) break;
      const home = homeOf(view.getUint32(place * this.#entryBytes + 4), capacity);
      const isPastGap = gap <= place ? home <= gap || home > place : home <= gap && home > place;
      if (!isPastGap) continue;
      bytes.copyWithin(gap * this.#entryBytes, place * this.#entryBytes, (place + 1) * this.#entryBytes);
      tags[gap] = tags[place] ?? EMPTY;
      gap = place;
    }
    tags[gap] = EMPTY;
    bytes.fill(0, gap * this.#entryBytes, (gap + 1) * this.#entryBytes);
  }

  #resize(shard: Shard, capacity: number): void {
    const { tags, view, capacity: before } = shard;
    const next = newShard(capacity, this.#entryBytes);
    const [from, to] = [new Uint8Array(view.buffer), new Uint8Array(next.view.buffer)];
    for (let place = 0; place < before; place++) {
      const tag = tags[place] ?? EMPTY;
      if (tag === EMPTY) continue;
      const start = place * this.#entryBytes;
      let target = homeOf(view.getUint32(start + 4), capacity);
      while (next.tags[target] !== EMPTY) target = target + 1 === capacity ? 0 : target + 1;
      next.tags[target] = tag;
      to.set(from.subarray(start, start + this.#entryBytes), target * this.#entryBytes);
    }
    Object.assign(shard, { capacity, tags: next.tags, view: next.view });
  }
}

const NOTHING = new DataView(new ArrayBuffer(0));

/** The key that was read last, as four big-endian words: keys are hashes, so any part of them is a hash. */
let word0 = 0;
let word1 = 0;
let word2 = 0;
let word3 = 0;

/** Which of `KEY_PARTS` parts a key belongs to. */
export function partOf(key: SessionKey): number {
  return wordAt(keyToBytes(key), 0) % KEY_PARTS;
}

function readKey(bytes: Uint8Array): void {
  word0 = wordAt(bytes, 0);
  word1 = wordAt(bytes, 4);
  word2 = wordAt(bytes, 8);
  word3 = wordAt(bytes, 12);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

function writeKey(view: DataView, at: number): void {
  view.setUint32(at, word0);
  view.setUint32(at + 4, word1);
  view.setUint32(at + 8, word2);
  view.setUint32(at + 12, word3);
}

function isKeyAt(view: DataView, at: number): boolean {
  return (
    view.getUint32(at + 4) === word1 &&
    view.getUint32(at) === word0 &&
    view.getUint32(at + 8) === word2 &&
    view.getUint32(at + 12) === word3
  );
}

function keyAt(view: DataView, at: number): SessionKey {
  return keyFromBytes(new Uint8Array(view.buffer, at, KEY_BYTES));
}

function tagOf(): number {
  return 1 + (word2 % 255);
}

/** Spreads 32 bits evenly over any number of places, without a division. */
function homeOf(word: number, capacity: number): number {
  return Math.floor((word / 2 ** 32) * capacity);
}

function newShard(capacity: number, entryBytes: number): Shard {
  return {
    capacity,
    size: 0,
    tags: new Uint8Array(capacity),
    view: new DataView(new ArrayBuffer(capacity * entryBytes)),
    dueMs: Number.POSITIVE_INFINITY,
  };
}
