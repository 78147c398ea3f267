import { createEncoder, toUint8Array, writeUint8, writeVarString, writeVarUint, writeVarUint8Array } from "lib0/encoding";
import type { StoredRow } from "./cell-table.ts";
import { ROWS_NAME } from "./compaction.ts";
import type { Stamp, WriterId } from "./record.ts";
import { encodeCommitRow } from "./row-codec.ts";
import { emptied } from "./value-codec.ts";

/*
 * A commit as an update in Yjs' format V1, as `Y.encodeStateAsUpdate` writes it:
 *
 *   update   [varuint 1: clients] [varuint rows] [varuint writer] [varuint clock of the first] row+ deletions
 *   row      [u8 ContentBinary | HAS_ORIGIN] [varuint writer] [varuint clock of the one before]
 *            the first of a writer: [u8 ContentBinary] [varuint 1: in a root type] [varstring its name]
 *            [varuint length] [bytes]
 *   deletions  [varuint clients] clients × ([varuint client] [varuint ranges] ranges × ([varuint clock] [varuint length]))
 *
 * Each row of a writer stands after his last one: those who write in turn do not part each other's rows, so deleted ones fold, and whoever has a
 * writer's last commit has all that the next one stands beside. Where a row stands says nothing: the table orders by stamps.
 */
const CONTENT_BINARY = 3;
const HAS_ORIGIN = 0x80;
const IN_ROOT_TYPE = 1;

let sharedEncoder = createEncoder();

/** `added`: of one writer, with clocks one after the other. `removed`: rows that were there before. */
export function encodeCommit(stamp: Stamp, writer: WriterId, added: readonly StoredRow[], removed: Iterable<StoredRow>): Uint8Array {
  const encoder = (sharedEncoder = emptied(sharedEncoder));
  writeVarUint(encoder, 1);
  writeVarUint(encoder, added.length);
  writeVarUint(encoder, writer);
  writeVarUint(encoder, added[0]?.clock ?? 0);
  for (const { clock, containerId, layout, cells } of added) {
    if (clock > 0) {
      writeUint8(encoder, CONTENT_BINARY | HAS_ORIGIN);
      writeVarUint(encoder, writer);
      writeVarUint(encoder, clock - 1);
    } else {
      writeUint8(encoder, CONTENT_BINARY);
      writeVarUint(encoder, IN_ROOT_TYPE);
      writeVarString(encoder, ROWS_NAME);
    }
    writeVarUint8Array(encoder, encodeCommitRow(stamp, containerId, layout, cells));
  }
  const clocks = clocksByClient(removed);
  writeVarUint(encoder, clocks.length);
  for (const [client, removedClocks] of clocks) {
    const ranges = rangesOf(removedClocks);
    writeVarUint(encoder, client);
    writeVarUint(encoder, ranges.length);
    for (const [clock, length] of ranges) {
      writeVarUint(encoder, clock);
      writeVarUint(encoder, length);
    }
  }
  return toUint8Array(encoder);
}

/** Clients from the highest on, as Yjs has them. */
function clocksByClient(rows: Iterable<StoredRow>): (readonly [client: number, clocks: number[]])[] {
  const byClient: (readonly [number, number[]])[] = [];
  for (const { client, clock } of rows) {
    const known = byClient.find(([other]) => other === client);
    if (known === undefined) byClient.push([client, [clock]]);
    else known[1].push(clock);
  }
  return byClient.sort(([left], [right]) => right - left);
}

function rangesOf(clocks: number[]): (readonly [clock: number, length: number])[] {
  const ranges: [number, number][] = [];
  for (const clock of clocks.sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === clock) last[1] += 1;
    else ranges.push([clock, 1]);
  }
  return ranges;
}
