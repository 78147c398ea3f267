import * as Y from "yjs";
import type { CellTable, ClockRange, Place, StoredRow } from "./cell-table.ts";
import { type Cell, CellKind, type ContainerKind, covers, Layout, layoutOf, namedContainer, ROOT_CONTAINER, type Row } from "./cells.ts";
import { GENESIS_CLIENT, ROWS_NAME } from "./compaction.ts";
import { memberProperty } from "./containers.ts";
import type { DocumentContext, DocumentParts, SessionDocument } from "./document.ts";
import { corrupt } from "./errors.ts";
import { copyTable, joined } from "./merge-records.ts";
import { type Change, compareEpochs, type DocumentRecord, type Dot, type WriterId } from "./record.ts";
import {
  type DecodedUpdate,
  decodeUpdate,
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

/** Called with the rows that are about to be taken in, once they were checked. */
export type LookAtRows = (rows: readonly Row[]) => void;

const EMPTY_UPDATE_BYTES = 2;

/**
 * A document from outside, once everything about its bytes was checked: Yjs will take it whole.
 * @throws SessionError RECORD_CORRUPT
 */
export function checkDocument(context: DocumentContext, record: DocumentRecord): ReadDocument {
  const nothing = (): number => 0;
  const read = readUpdate(record.bytes, context.limits, nothing, undefined, checkUpdate(record.bytes, nothing));
  checkRows(emptyTable(read.header), rowsOf(read), context);
  return documentOf(read);
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
  const read = readForeign(document.parts(), change.update);
  checkCommit(read, change);
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
  const read = readForeign(document.parts(), record.bytes);
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

function checkRows(table: CellTable, rows: readonly Row[], { sha256 }: DocumentContext): void {
  checkPlaces(table, rows);
  for (const { layout, cells } of rows) {
    if (layout !== Layout.members) continue;
    for (const { kind, property, content } of cells) {
      const isCalledOtherwise = kind === CellKind.value && property !== memberProperty(sha256, content ?? null);
      if (isCalledOtherwise) throw corrupt("an element of a set is called otherwise than its value says");
    }
  }
}

/** A late change: the caller knows that it is next. */
function joinChange(document: DocumentRecord, change: Change, { table, context }: DocumentParts, look: LookAtRows): DocumentRecord {
  const isKept = (row: Row, cell: Cell): boolean =>
    change.dropped.every(
      ({ containerId, writer, stamp }) => containerId !== row.containerId || writer !== cell.writer || stamp !== cell.stamp,
    );
  const after = copyTable(table, isKept);
  // The clocks of the update belong to the other epoch: whatever it starts with is its beginning here, and of others all is known.
  const first = firstClock(change);
  const knownClock = (client: WriterId): number => (client === change.writer ? first : Infinity);
  const read = readUpdate(change.update, context.limits, knownClock, undefined, checkUpdate(change.update, knownClock));
  checkCommit(read, change);
  checkRows(after, rowsOf(read), context);
  look(rowsOf(read));
  for (const { decoded, client, clock } of read.rows) after.add(decoded.row, client, clock, change.stamp);
  after.see([change.writer, change.stamp]);
  return joined(after, table, document, context);
}

function readForeign({ clocks, table, header, context }: DocumentParts, update: Uint8Array): ReadUpdate {
  const knownClock = (client: number): number => clocks.get(client) ?? 0;
  const read = readUpdate(update, context.limits, knownClock, header, checkUpdate(update, knownClock));
  checkRows(table, rowsOf(read), context);
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

function checkCommit(read: ReadUpdate, change: Change): void {
  const roots = read.rows.filter((row) => row.decoded.row.containerId === ROOT_CONTAINER);
  if (roots.length === 1 && read.rows.every((row) => row.client === change.writer && stampOf(row) === change.stamp)) return;
  throw corrupt("a change is not one commit of its writer");
}

/** Everything that can be told of an update before a document sees it. */
function checkUpdate(update: Uint8Array, knownClock: (client: number) => number): (decoded: DecodedUpdate) => void {
  return ({ structs, ds }) => {
    const ends = new Map<number, number>();
    const endOf = (client: number): number => Math.max(ends.get(client) ?? 0, knownClock(client));
    // Bytes in format V2 decode to nothing in V1.
    if (structs.length === 0 && ds.clients.size === 0 && update.length !== EMPTY_UPDATE_BYTES) throw corrupt("format");
    for (const struct of structs) {
      const { client, clock } = struct.id;
      if (client !== GENESIS_CLIENT && (client < WRITER_MIN || client > WRITER_MAX)) throw corrupt("client");
      const before = ends.get(client);
      const isNext = before === undefined ? clock <= knownClock(client) : clock === before;
      if (!isNext || !Number.isSafeInteger(clock + struct.length)) throw corrupt("gap");
      ends.set(client, clock + struct.length);
      // Nothing is ever deleted around a row, so Yjs makes no GC structs here.
      if (!(struct instanceof Y.Item)) throw corrupt("struct");
      checkPlace(struct);
    }
    if (structs.length > 0) checkOrder(structs as Y.Item[], knownClock);
    for (const [client, ranges] of ds.clients) {
      const first = client === GENESIS_CLIENT ? 1 : 0;
      // Of nothing, too: Yjs reads that, and cannot write it.
      for (const { clock, len } of ranges) if (!(clock >= first && len >= 1 && clock + len <= endOf(client))) throw corrupt("deletion");
    }
  };
}

/** A row lies in the one list of rows. Not yet integrated, so Yjs' types say too much. */
function checkPlace({ origin, rightOrigin, parent, parentSub }: Y.Item): void {
  const name: unknown = parent;
  if (parentSub !== null || (name !== null && name !== ROWS_NAME)) throw corrupt("parent");
  if (name === null && origin === null && rightOrigin === null) throw corrupt("parent");
}

/**
 * Each row lies beside others that can be there before it: Yjs would keep those of which that is not so for later, for ever. So that all have
 * their turn, the rows of a client are gone through up to where another one needs them; whoever then waits for himself never gets there.
 */
function checkOrder(structs: readonly Y.Item[], knownClock: (client: number) => number): void {
  const ofClient = new Map<number, { readonly items: Y.Item[]; next: number; isWaiting: boolean }>();
  for (const item of structs) {
    const queue = ofClient.get(item.id.client);
    if (queue === undefined) ofClient.set(item.id.client, { items: [item], next: 0, isWaiting: false });
    else queue.items.push(item);
  }
  const missing = ({ items, next }: { readonly items: readonly Y.Item[]; readonly next: number }): Y.ID | undefined => {
    const item = items[next];
    for (const neighbour of [item?.origin, item?.rightOrigin]) {
      if (neighbour === null || neighbour === undefined || neighbour.clock < knownClock(neighbour.client)) continue;
      const others = ofClient.get(neighbour.client);
      const last = others?.items[others.next - 1];
      if (last === undefined || neighbour.clock >= last.id.clock + last.length) return neighbour;
    }
    return undefined;
  };
  for (const [client, { items }] of ofClient) {
    const last = items.at(-1);
    const wanted: Y.ID[] = last === undefined ? [] : [Y.createID(client, last.id.clock)];
    for (let goal = wanted.at(-1); goal !== undefined; goal = wanted.at(-1)) {
      const queue = ofClient.get(goal.client);
      if (queue === undefined) throw corrupt("neighbour");
      const waitsFor = queue.items[queue.next] === undefined ? undefined : missing(queue);
      const done = queue.items[queue.next - 1];
      if (done !== undefined && goal.clock < done.id.clock + done.length) {
        wanted.pop();
        queue.isWaiting = false;
      } else if (waitsFor !== undefined) {
        if (ofClient.get(waitsFor.client)?.isWaiting === true || waitsFor.client === goal.client) throw corrupt("neighbour");
        queue.isWaiting = true;
        wanted.push(waitsFor);
      } else if (queue.next >= queue.items.length) throw corrupt("neighbour");
      else queue.next += 1;
    }
  }
}

function take(document: SessionDocument, { rows, deleted, clocks }: ReadUpdate, update: Uint8Array): void {
  const { table } = document.parts();
  for (const row of rows) table.add(row.decoded.row, row.client, row.clock, stampOf(row));
  for (const [client, ranges] of deleted) for (const row of rowsIn(table, client, ranges)) table.remove(client, row.clock);
  document.tookIn(
    update,
    clocks,
    rows.map((row) => row.client),
  );
}

function rowsIn(table: CellTable, client: number, ranges: readonly ClockRange[]): StoredRow[] {
  const rows = [...(table.rows.get(client)?.values() ?? [])];
  return rows.filter((row) => ranges.some(({ clock, len }) => row.clock >= clock && row.clock < clock + len));
}

function rowsOf(read: ReadUpdate): Row[] {
  return read.rows.map((row) => row.decoded.row);
}

function firstClock(change: Change): number {
  let first = Infinity;
  for (const struct of decodeUpdate(change.update).structs)
    if (struct.id.client === change.writer) first = Math.min(first, struct.id.clock);
  return first;
}
