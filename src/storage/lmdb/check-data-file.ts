import { readSync } from "node:fs";
import {
  DamagedFile,
  type Meta,
  META_BYTES_MAX,
  NODE_BIG,
  NODE_HEADER_BYTES,
  NO_PAGE,
  OVERFLOW_REFERENCE_BYTES,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  PAGE_OVERFLOW,
  readMetas,
  type Tree,
} from "./page-format.ts";

/*
 * LMDB trusts its file: it follows page numbers and positions without looking, so a truncated file ends the process by SIGBUS and a
 * flipped bit by SIGSEGV, or it hands out a page twice and destroys what lay there. So before LMDB follows anything, every page that
 * the newest snapshot uses is looked at here: that it is there, is what the tree says, and holds nothing that points out of it.
 */

/** Called with each entry of the main tree. `value` is at least the first kilobyte of it, and valid during the call only. */
export type EntryVisitor = (key: Buffer, value: Buffer) => void;

/** The meta pages of an open file. @throws DamagedFile */
export function readMetasOf(file: number, fileBytes: number): readonly [older: Meta, newer: Meta] {
  const start = Buffer.alloc(Math.min(META_BYTES_MAX, fileBytes));
  readFully(file, start, 0);
  return readMetas(start, fileBytes);
}

/**
 * Looks at every page that the newest snapshot uses. Others may write meanwhile, as long as the caller holds a read transaction, which
 * keeps the pages of every snapshot since. Costs about 3 µs a page.
 * @throws DamagedFile
 */
export function checkDataFile(file: number, fileBytes: number, visit: EntryVisitor): void {
  const [older, newer] = readMetasOf(file, fileBytes);
  const check = new FileCheck(file, fileBytes, newer);
  // Every transaction writes a new root: one that is newer than its meta page tells that this page was set back.
  check.root(older, false);
  check.root(newer, true);
  check.tree(newer.main, visit);
  check.tree(newer.free, (key, value) => check.freePages(key, value));
  check.finish();
}

interface Bounds {
  readonly from: Buffer | undefined;
  readonly before: Buffer | undefined;
}

class FileCheck {
  readonly #file: number;
  readonly #fileBytes: number;
  readonly #meta: Meta;
  readonly #pageBytes: number;
  /** One page a level, and one for what a node points to. */
  readonly #pages = new Map<number, Buffer>();
  readonly #used: Uint8Array;
  readonly #free: Uint8Array;
  #compare: (left: Buffer, right: Buffer) => number = compareBytes;

