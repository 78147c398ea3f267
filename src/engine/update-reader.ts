import * as Y from "yjs";
import { CellTable, type ClockRange } from "./cell-table.ts";
import { GENESIS_CLIENT, ROWS_NAME } from "./compaction.ts";
import { corrupt } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Stamp } from "./record.ts";
import { type DecodedRow, decodeRow, type GenesisHeader } from "./row-codec.ts";

/** Writer ids, and so the Yjs clients that write sessions, are at least this; browsers draw 32 bits. */
export const WRITER_MIN = 2 ** 32;
export const WRITER_MAX = 2 ** 35 - 1;

const EMPTY_UPDATE_BYTES = 2;

export interface ReadRow {
  readonly client: number;
  readonly clock: number;
  readonly decoded: Exclude<DecodedRow, { type: "header" }>;
}

/** A Yjs update taken apart and checked, before any document sees it. */
export interface ReadUpdate {
  readonly header: GenesisHeader | undefined;
  /** Rows that the receiver does not have yet and that the update does not delete itself. */
  readonly rows: readonly ReadRow[];
  /** Ranges of deleted clocks, by client. */
  readonly deleted: ReadonlyMap<number, readonly ClockRange[]>;
}

/**
 * Reads an update in format V1 that holds rows of a session document and nothing else. `knownClock` says how much of a client
 * the receiver has; `header` is its genesis header, where it has one. Nothing is allocated by a size that the bytes claim.
 * @throws SessionError RECORD_CORRUPT: gaps, foreign content, deletions of what nobody wrote, clients that are no writers.
 */
export function readUpdate(
  update: Uint8Array,
  limits: Limits,
  knownClock: (client: number) => number,
  knownHeader?: GenesisHeader,
): ReadUpdate {
  let decoded: ReturnType<typeof Y.decodeUpdate>;
  try {
    decoded = Y.decodeUpdate(update);
  } catch (cause) {
    throw corrupt("it is no Yjs update", cause);
  }
  const deleted = decoded.ds.clients;
  const ends = new Map<number, number>();
  const fresh: { client: number; clock: number; bytes: Uint8Array }[] = [];
  const neighbours: Y.ID[] = [];
  // Bytes in format V2 decode to nothing in V1.
  if (decoded.structs.length === 0 && deleted.size === 0 && update.length !== EMPTY_UPDATE_BYTES) throw corrupt("format");
  for (const struct of decoded.structs) {
    const { client, clock } = struct.id;
    if (client !== GENESIS_CLIENT && (client < WRITER_MIN || client > WRITER_MAX)) throw corrupt("client");
    const known = knownClock(client);
    const end = ends.get(client) ?? known;
    if (clock > end || !Number.isSafeInteger(clock + struct.length)) throw corrupt("gap");
    ends.set(client, Math.max(end, clock + struct.length));
    // Nothing is ever deleted around a row, so Yjs makes no GC structs here.
    if (!(struct instanceof Y.Item)) throw corrupt("struct");
    checkPlace(struct, neighbours);
    if (struct.content instanceof Y.ContentDeleted) continue;
    if (!(struct.content instanceof Y.ContentBinary)) throw corrupt("content");
    if (clock >= known && !isDeleted(deleted.get(client), clock)) fresh.push({ client, clock, bytes: struct.content.content });
  }
  for (const { client, clock } of neighbours) if (clock >= (ends.get(client) ?? knownClock(client))) throw corrupt("neighbour");
  for (const [client, ranges] of deleted) {
    const end = ends.get(client) ?? knownClock(client);
    const first = client === GENESIS_CLIENT ? 1 : 0;
    for (const { clock, len } of ranges) if (clock < first || clock + len > end) throw corrupt("deletion");
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
  return { header, rows, deleted };
}

/** A row lies in the one list of rows, beside others that are there before it. Not yet integrated, so Yjs' types say too much. */
function checkPlace({ id, origin, rightOrigin, parent, parentSub }: Y.Item, neighbours: Y.ID[]): void {
  const name: unknown = parent;
  if (parentSub !== null || (name !== null && name !== ROWS_NAME)) throw corrupt("parent");
  if (name === null && origin === null && rightOrigin === null) throw corrupt("parent");
  for (const neighbour of [origin, rightOrigin]) {
    if (neighbour === null) continue;
    if (neighbour.client === id.client && neighbour.clock >= id.clock) throw corrupt("neighbour");
    neighbours.push(neighbour);
  }
}

/** The cells of a whole document, without making a Yjs document of it. */
export function readTable(bytes: Uint8Array, limits: Limits): { table: CellTable; header: GenesisHeader | undefined } {
  const read = readUpdate(bytes, limits, () => 0);
  const table = new CellTable();
  if (read.header !== undefined) {
    table.removalFloor = read.header.removalFloor;
    for (const dot of read.header.vector) table.see(dot);
  }
  checkPlaces(table, read.rows);
  for (const row of read.rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));
  return { table, header: read.header };
}

/** @throws SessionError RECORD_CORRUPT when rows use containers in another way than the table, or each other, do */
export function checkPlaces(table: CellTable, rows: readonly ReadRow[]): void {
  if (table.conflictsWith(rows.map((row) => row.decoded.row))) throw corrupt("a container is used in two ways");
}

export function stampOf(row: ReadRow): Stamp {
  return row.decoded.type === "commit" ? row.decoded.stamp : 0;
}

function isDeleted(ranges: readonly ClockRange[] | undefined, clock: number): boolean {
  return ranges?.some((range) => clock >= range.clock && clock < range.clock + range.len) ?? false;
}
