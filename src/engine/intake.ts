import type { CellTable, ClockRange, Place, StoredRow } from "./cell-table.ts";
import { CellKind, type ContainerKind, covers, Layout, layoutOf, namedContainer, ROOT_CONTAINER, type Row } from "./cells.ts";
import { GENESIS_CLIENT } from "./compaction.ts";
import { memberProperty } from "./containers.ts";
import { type DecodedUpdate, decodeUpdate, endOf, type ItemId, isWithin, type Struct } from "./decoded-update.ts";
import type { DocumentContext, DocumentParts, SessionDocument } from "./document.ts";
import { corrupt } from "./errors.ts";
import { copyTable, joined } from "./merge-records.ts";
import { type Change, compareEpochs, type DocumentRecord, type Dot, type Stamp, type WriterId } from "./record.ts";
import {
  documentOf,
  emptyTable,
  type ReadDocument,
  type ReadUpdate,
  readUpdate,
  stampOf,
  WRITER_MAX,
  WRITER_MIN,
} from "./update-reader.ts";

/*
 * What others wrote, on its way into a session: checked whole, then taken in. Every way in from outside (a peer, later a disk) goes
 * through here; the rest of the engine trusts the documents that it holds. Yjs alone would not do: it applies broken updates in part,
 * waits for parts that never come, and takes deletions of what is not written yet.
 */

/** `state-needed`: a gap, or a higher epoch; nothing was changed. */
export type ApplyResult = "applied" | "joined" | "duplicate" | "state-needed";

/** More than a session ever goes through. */
const EPOCHS_MAX = 2 ** 32;

/** Called with the rows that are about to be taken in, once they were checked. */
export type LookAtRows = (rows: readonly Row[]) => void;

/**
 * A document from outside, once everything about its bytes was checked: Yjs will take it whole.
 * @throws SessionError RECORD_CORRUPT
 */
export function checkDocument(context: DocumentContext, record: DocumentRecord): ReadDocument {
  const nothing = (): number => 0;
  const decoded = checked(decodeUpdate(record.bytes), nothing);
  if (decoded.structs.has(GENESIS_CLIENT) !== record.epoch.counter > 0) throw corrupt("genesis");
  const read = readUpdate(decoded, context.limits, nothing);
  checkRows(emptyTable(read.header), read, context);
  const document = documentOf(read);
  // One near 2^53 would be the last that can be written. Stamps grow faster than epochs: none at this bound stays there.
  if (record.epoch.counter > document.table.latestStamp + EPOCHS_MAX) throw corrupt("epoch");
  return document;
}

/**
 * Takes in a commit of another replica, if all that it depends on is here. One that was made in a lower epoch is joined from its cells
 * and the keys that it dropped: nothing else of its old document is needed.
 * @throws SessionError RECORD_CORRUPT; the document is as it was
 */
export function applyChange(document: SessionDocument, change: Change, look: LookAtRows = () => undefined): ApplyResult {
  const dot: Dot = [change.writer, change.stamp];
  const { table } = document.parts();
  if (covers(table.vector, dot)) return "duplicate";
  // It follows the last one of its writer, and its author had seen nothing that is missing here.
  const isNext = (table.vector.get(change.writer) ?? 0) === change.previousStamp && change.seen.every((seen) => covers(table.vector, seen));
  const order = compareEpochs(change.epoch, document.epoch);
  if (!isNext || order > 0) return "state-needed";
  if (order < 0) {
    document.adopt(joinChange(document.encode(), change, document.parts(), look));
    return "joined";
  }
  const decoded = decodeUpdate(change.update);
  const read = readForeign(document.parts(), decoded);
  checkCommit(decoded, read, change);
  look(rowsOf(read));
  if (change.writer === document.writer) document.renew();
  take(document, read, change.update);
  table.see(dot);
  return "applied";
}

/**
 * Takes in what another replica holds in the same epoch. True when there was something new.
 * @throws SessionError RECORD_CORRUPT; the document is as it was
 */
export function mergeState(document: SessionDocument, record: DocumentRecord, look: LookAtRows = () => undefined): boolean {
  if (compareEpochs(record.epoch, document.epoch) !== 0) throw corrupt("Yjs merges within an epoch only");
  const { clocks } = document.parts();
  const read = readForeign(document.parts(), decodeUpdate(record.bytes));
  look(rowsOf(read));
  if (read.rows.some((row) => row.client === document.writer)) document.renew();
  const isNews = [...read.clocks].some(([client, clock]) => clock > (clocks.get(client) ?? 0));
  take(document, read, record.bytes);
  return isNews;
}

