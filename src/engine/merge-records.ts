import * as Y from "yjs";
import { CellTable } from "./cell-table.ts";
import { type Cell, covers, type Row } from "./cells.ts";
import { canonicalRows, genesisOf } from "./compaction.ts";
import type { Sha256 } from "./containers.ts";
import { type DecodedUpdate, decodeUpdate, endOf, isWithin } from "./decoded-update.ts";
import { joinEnvelopes } from "./envelope.ts";
import type { Limits } from "./limits.ts";
import { compareEpochs, type DocumentRecord, type SessionRecord } from "./record.ts";
import { readTable } from "./update-reader.ts";

/** What merging needs from around it. */
export interface MergeContext {
  readonly sha256: Sha256;
  readonly limits: Limits;
}

/**
 * The one merge of two copies of a session: stores, relays, joins and imports call it, and nothing else merges. Commutative and
 * idempotent; after any order of exchanges all copies are equal. An end dominates.
 * @throws SessionError RECORD_CORRUPT when a document cannot be read.
 */
export function mergeRecords(left: SessionRecord, right: SessionRecord, context: MergeContext): SessionRecord {
  const envelope = joinEnvelopes(left.envelope, right.envelope);
  if (envelope.ended !== undefined || left.document === undefined || right.document === undefined) return { envelope, document: undefined };
  return { envelope, document: mergeDocuments(left.document, right.document, context) };
}

export function mergeDocuments(left: DocumentRecord, right: DocumentRecord, context: MergeContext): DocumentRecord {
  const order = compareEpochs(left.epoch, right.epoch);
  if (order === 0) return mergeWithinEpoch(left, right, context);
  const [lower, higher] = order < 0 ? [left, right] : [right, left];
  const lowerTable = readTable(lower.bytes, context.limits).table;
  const higherTable = readTable(higher.bytes, context.limits).table;
  return joined(joinTables(lowerTable, higherTable), higherTable, higher, context);
}

/**
 * The join of two sets of cells: one that only one side has is kept if the other side has not seen its dot, dropped if it has.
 */
function joinTables(left: CellTable, right: CellTable): CellTable {
  const leftKeys = keysOf(left);
  const rightKeys = keysOf(right);
  const after = copyTable(left, (row, cell) => rightKeys.has(keyOf(row, cell)) || !covers(right.vector, [cell.writer, cell.stamp]));
  let clock = 0;
  for (const row of right.countingRows()) {
    const cells = row.cells.filter((cell) => !leftKeys.has(keyOf(row, cell)) && !covers(left.vector, [cell.writer, cell.stamp]));
    if (cells.length > 0) after.add({ ...row, cells }, -1, clock++, 0);
  }
  for (const dot of right.vector) after.see(dot);
  after.removalFloor = Math.max(left.removalFloor, right.removalFloor);
  return after;
}

function mergeWithinEpoch(left: DocumentRecord, right: DocumentRecord, context: MergeContext): DocumentRecord {
  if (sameBytes(left.bytes, right.bytes)) return left;
  // Most often one side is the other and a commit more: found out in a tenth of the time that merging them takes.
  const [ours, theirs] = [decodeUpdate(left.bytes), decodeUpdate(right.bytes)];
  if (coversUpdate(theirs, ours)) return right;
  if (coversUpdate(ours, theirs)) return left;
  for (const { bytes } of [left, right]) readTable(bytes, context.limits);
  const doc = new Y.Doc({ guid: "" });
  Y.applyUpdate(doc, left.bytes);
  Y.applyUpdate(doc, right.bytes);
  const bytes = Y.encodeStateAsUpdate(doc);
  doc.destroy();
  return { epoch: left.epoch, bytes };
}

/** Whether one update of a whole document has all structs and deletions of another of the same epoch. */
function coversUpdate(more: DecodedUpdate, less: DecodedUpdate): boolean {
  for (const [client, structs] of less.structs) if (endOf(structs) > endOf(more.structs.get(client) ?? [])) return false;
  for (const [client, ranges] of less.deleted) {
    const theirs = more.deleted.get(client);
    if (!ranges.every(({ clock, len }) => isWithin(theirs, clock, len))) return false;
  }
  return true;
}

/** If the join says no more than the higher document, that one is adopted; otherwise it becomes a new genesis above both. */
export function joined(join: CellTable, higherTable: CellTable, higher: DocumentRecord, context: MergeContext): DocumentRecord {
  const joinRows = canonicalRows(join);
  const higherRows = canonicalRows(higherTable);
  const same = joinRows.length === higherRows.length && joinRows.every((row, index) => sameBytes(row, higherRows[index]));
  return same ? higher : genesisOf(join, higher.epoch.counter + 1, context.sha256);
}

export function copyTable(table: CellTable, keep: (row: Row, cell: Cell) => boolean): CellTable {
  const copy = new CellTable();
  let clock = 0;
  for (const row of table.countingRows()) {
    const cells = row.cells.filter((cell) => keep(row, cell));
    if (cells.length > 0) copy.add({ ...row, cells }, 0, clock++, 0);
  }
  for (const dot of table.vector) copy.see(dot);
  copy.removalFloor = table.removalFloor;
  return copy;
}

function keysOf(table: CellTable): Set<string> {
  const keys = new Set<string>();
  for (const row of table.countingRows()) for (const cell of row.cells) keys.add(keyOf(row, cell));
  return keys;
}

function keyOf(row: Row, cell: Cell): string {
  return `${row.containerId}\0${cell.property}\0${cell.writer}\0${cell.stamp}`;
}

function sameBytes(left: Uint8Array, right: Uint8Array | undefined): boolean {
  return right !== undefined && left.length === right.length && left.every((byte, index) => byte === right[index]);
}
