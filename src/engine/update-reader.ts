import * as Y from "yjs";
import { CellTable, type ClockRange } from "./cell-table.ts";
import { raise, type VersionVector } from "./cells.ts";
import { GENESIS_CLIENT } from "./compaction.ts";
import { corrupt } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Stamp } from "./record.ts";
import { type DecodedRow, decodeRow, type GenesisHeader, readSeen } from "./row-codec.ts";

/** Writer ids, and so the Yjs clients that write sessions, are at least this; browsers draw 32 bits. */
export const WRITER_MIN = 2 ** 32;
export const WRITER_MAX = 2 ** 35 - 1;

export interface ReadRow {
  readonly client: number;
  readonly clock: number;
  readonly decoded: Exclude<DecodedRow, { type: "header" }>;
}

/** A Yjs update taken apart, before any document sees it. */
export interface ReadUpdate {
  readonly header: GenesisHeader | undefined;
  /** Rows that the receiver does not have yet and that the update does not delete itself. */
  readonly rows: readonly ReadRow[];
  /** Ranges of deleted clocks, by client. */
  readonly deleted: ReadonlyMap<number, readonly ClockRange[]>;
  /** Up to which clock it has the structs of each client that it tells of, deleted ones included. */
  readonly clocks: Clocks;
}

/** How much of each Yjs client a document has: the clock of what comes next. */
export type Clocks = ReadonlyMap<number, number>;

/** What reading needs of a document, beside its bytes. */
export interface ReadDocument {
  readonly table: CellTable;
  readonly header: GenesisHeader | undefined;
  readonly clocks: Clocks;
}

/** What `Y.decodeUpdate` gives: structs that no document has integrated yet, and deletions. */
export type DecodedUpdate = ReturnType<typeof Y.decodeUpdate>;

/**
 * Reads an update in format V1 that holds rows of a session document. `knownClock` says how much of a client the receiver has;
 * `header` is its genesis header, where it has one. Nothing is allocated by a size that the bytes claim. What comes from outside is
 * looked through by `check` before its rows are read (`intake.ts`).
 * @throws SessionError RECORD_CORRUPT for anything but rows
 */
export function readUpdate(
  update: Uint8Array,
  limits: Limits,
  knownClock: (client: number) => number,
  knownHeader?: GenesisHeader,
  check?: (decoded: DecodedUpdate) => void,
): ReadUpdate {
  const decoded = decodeUpdate(update);
  check?.(decoded);
  const deleted = decoded.ds.clients;
  const fresh: { client: number; clock: number; bytes: Uint8Array }[] = [];
  const clocks = new Map<number, number>();
  for (const struct of decoded.structs) {
    clocks.set(struct.id.client, struct.id.clock + struct.length);
    const content = struct instanceof Y.Item ? struct.content : undefined;
    if (content instanceof Y.ContentDeleted) continue;
    if (!(content instanceof Y.ContentBinary)) throw corrupt("content");
    const { client, clock } = struct.id;
    if (clock >= knownClock(client) && !isDeleted(deleted.get(client), clock)) fresh.push({ client, clock, bytes: content.content });
  }
  const headerRow = fresh.find((row) => row.client === GENESIS_CLIENT && row.clock === 0);
  let header = knownHeader;
  if (headerRow !== undefined) {
    const first = decodeRow(headerRow.bytes, GENESIS_CLIENT, undefined, limits);
    if (first.type !== "header") throw corrupt("genesis");
    header = first.header;
  }
  const rows: ReadRow[] = [];
  for (const row of fresh) {
    if (row === headerRow) continue;
    const read = decodeRow(row.bytes, row.client, header, limits);
    if (read.type === "header" || (read.type === "genesis") !== (row.client === GENESIS_CLIENT)) throw corrupt("row");
    rows.push({ client: row.client, clock: row.clock, decoded: read });
  }
  return { header, rows, deleted, clocks };
}

/** @throws SessionError RECORD_CORRUPT */
export function decodeUpdate(update: Uint8Array): DecodedUpdate {
  try {
    return Y.decodeUpdate(update);
  } catch (cause) {
    throw corrupt("it is no Yjs update", cause);
  }
}

/** The cells of a whole document, without making a Yjs document of it. */
export function readTable(bytes: Uint8Array, limits: Limits): ReadDocument {
  return documentOf(readUpdate(bytes, limits, () => 0));
}

/** What a whole document has seen, by as little decoding as that takes. @throws SessionError RECORD_CORRUPT */
export function readVector(bytes: Uint8Array): VersionVector {
  const { structs, ds } = decodeUpdate(bytes);
  const vector: VersionVector = new Map();
  for (const struct of structs) {
    const content = struct instanceof Y.Item ? struct.content : undefined;
    const { client, clock } = struct.id;
    if (content instanceof Y.ContentDeleted || isDeleted(ds.clients.get(client), clock)) continue;
    if (!(content instanceof Y.ContentBinary)) throw corrupt("content");
    for (const dot of readSeen(content.content, client)) raise(vector, dot);
  }
  return vector;
}

/** @param read of a whole document */
export function documentOf(read: ReadUpdate): ReadDocument {
  const table = emptyTable(read.header);
  for (const row of read.rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));
  return { table, header: read.header, clocks: read.clocks };
}

/** What a document has seen before its first row. */
export function emptyTable(header: GenesisHeader | undefined): CellTable {
  const table = new CellTable();
  if (header !== undefined) {
    table.removalFloor = header.removalFloor;
    for (const dot of header.vector) table.see(dot);
  }
  return table;
}

export function stampOf(row: ReadRow): Stamp {
  return row.decoded.type === "commit" ? row.decoded.stamp : 0;
}

function isDeleted(ranges: readonly ClockRange[] | undefined, clock: number): boolean {
  return ranges?.some((range) => clock >= range.clock && clock < range.clock + range.len) ?? false;
}
