import { ByteReader } from "./byte-reader.ts";
import type { ClockRange } from "./cell-table.ts";
import { ROWS_NAME } from "./compaction.ts";
import { corrupt } from "./errors.ts";

/** A row in the list of rows, or what is left of deleted ones. */
export interface Struct {
  readonly client: number;
  readonly clock: number;
  /** How many clocks it takes: 1 for a row. */
  readonly length: number;
  /** What it was put behind; undefined at the beginning of the list. */
  readonly origin: ItemId | undefined;
  /** Shares memory with the update. Undefined: deleted. */
  readonly row: Uint8Array | undefined;
}

export interface ItemId {
  readonly client: number;
  readonly clock: number;
}

export interface DecodedUpdate {
  /** By client, at least one of each. Those of a client follow one another without a gap. */
  readonly structs: ReadonlyMap<number, readonly Struct[]>;
  /** Deleted clocks by client, at least one range of each: in order, and none reaches into another. */
  readonly deleted: ReadonlyMap<number, readonly ClockRange[]>;
}

/** What Yjs calls an Item with ContentDeleted, and one with ContentBinary; the bit of one that has an origin. */
const DELETED = 1;
const ROW = 3;
const HAS_ORIGIN = 0x80;

/**
 * Reads a Yjs update in format V1 of a session's document:
 *
 *   update    [varuint clients] clients × ([varuint structs ≥ 1] [varuint client] [varuint clock] struct*) deletions
 *   struct    [u8 3] [place] [varuint length] [row]   or   [u8 1] [place] [varuint clocks ≥ 1]
 *   place     with 0x80 in the first byte: [varuint client] [varuint clock] of the origin; otherwise [u8 1] [u8 1] "s"
 *   deletions [varuint clients] clients × ([varuint client] [varuint ranges ≥ 1] ranges × ([varuint clock] [varuint clocks ≥ 1]))
 *
 * Yjs' own reader takes much else: subdocuments and types, which cost it a hundred times as much as their bytes, items of no length, two
 * blocks of one client, of which it later forgets one, numbers beyond 2^53. Nobody who writes rows writes that, so nobody gets it in.
 * @throws SessionError RECORD_CORRUPT for anything else
 */
export function decodeUpdate(update: Uint8Array): DecodedUpdate {
  const reader = new ByteReader(update);
  const structs = new Map<number, Struct[]>();
  for (let left = reader.count(5); left > 0; left--) {
    let count = reader.count(3);
    const client = reader.varUint();
    let clock = reader.varUint();
    if (count === 0 || structs.has(client)) throw corrupt("clients");
    const ofClient: Struct[] = [];
    structs.set(client, ofClient);
    for (; count > 0; count--) {
      const struct = readStruct(reader, client, clock);
      ofClient.push(struct);
      clock = sumOf(clock, struct.length);
    }
  }
  const deleted = new Map<number, ClockRange[]>();
  for (let left = reader.count(4); left > 0; left--) {
    const client = reader.varUint();
    let count = reader.count(2);
    if (count === 0 || deleted.has(client)) throw corrupt("deletion");
    const ranges: ClockRange[] = [];
    deleted.set(client, ranges);
    for (let end = 0; count > 0; count--) {
      const clock = reader.varUint();
      const len = reader.varUint();
      if (clock < end || len === 0) throw corrupt("deletion");
      ranges.push({ clock, len });
      end = sumOf(clock, len);
    }
  }
  reader.finish();
  return { structs, deleted };
}

/** Whether one of `ranges`, as an update has them, holds all these clocks. */
export function isWithin(ranges: readonly ClockRange[] | undefined, clock: number, len = 1): boolean {
  if (ranges === undefined) return false;
  let low = 0;
  // The last range that does not begin behind it.
  for (let high = ranges.length; low < high;) {
    const middle = (low + high) >> 1;
    if ((ranges[middle] as ClockRange).clock <= clock) low = middle + 1;
    else high = middle;
  }
  const range = ranges[low - 1];
  return range !== undefined && clock + len <= range.clock + range.len;
}

/** The clock behind the last of these structs of one client. */
export function endOf(structs: readonly Struct[]): number {
  const last = structs.at(-1);
  return last === undefined ? 0 : last.clock + last.length;
}

function readStruct(reader: ByteReader, client: number, clock: number): Struct {
  const info = reader.u8();
  const hasOrigin = info >= HAS_ORIGIN;
  const origin = hasOrigin ? { client: reader.varUint(), clock: reader.varUint() } : undefined;
  if (!hasOrigin && (reader.u8() !== 1 || reader.text(1) !== ROWS_NAME)) throw corrupt("parent");
  const content = info % HAS_ORIGIN;
  const size = reader.varUint();
  if (content === ROW) return { client, clock, length: 1, origin, row: reader.view(size) };
  if (content !== DELETED || size === 0) throw corrupt("content");
  return { client, clock, length: size, origin, row: undefined };
}

function sumOf(clock: number, len: number): number {
  if (!Number.isSafeInteger(clock + len)) throw corrupt("clock");
  return clock + len;
}