  constructor(file: number, fileBytes: number, meta: Meta) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#meta = meta;
    this.#pageBytes = meta.pageBytes;
    const bytes = Math.ceil((Number(meta.lastPage) + 1) / 8);
    this.#used = new Uint8Array(bytes);
    this.#free = new Uint8Array(bytes);
    mark(this.#used, 0);
    mark(this.#used, 1);
  }

  root({ main, transaction }: Meta, isNewest: boolean): void {
    if (main.root === NO_PAGE) return;
    const page = this.#read(0, main.root, 1);
    const written = page.readBigUInt64LE(8);
    if (isNewest ? written !== transaction : written > transaction) throw new DamagedFile("a meta page was set back");
  }

  tree(tree: Tree, visit: EntryVisitor): void {
    this.#compare = tree === this.#meta.free ? compareIntegers : compareBytes;
    const counts = { branch: 0, leaf: 0, overflow: 0, entries: 0 };
    const walk = (number: bigint, depth: number, bounds: Bounds): void => {
      this.#use(number, 1);
      const page = this.#read(depth, number, 1);
      const isLeaf = depth === tree.depth - 1;
      if (page.readUInt16LE(18) !== (isLeaf ? PAGE_LEAF : PAGE_BRANCH))
        throw new DamagedFile("a page is of another kind than its tree says");
      const positions = this.#positions(page, isLeaf ? 1 : 2);
      counts[isLeaf ? "leaf" : "branch"]++;
      let previous = bounds.from;
      for (const [index, at] of positions.entries()) {
        const key = this.#key(page, at);
        // The first key of a branch stands for everything before the second.
        const isOrdered = !isLeaf && index === 0 ? true : this.#isBetween(key, previous, bounds.before, index > 0);
        if (!isOrdered) throw new DamagedFile("its keys are out of order");
        if (!isLeaf) {
          const next = positions[index + 1];
          const before = next === undefined ? bounds.before : this.#key(page, next);
          walk(childOf(page, at), depth + 1, { from: index === 0 ? bounds.from : key, before });
        } else {
          if (key.length === 0) throw new DamagedFile("a key is empty");
          counts.entries++;
          visit(
            key,
            this.#value(page, at, depth, (pageCount) => (counts.overflow += pageCount)),
          );
        }
        if (isLeaf || index > 0) previous = key;
      }
    };
    if (tree.root !== NO_PAGE) walk(tree.root, 0, { from: undefined, before: undefined });
    const isCounted =
      BigInt(counts.branch) === tree.branchPageCount &&
      BigInt(counts.leaf) === tree.leafPageCount &&
      BigInt(counts.overflow) === tree.overflowPageCount &&
      BigInt(counts.entries) === tree.entryCount;
    if (!isCounted) throw new DamagedFile("a tree has other pages than its meta page says");
  }

  /** `[u64 count]` and so many numbers: a page, or minus how many pages and the first of them, or 0 for nothing. */
  freePages(key: Buffer, value: Buffer): void {
    if (key.length !== 8 || key.readBigUInt64LE(0) > this.#meta.transaction) throw new DamagedFile("a list of free pages is broken");
    const count = value.length >= 8 ? Number(value.readBigUInt64LE(0)) : -1;
    if (count < 0 || value.length < 8 * (count + 1)) throw new DamagedFile("a list of free pages is broken");
    for (let index = 1; index <= count; index++) {
      const entry = value.readBigInt64LE(8 * index);
      if (entry === 0n) continue;
      const isBlock = entry < 0n;
      if (isBlock && index === count) throw new DamagedFile("a list of free pages is broken");
      const first = isBlock ? value.readBigInt64LE(8 * ++index) : entry;
      const pageCount = isBlock ? -entry : 1n;
      if (first < 2n || first + pageCount - 1n > this.#meta.lastPage) throw new DamagedFile("a list of free pages is broken");
      for (let page = first; page < first + pageCount; page++)
        if (!mark(this.#free, Number(page))) throw new DamagedFile("a page is free twice");
    }
  }

  finish(): void {
    for (const [index, used] of this.#used.entries())
      if ((used & (this.#free[index] ?? 0)) !== 0) throw new DamagedFile("a page is used and free");
  }

  #isBetween(key: Buffer, from: Buffer | undefined, before: Buffer | undefined, isAfter: boolean): boolean {
    if (from !== undefined && this.#compare(key, from) < (isAfter ? 1 : 0)) return false;
    return before === undefined || this.#compare(key, before) < 0;
  }

  /** Where the nodes of a page begin. */
  #positions(page: Buffer, countMin: number): readonly number[] {
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const isSane = lower % 2 === 0 && lower <= upper && upper <= this.#pageBytes - PAGE_HEADER_BYTES && page.readUInt16LE(16) === 0;
    if (!isSane || lower / 2 < countMin) throw new DamagedFile("a page is broken");
    const positions: number[] = [];
    for (let index = 0; index < lower / 2; index++) {
      const position = page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index);
      const at = position + PAGE_HEADER_BYTES;
      if (position < upper || position % 2 !== 0 || at + NODE_HEADER_BYTES > this.#pageBytes) throw new DamagedFile("a page is broken");
      positions.push(at);
    }
    return positions;
  }

  #key(page: Buffer, at: number): Buffer {
    const end = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    if (end > this.#pageBytes) throw new DamagedFile("a key reaches out of its page");
    return page.subarray(at + NODE_HEADER_BYTES, end);
  }

  #value(page: Buffer, at: number, depth: number, counted: (pageCount: number) => void): Buffer {
    const valueBytes = page.readUInt32LE(at);
    const flags = page.readUInt16LE(at + 4);
    const start = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    const isBig = flags === NODE_BIG;
    const end = start + (isBig ? OVERFLOW_REFERENCE_BYTES : valueBytes);
    if ((!isBig && flags !== 0) || end > this.#pageBytes) throw new DamagedFile("a value reaches out of its page");
    if (!isBig) return page.subarray(start, end);
    const number = page.readBigUInt64LE(start);
    const pageCount = Math.floor((PAGE_HEADER_BYTES - 1 + valueBytes) / this.#pageBytes) + 1;
    if (page.readBigUInt64LE(start + 16) !== BigInt(pageCount)) throw new DamagedFile("a value has other pages than it says");
    this.#use(number, pageCount);
    counted(pageCount);
    const pages = this.#read(depth + 1, number, pageCount);
    const isOverflow = pages.readUInt16LE(18) === PAGE_OVERFLOW && pages.readUInt32LE(20) === pageCount;
    if (!isOverflow) throw new DamagedFile("a page is of another kind than its tree says");
    return pages.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + valueBytes);
  }

  #use(number: bigint, pageCount: number): void {
    if (number + BigInt(pageCount) - 1n > this.#meta.lastPage) throw new DamagedFile("it points to a page that it does not have");
    for (let page = 0; page < pageCount; page++)
      if (!mark(this.#used, Number(number) + page)) throw new DamagedFile("a page is used twice");
  }

  #read(slot: number, number: bigint, pageCount: number): Buffer {
    const bytes = pageCount * this.#pageBytes;
    const position = Number(number) * this.#pageBytes;
    if (position + bytes > this.#fileBytes) throw new DamagedFile("it is truncated");
    let buffer = pageCount === 1 ? this.#pages.get(slot) : Buffer.allocUnsafe(bytes);
    if (buffer === undefined) this.#pages.set(slot, (buffer = Buffer.allocUnsafe(bytes)));
    readFully(this.#file, buffer, position);
    if (buffer.readBigUInt64LE(0) !== number) throw new DamagedFile("a page has another number than its place");
    if (buffer.readBigUInt64LE(8) > this.#meta.transaction) throw new DamagedFile("a page is newer than its tree");
    return buffer;
  }
}

function childOf(page: Buffer, at: number): bigint {
  return BigInt(page.readUInt32LE(at)) + (BigInt(page.readUInt16LE(at + 4)) << 32n);
}

function compareBytes(left: Buffer, right: Buffer): number {
  return left.compare(right);
}

function compareIntegers(left: Buffer, right: Buffer): number {
  if (left.length !== 8 || right.length !== 8) throw new DamagedFile("a list of free pages is broken");
  const [one, other] = [left.readBigUInt64LE(0), right.readBigUInt64LE(0)];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** False when the bit was set before. */
function mark(bits: Uint8Array, number: number): boolean {
  const mask = 1 << (number & 7);
  const before = bits[number >> 3] ?? 0;
  bits[number >> 3] = before | mask;
  return (before & mask) === 0;
}

function readFully(file: number, buffer: Buffer, position: number): void {
  for (let done = 0; done < buffer.length;) {
    const count = readSync(file, buffer, done, buffer.length - done, position + done);
    if (count === 0) throw new DamagedFile("it is truncated");
    done += count;
  }
}