/** @throws SessionError RECORD_CORRUPT when rows use containers in another way than the table, or each other, do */
export function checkPlaces(table: CellTable, rows: Iterable<Row>): void {
  const places = new Map<string, { layout: Layout; parentId: string | undefined; parentProperty: string }>();
  // Honest rows never differ: ids are hashes of the place and the kind.
  const check = (id: string, layout: Layout, parentId?: string, parentProperty = ""): void => {
    const known: Place | undefined = places.get(id) ?? table.placeOf(id);
    const isElsewhere = parentId !== undefined && known?.parentId !== undefined;
    if ((known?.layout ?? layout) !== layout) throw corrupt("a container has two kinds");
    if (isElsewhere && (known.parentId !== parentId || known.parentProperty !== parentProperty))
      throw corrupt("a container is named twice");
    const place =
      parentId === undefined ? { parentId: known?.parentId, parentProperty: known?.parentProperty ?? "" } : { parentId, parentProperty };
    places.set(id, { layout, ...place });
  };
  for (const { containerId, layout, cells } of rows) {
    check(containerId, layout);
    for (const cell of cells) {
      const child = namedContainer(cell);
      if (child !== undefined) check(child, layoutOf(cell.kind as ContainerKind), containerId, cell.property);
    }
  }
}

function checkRows(table: CellTable, read: ReadUpdate, { sha256 }: DocumentContext): void {
  const rows = rowsOf(read);
  checkPlaces(table, rows);
  // A commit, and a genesis, has one row a container, and in it one cell a property.
  const names = new Set(read.rows.map((row) => `${row.client} ${stampOf(row)} ${row.decoded.row.containerId}`));
  if (names.size < rows.length) throw corrupt("a container has two rows");
  for (const { layout, cells } of rows) {
    if (cells.length > 1 && new Set(cells.map((cell) => cell.property)).size < cells.length) throw corrupt("a property has two cells");
    if (layout !== Layout.members) continue;
    for (const { kind, property, content } of cells) {
      const isCalledOtherwise = kind === CellKind.value && property !== memberProperty(sha256, content ?? null);
      if (isCalledOtherwise) throw corrupt("an element of a set is called otherwise than its value says");
    }
  }
}

/** A late change: the caller knows that it is next. */
function joinChange(document: DocumentRecord, change: Change, { table, context }: DocumentParts, look: LookAtRows): DocumentRecord {
  const nameOf = (containerId: string, writer: WriterId, stamp: Stamp): string => `${containerId} ${writer} ${stamp}`;
  const dropped = new Set(change.dropped.map(({ containerId, writer, stamp }) => nameOf(containerId, writer, stamp)));
  const after = copyTable(table, (row, cell) => !dropped.has(nameOf(row.containerId, cell.writer, cell.stamp)));
  // The clocks of the update belong to the other epoch: whatever it starts with is its beginning here, and of others all is known.
  const update = decodeUpdate(change.update);
  const first = update.structs.get(change.writer)?.[0]?.clock ?? 0;
  const knownClock = (client: WriterId): number => (client === change.writer ? first : Infinity);
  const read = readUpdate(checked(update, knownClock), context.limits, knownClock);
  checkCommit(update, read, change);
  checkRows(after, read, context);
  look(rowsOf(read));
  for (const { decoded, client, clock } of read.rows) after.add(decoded.row, client, clock, change.stamp);
  after.see([change.writer, change.stamp]);
  return joined(after, table, document, context);
}

function readForeign({ clocks, table, header, context }: DocumentParts, decoded: DecodedUpdate): ReadUpdate {
  const knownClock = (client: number): number => clocks.get(client) ?? 0;
  // Whoever has an epoch has all of its genesis.
  if (endOf(decoded.structs.get(GENESIS_CLIENT) ?? []) > knownClock(GENESIS_CLIENT)) throw corrupt("genesis");
  const read = readUpdate(checked(decoded, knownClock), context.limits, knownClock, header);
  checkRows(table, read, context);
  const latest = new Map(read.rows.map((row) => [row.client, stampOf(row)]));
  for (const [client, ranges] of read.deleted) {
    for (const row of rowsIn(table, client, ranges)) {
      // Only a later commit of its writer replaces the row that tells of his latest one.
      const seen = table.vector.get(client) ?? 0;
      const isTelling = row.containerId === ROOT_CONTAINER && row.stamp > 0 && row.stamp === seen;
      if (isTelling && (latest.get(client) ?? 0) <= seen) throw corrupt("it takes away a commit");
    }
  }
  return read;
}

