/*
 * How LMDB (data format 2, as the lmdb package writes it on 64-bit little-endian machines) lays out its file: what mdb.c calls MDB_meta,
 * MDB_page, MDB_node. Read-only, and only what the check in `check-data-file.ts` looks at.
 */

/** `[u64 page number][u64 transaction][u16][u16 flags][u16 lower][u16 upper]`; the positions of nodes count from its end. */
export const PAGE_HEADER_BYTES = 24;
/** `[u16 low][u16 high][u16 flags][u16 key size][key][data]` */
export const NODE_HEADER_BYTES = 8;
/** `[u64 page number][u64 transaction][u64 page count]` in place of the data of a node whose data has pages of its own. */
export const OVERFLOW_REFERENCE_BYTES = 24;
/** As much of the file as both meta pages take, with the greatest page size. */
export const META_BYTES_MAX = 2 * 65_536;

export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;
export const NODE_BIG = 0x01;
/** The root of a tree without pages: all bits set. */
export const NO_PAGE = 2n ** 64n - 1n;

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const PAGE_BYTES_MIN = 4096;
const PAGE_BYTES_MAX = 65_536;
/** Keys of the tree of free pages are integers; our own tree has no flags. */
const FREE_TREE_FLAGS = 0x08;
/** More than any tree has; `CURSOR_STACK` in mdb.c. */
const DEPTH_MAX = 32;

export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPageCount: bigint;
  readonly leafPageCount: bigint;
  readonly overflowPageCount: bigint;
  readonly entryCount: bigint;
  readonly root: bigint;
}

export interface Meta {
  readonly pageBytes: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** Why a file is refused: what is wrong with it, and for files that others wrote that too. */
export class DamagedFile extends Error {
  override readonly name = "DamagedFile";
  readonly isNewer: boolean;

  constructor(what: string, isNewer = false) {
    super(what);
    this.isNewer = isNewer;
  }
}

/**
 * The two meta pages, the older one first. `start` is what the file begins with.
 * @throws DamagedFile
 */
export function readMetas(start: Buffer, fileBytes: number): readonly [older: Meta, newer: Meta] {
  if (fileBytes === 0) throw new DamagedFile("it is empty");
  const first = readMeta(start, 0, fileBytes);
  const second = readMeta(start, first.pageBytes, fileBytes);
  if (second.pageBytes !== first.pageBytes) throw new DamagedFile("its two meta pages differ");
  // Transaction n writes meta page n % 2; a file that was never written to has 0 in both.
  const isNew = first.transaction === 0n && second.transaction === 0n;
  const isInStep = first.transaction % 2n === 0n && second.transaction % 2n === 1n;
  const distance = first.transaction - second.transaction;
  if (!isNew && !(isInStep && (distance === 1n || distance === -1n))) throw new DamagedFile("its two meta pages do not follow each other");
  return first.transaction < second.transaction ? [first, second] : [second, first];
}

function readMeta(start: Buffer, at: number, fileBytes: number): Meta {
  if (start.length < at + PAGE_BYTES_MIN) throw new DamagedFile("it ends within its first pages");
  const page = start.subarray(at);
  // The second page must say the same; a file of another program differs in the first already.
  const isMeta = page.readUInt16LE(18) === PAGE_META && page.readBigUInt64LE(0) === BigInt(at > 0);
  if (page.readUInt32LE(24) !== MAGIC || !isMeta) throw new DamagedFile(at === 0 ? "it is no LMDB file" : "a meta page is broken");
  const version = page.readUInt32LE(28);
  if (version !== DATA_VERSION)
    throw new DamagedFile(`it has the LMDB data format ${version}, and this is ${DATA_VERSION}`, version > DATA_VERSION);
  const pageBytes = page.readUInt32LE(48);
  const isPageSize = pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX && (pageBytes & (pageBytes - 1)) === 0;
  const [free, main] = [readTree(page, 48), readTree(page, 96)];
  const lastPage = page.readBigUInt64LE(144);
  const isSane =
    isPageSize &&
    free.flags === FREE_TREE_FLAGS &&
    main.flags === 0 &&
    page.readUInt32LE(96) === 0 &&
    [free, main].every(({ depth, root }) => depth <= DEPTH_MAX && (root === NO_PAGE ? depth === 0 : depth > 0 && root <= lastPage)) &&
    // The last pages may be free and not there; but no transaction frees so many that it matters here.
    lastPage * BigInt(pageBytes) <= BigInt(fileBytes) * 2n + 2n ** 30n &&
    page.readBigUInt64LE(40) < 2n ** 47n;
  if (!isSane) throw new DamagedFile("a meta page is broken");
  return { pageBytes, free, main, lastPage, transaction: page.readBigUInt64LE(152) };
}

function readTree(page: Buffer, at: number): Tree {
  return {
    flags: page.readUInt16LE(at + 4),
    depth: page.readUInt16LE(at + 6),
    branchPageCount: page.readBigUInt64LE(at + 8),
    leafPageCount: page.readBigUInt64LE(at + 16),
    overflowPageCount: page.readBigUInt64LE(at + 24),
    entryCount: page.readBigUInt64LE(at + 32),
    root: page.readBigUInt64LE(at + 40),
  };
}
