import { CellTable, type ClockRange } from "./cell-table.ts";
import { raise, type VersionVector } from "./cells.ts";
import { GENESIS_CLIENT } from "./compaction.ts";
import { type DecodedUpdate, decodeUpdate, endOf, isWithin } from "./decoded-update.ts";
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

/**
 * Reads the rows of an update. `knownClock` says how much of a client the receiver has; `header` is its genesis header, where it has one.
 * What comes from outside is looked through before (`intake.ts`).
 * @throws SessionError RECORD_CORRUPT for anything but rows
 */
export function readUpdate(
  { structs, deleted }: DecodedUpdate,
  limits: Limits,
  knownClock: (client: number) => number,
  knownHeader?: GenesisHeader,
): ReadUpdate {
  const fresh: { client: number; clock: number; bytes: Uint8Array }[] = [];
  const clocks = new Map<number, number>();
  for (const [client, ofClient] of structs) {
    clocks.set(client, endOf(ofClient));
    const known = knownClock(client);
    const ranges = deleted.get(client);
    for (const { clock, row } of ofClient)
      if (row !== undefined && clock >= known && !isWithin(ranges, clock)) fresh.push({ client, clock, bytes: row });
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

/** The cells of a whole document, without making a Yjs document of it. */
export function readTable(bytes: Uint8Array, limits: Limits): ReadDocument {
  return documentOf(readUpdate(decodeUpdate(bytes), limits, () => 0));
}

/** What a whole document has seen, by as little decoding as that takes. @throws SessionError RECORD_CORRUPT */
export function readVector(bytes: Uint8Array): VersionVector {
  const { structs, deleted } = decodeUpdate(bytes);
  const vector: VersionVector = new Map();
  for (const [client, ofClient] of structs) {
    const ranges = deleted.get(client);
    for (const { clock, row } of ofClient)
      if (row !== undefined && !isWithin(ranges, clock)) for (const dot of readSeen(row, client)) raise(vector, dot);
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