function checkCommit({ structs }: DecodedUpdate, { rows }: ReadUpdate, { writer, stamp }: Change): void {
  const roots = rows.filter((row) => row.decoded.row.containerId === ROOT_CONTAINER);
  // All of it new, and nothing of others: clocks of theirs that are said to be deleted would keep their next commits out.
  const isWhole = structs.size === 1 && structs.get(writer)?.length === rows.length;
  if (isWhole && roots.length === 1 && rows.every((row) => stampOf(row) === stamp)) return;
  throw corrupt("a change is not one commit of its writer");
}

/** Everything that can be told of an update before a document sees it: it is handed back. */
function checked(update: DecodedUpdate, knownClock: (client: number) => number): DecodedUpdate {
  const { structs, deleted } = update;
  for (const [client, ofClient] of structs) {
    if (client !== GENESIS_CLIENT && (client < WRITER_MIN || client > WRITER_MAX)) throw corrupt("client");
    if ((ofClient[0] as Struct).clock > knownClock(client)) throw corrupt("gap");
    const isUntold = ({ row, clock, length }: Struct): boolean => row === undefined && !isWithin(deleted.get(client), clock, length);
    if (ofClient.some(isUntold)) throw corrupt("deletion");
  }
  checkOrder(structs, knownClock);
  for (const [client, ranges] of deleted) {
    const first = client === GENESIS_CLIENT ? 1 : 0;
    const { clock, len } = ranges.at(-1) as ClockRange;
    if ((ranges[0] as ClockRange).clock < first || clock + len > Math.max(endOf(structs.get(client) ?? []), knownClock(client)))
      throw corrupt("deletion");
  }
  return update;
}

/**
 * Each row lies behind another that can be there before it: Yjs would keep those of which that is not so for later, for ever. So that all have
 * their turn, the rows of a client are gone through up to where another one needs them; whoever then waits for himself never gets there.
 */
function checkOrder(structs: DecodedUpdate["structs"], knownClock: (client: number) => number): void {
  const queues = new Map([...structs].map(([client, items]) => [client, { items, next: 0, doneClock: 0, isWaiting: false }]));
  const isThere = ({ client, clock }: ItemId): boolean => clock < Math.max(knownClock(client), queues.get(client)?.doneClock ?? 0);
  for (const ofClient of structs.values()) {
    const wanted: ItemId[] = ofClient.slice(-1);
    for (let goal = wanted.at(-1); goal !== undefined; goal = wanted.at(-1)) {
      const queue = queues.get(goal.client);
      if (queue !== undefined && queue.doneClock > goal.clock) {
        wanted.pop();
        queue.isWaiting = false;
        continue;
      }
      const item = queue?.items[queue.next];
      if (queue === undefined || item === undefined) throw corrupt("neighbour");
      if (item.origin === undefined || isThere(item.origin)) {
        queue.next += 1;
        queue.doneClock = item.clock + item.length;
      } else {
        if (item.origin.client === goal.client || queues.get(item.origin.client)?.isWaiting === true) throw corrupt("neighbour");
        queue.isWaiting = true;
        wanted.push(item.origin);
      }
    }
  }
}

function take(document: SessionDocument, { rows, deleted, clocks }: ReadUpdate, update: Uint8Array): void {
  const { table } = document.parts();
  for (const row of rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));
  for (const [client, ranges] of deleted) table.remove(rowsIn(table, client, ranges));
  document.tookIn(
    update,
    clocks,
    rows.map((row) => row.client),
  );
}

function rowsIn(table: CellTable, client: number, ranges: readonly ClockRange[]): StoredRow[] {
  return [...(table.rows.get(client)?.values() ?? [])].filter((row) => isWithin(ranges, row.clock));
}

function rowsOf(read: ReadUpdate): Row[] {
  return read.rows.map((row) => row.decoded.row);
}
