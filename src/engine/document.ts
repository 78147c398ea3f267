import * as Y from "yjs";
import { CellTable, type StoredRow } from "./cell-table.ts";
import { covers, Layout, namedContainer, ROOT_CONTAINER, type Row } from "./cells.ts";
import { canonicalRows, emptyGenesis, type Genesis, genesisOf, ROWS_NAME } from "./compaction.ts";
import type { Sha256 } from "./containers.ts";
import { corrupt, SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import {
  type Change,
  compareEpochs,
  type DocumentRecord,
  type Dot,
  type DroppedCells,
  type Epoch,
  type Stamp,
  type WriterId,
} from "./record.ts";
import { encodeCommitRow, type GenesisHeader } from "./row-codec.ts";
import { checkPlaces, readTable, readUpdate, type ReadUpdate, stampOf } from "./update-reader.ts";
import type { ContainerNode } from "./view.ts";

/** What a document needs from around it. One per engine. */
export interface DocumentContext {
  readonly sha256: Sha256;
  readonly limits: Limits;
  /** The id under which this process writes now. */
  writer(): WriterId;
  /** A new one, for a document that may lack what this process wrote under the old one: a reused id diverges for good. */
  newWriter(): WriterId;
}

/** Cells that one commit writes in one container; all have its dot. */
export type DraftRow = Row;

/** `state-needed`: a gap, or another epoch; nothing was changed. */
export type ApplyResult = "applied" | "duplicate" | "state-needed";

/** Compaction is due when the encoded size passes `factor` × what it could be, plus `bytes` (DESIGN 3.4). */
export const COMPACT_WHEN_QUIET = { factor: 2, bytes: 1024 };
export const COMPACT_AT_ONCE = { factor: 8, bytes: 4096 };

/**
 * One session's attributes: a Yjs document whose one array holds rows of stamped cells, and the table of which of them count.
 * The Yjs document is made when something is first written or merged; reading needs the table alone.
 */
export class SessionDocument {
  readonly #context: DocumentContext;
  #epoch: Epoch;
  #table: CellTable;
  #header: GenesisHeader | undefined;
  #writer: WriterId;
  /** The latest stamp written here under `#writer`. */
  #ownStamp: Stamp;
  /** Whose commits were seen since the last one written here; undefined for "any". */
  #seenSince: Set<WriterId> | undefined;
  /** The root row of the last commit written here, while this object knows it. */
  #versionRow: StoredRow | undefined;
  #ydoc: Y.Doc | undefined;
  #lastUpdate: Uint8Array | undefined;
  /** The document encoded, while nothing has changed since. */
  #bytes: Uint8Array | undefined;
  /** At least the encoded size. */
  #sizeBound: number;
  /** The size of the last genesis that was computed, so that a session that is big by right is not compacted again and again. */
  #compactSize: number;

  private constructor(context: DocumentContext, record: DocumentRecord, table: CellTable, header: GenesisHeader | undefined) {
    this.#context = context;
    this.#epoch = record.epoch;
    this.#table = table;
    this.#header = header;
    this.#bytes = record.bytes;
    this.#sizeBound = record.bytes.length;
    this.#compactSize = 0;
    this.#writer = context.writer();
    this.#ownStamp = 0;
  }

  /** A document that holds nothing yet. */
  static create(context: DocumentContext): SessionDocument {
    const document = new SessionDocument(context, emptyGenesis(context.sha256), new CellTable(), undefined);
    document.#seenSince = new Set();
    return document;
  }

  /**
   * `own` is the last commit of this process to this session, as far as it knows; when the record does not end with exactly
   * that, the document is written under a new writer id from here on.
   * @throws SessionError RECORD_CORRUPT
   */
  static load(context: DocumentContext, record: DocumentRecord, own?: Dot): SessionDocument {
    const { table, header } = readTable(record.bytes, context.limits);
    const document = new SessionDocument(context, record, table, header);
    const known = own ?? [document.#writer, 0];
    document.#writer = known[0];
    document.#ownStamp = known[1];
    document.#checkOwnTail();
    return document;
  }

  /**
   * What a record from outside has seen, once everything about its bytes was checked, also what only Yjs can tell.
   * @throws SessionError RECORD_CORRUPT
   */
  static check(
    context: DocumentContext,
    record: DocumentRecord,
  ): { readonly vector: ReadonlyMap<WriterId, Stamp>; readonly latestStamp: Stamp } {
    const { table, header } = readTable(record.bytes, context.limits);
    new SessionDocument(context, record, table, header).#hydrated();
    return table;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The dot of the last commit written here; stamp 0 when there is none under the current writer. */
  get own(): Dot {
    return [this.#writer, this.#ownStamp];
  }

  get vector(): ReadonlyMap<WriterId, Stamp> {
    return this.#table.vector;
  }

  /** Somebody else may have written under this process' writer id meanwhile: `own` is the last commit it is known to have made. */
  continueFrom(own: Dot): void {
    if (own[0] !== this.#writer || own[1] !== this.#ownStamp) this.#renew();
  }

  get removalFloor(): Stamp {
    return this.#table.removalFloor;
  }

  get latestStamp(): Stamp {
    return this.#table.latestStamp;
  }

  /** The attributes now. Costs nothing while nothing changes. */
  root(): ContainerNode {
    return this.#table.root();
  }

  encode(): DocumentRecord {
    this.#bytes ??= Y.encodeStateAsUpdate(this.#hydrated());
    this.#sizeBound = this.#bytes.length;
    return { epoch: this.#epoch, bytes: this.#bytes };
  }

  /** Equal exactly when two documents say the same and have seen the same. */
  digest(): Uint8Array {
    const rows = canonicalRows(this.#table);
    const joined = new Uint8Array(rows.reduce((length, row) => length + row.length + 4, 0));
    let at = 0;
    for (const row of rows) {
      new DataView(joined.buffer).setUint32(at, row.length);
      joined.set(row, at + 4);
      at += row.length + 4;
    }
    return this.#context.sha256(joined);
  }

  /** Whether a container is (still) part of the session: a write into any other would be seen by nobody. */
  holds(containerId: string): boolean {
    return this.#table.isReachable(containerId);
  }

  /** What this process has added to a counter so far; and, with "0", what the counter started with. */
  counterPart(containerId: string, part: string): number {
    const content = this.#table.counting(containerId, part)?.content;
    return typeof content === "number" ? content : 0;
  }

  get writer(): WriterId {
    return this.#writer;
  }

  /**
   * Writes one commit in one Yjs transaction, and deletes the rows that it makes superfluous. `stamp` is above everything seen.
   * `rows` has at most one row a container.
   */
  commit(rows: readonly DraftRow[], stamp: Stamp): Change {
    if (stamp <= this.#table.latestStamp) throw new SessionError("INVARIANT_BROKEN", "A commit must be stamped above all that was seen.");
    const ydoc = this.#hydrated();
    const table = this.#table;
    const writer = this.#writer;
    const previousStamp = this.#ownStamp;
    const seen = this.#takeSeen();
    const replaced: StoredRow[] = [];
    const removed = new Set<StoredRow>();
    for (const row of rows) this.#collectReplaced(row, replaced, removed);
    const dropped = removed.size === 0 ? NOTHING_DROPPED : droppedCells(removed);
    const previousOwn = this.#versionRow ?? table.rootRow(writer, previousStamp);
    if (previousOwn !== undefined) replaced.push(previousOwn);

    const firstClock = Y.getState(ydoc.store, writer);
    const added = withRootRow(rows).map((row, index) => table.add(row, writer, firstClock + index, stamp));
    this.#versionRow = added[0];
    for (const row of replaced) if (this.#isSuperfluous(row)) removed.add(row);
    Y.transact(ydoc, (transaction) => {
      for (const row of removed) (row.item ?? Y.getItem(ydoc.store, Y.createID(row.client, row.clock))).delete(transaction);
      for (const row of added) row.item = append(transaction, row, encodeCommitRow(stamp, row.containerId, row.layout, row.cells));
    });
    for (const row of removed) table.remove(row.client, row.clock);
    this.#ownStamp = stamp;
    const update = this.#lastUpdate;
    if (update === undefined) throw new SessionError("INVARIANT_BROKEN", "A commit made no Yjs update; the document is mute.");
    this.#lastUpdate = undefined;
    this.#changed(update.length);
    return { epoch: this.#epoch, writer, previousStamp, stamp, seen, update, dropped };
  }

  /**
   * Takes in a commit of another replica, if all that it depends on is here.
   * @throws SessionError RECORD_CORRUPT for a broken change; the document is as it was.
   */
  apply(change: Change): ApplyResult {
    const dot: Dot = [change.writer, change.stamp];
    if (covers(this.#table.vector, dot)) return "duplicate";
    if (!this.isNext(change) || compareEpochs(change.epoch, this.#epoch) !== 0) return "state-needed";
    const ydoc = this.#hydrated();
    const read = this.#read(change.update);
    const roots = read.rows.filter((row) => row.decoded.row.containerId === ROOT_CONTAINER);
    if (roots.length !== 1 || read.rows.some((row) => row.client !== change.writer || stampOf(row) !== change.stamp)) {
      throw corrupt("a change is not one commit of its writer");
    }
    if (change.writer === this.#writer) this.#renew();
    this.#take(read, change.update);
    this.#table.see(dot);
    return "applied";
  }

  /**
   * Takes in what another replica holds in the same epoch. True when there was something new.
   * @throws SessionError RECORD_CORRUPT; the document is as it was.
   */
  merge(record: DocumentRecord): boolean {
    if (compareEpochs(record.epoch, this.#epoch) !== 0) throw new SessionError("INVARIANT_BROKEN", "Yjs merges within an epoch only.");
    const before = this.encode();
    const stateBefore = Y.encodeStateVector(this.#hydrated());
    const read = this.#read(record.bytes);
    if (read.rows.some((row) => row.client === this.#writer)) this.#renew();
    this.#take(read, record.bytes);
    if (!this.#isSound()) {
      this.adopt(before);
      throw corrupt("its rows do not lie in one list");
    }
    const stateAfter = Y.encodeStateVector(this.#hydrated());
    return stateBefore.length !== stateAfter.length || stateBefore.some((byte, index) => byte !== stateAfter[index]);
  }

  /** What the document would be after compaction; for merging across epochs, and for sizes. */
  table(): CellTable {
    return this.#table;
  }

  /** Goes on with another genesis, which covers all that this document has seen (the result of `mergeRecords`, or a compaction). */
  adopt(record: DocumentRecord): void {
    const { table, header } = readTable(record.bytes, this.#context.limits);
    this.#ydoc?.destroy();
    this.#ydoc = undefined;
    this.#versionRow = undefined;
    this.#epoch = record.epoch;
    this.#table = table;
    this.#header = header;
    this.#bytes = record.bytes;
    this.#sizeBound = record.bytes.length;
    this.#seenSince = undefined;
    this.#checkOwnTail();
  }

  /** True when so much of the document is superfluous that it should be compacted now. May cost an encoding. */
  wantsCompaction(rule: { readonly factor: number; readonly bytes: number }): boolean {
    const allowed = rule.factor * this.#compactSize + rule.bytes;
    return this.#sizeBound > allowed && this.encode().bytes.length > allowed;
  }

  /** Rewrites the document as a new genesis, unless that would not help. True when it did. */
  compact(rule = COMPACT_WHEN_QUIET): boolean {
    const size = this.encode().bytes.length;
    const genesis = this.genesis();
    this.#compactSize = genesis.bytes.length;
    if (size <= rule.factor * genesis.bytes.length + rule.bytes) return false;
    this.adopt(genesis);
    return true;
  }

  genesis(): Genesis {
    return genesisOf(this.#table, this.#epoch.counter + 1, this.#context.sha256);
  }

  /** At least the encoded size, at no cost. */
  get sizeBound(): number {
    return this.#sizeBound;
  }

  #hydrated(): Y.Doc {
    if (this.#ydoc !== undefined) return this.#ydoc;
    const ydoc = new Y.Doc({ guid: "" });
    ydoc.getArray(ROWS_NAME);
    if (this.#bytes !== undefined) Y.applyUpdate(ydoc, this.#bytes);
    ydoc.clientID = this.#writer;
    // A listener that throws would mute the document for ever (yjs#799): this one only remembers.
    ydoc.on("update", (update: Uint8Array) => {
      this.#lastUpdate = update;
    });
    this.#ydoc = ydoc;
    if (this.#isSound()) return ydoc;
    this.#ydoc = undefined;
    throw corrupt("its rows do not lie in one list");
  }

  /**
   * Whether Yjs holds what the table holds, and nothing waits for parts that never came. Every check that needs no document is made
   * before one sees the bytes; this is what remains.
   */
  #isSound(): boolean {
    const { store } = this.#hydrated();
    const rows = this.#hydrated().getArray(ROWS_NAME);
    return (
      store.pendingStructs === null && store.pendingDs === null && rows.length === this.#table.rowCount + Number(this.#header !== undefined)
    );
  }

  #read(update: Uint8Array): ReadUpdate {
    const { store } = this.#hydrated();
    const read = readUpdate(update, this.#context.limits, (client) => Y.getState(store, client), this.#header);
    checkPlaces(this.#table, read.rows);
    const latest = new Map(read.rows.map((row) => [row.client, stampOf(row)]));
    for (const row of this.#table.deletedRoots(read.deleted)) {
      // Only a later commit of its writer replaces the row that tells of his latest one.
      const seen = this.#table.vector.get(row.client) ?? 0;
      if (row.stamp > 0 && row.stamp === seen && (latest.get(row.client) ?? 0) <= seen) throw corrupt("it takes away a commit");
    }
    return read;
  }

  /**
   * What the session would take up at most after this commit, compacted if need be: exact where `estimate`, the size of what is
   * added, does not settle that it is below `allowed`.
   */
  sizeAfter(rows: readonly DraftRow[], stamp: Stamp, estimate: number, allowed: number): number {
    if (this.#sizeBound + estimate <= allowed) return this.#sizeBound + estimate;
    const scratch = SessionDocument.load(this.#context, this.encode(), this.own);
    scratch.commit(rows, stamp);
    return scratch.genesis().bytes.length;
  }

  /** A change is next when it follows the last one of its writer and its author had seen nothing that is missing here. */
  isNext(change: Change): boolean {
    const { vector } = this.#table;
    return (vector.get(change.writer) ?? 0) === change.previousStamp && change.seen.every((dot) => covers(vector, dot));
  }

  #take({ rows, deleted }: ReadUpdate, update: Uint8Array): void {
    Y.applyUpdate(this.#hydrated(), update);
    this.#lastUpdate = undefined;
    for (const row of rows) {
      this.#table.add(row.decoded.row, row.client, row.clock, stampOf(row));
      if (stampOf(row) > 0) this.#seenSince?.add(row.client);
    }
    for (const [client, ranges] of deleted) this.#table.removeRanges(client, ranges);
    this.#changed(update.length);
  }

  #changed(addedBytes: number): void {
    this.#sizeBound += addedBytes;
    this.#bytes = undefined;
  }

  #takeSeen(): readonly Dot[] {
    const since = this.#seenSince;
    if (since?.size === 0) return NOTHING_SEEN;
    const seen: Dot[] = [];
    for (const dot of this.#table.vector) if (dot[0] !== this.#writer && since?.has(dot[0]) !== false) seen.push(dot);
    if (since === undefined) this.#seenSince = new Set();
    else since.clear();
    return seen;
  }

  /** Notes the rows in which a draft replaces a cell, and all rows of the containers that it un-names. */
  #collectReplaced(draft: DraftRow, replaced: StoredRow[], unnamed: Set<StoredRow>): void {
    for (const cell of draft.cells) {
      const before = this.#table.counting(draft.containerId, cell.property);
      const row = this.#table.countingRow(draft.containerId, cell.property);
      if (before === undefined || row === undefined) continue;
      replaced.push(row);
      const container = namedContainer(before);
      if (container === undefined || container === namedContainer(cell)) continue;
      for (const below of this.#table.rowsBelow(container)) unnamed.add(below);
    }
  }

  /**
   * A row goes when none of its cells counts any more; but the row of the root that tells of a writer's latest commit stays
   * until that writer commits again.
   */
  #isSuperfluous(row: StoredRow): boolean {
    if (row.counting > 0) return false;
    return row.containerId !== ROOT_CONTAINER || row.stamp === 0 || row.stamp < (this.#table.vector.get(row.client) ?? 0);
  }

  #checkOwnTail(): void {
    if ((this.#table.vector.get(this.#writer) ?? 0) !== this.#ownStamp) this.#renew();
  }

  #renew(): void {
    this.#writer = this.#context.newWriter();
    this.#ownStamp = 0;
    this.#versionRow = undefined;
    this.#seenSince = undefined;
    if (this.#ydoc !== undefined) this.#ydoc.clientID = this.#writer;
  }
}

const NOTHING_SEEN: readonly Dot[] = [];

const NOTHING_DROPPED: readonly DroppedCells[] = [];

/**
 * Appends one row: what `Y.Array.push` does for a byte string, without its search and its copies, which would cost as much as the
 * rest of the transaction (ARCHITECTURE, "What differs").
 */
function append(transaction: Y.Transaction, row: StoredRow, bytes: Uint8Array): Y.Item {
  const array = transaction.doc.getArray(ROWS_NAME);
  // oxlint-disable-next-line no-underscore-dangle -- Yjs has no other name for the beginning of a list
  let last = array._start;
  for (let next = last; next !== null; next = next.right) last = next;
  const id = Y.createID(row.client, row.clock);
  const item = new Y.Item(id, last, last?.lastId ?? null, null, null, array, null, new Y.ContentBinary(bytes));
  item.integrate(transaction, 0);
  return item;
}

/** Every commit has a row of the root, if an empty one: its stamp is the writer's entry in the version vector. */
function withRootRow(rows: readonly DraftRow[]): readonly DraftRow[] {
  if (rows[0]?.containerId === ROOT_CONTAINER) return rows;
  const root = rows.find((row) => row.containerId === ROOT_CONTAINER);
  const others = rows.filter((row) => row !== root);
  return [root ?? { containerId: ROOT_CONTAINER, layout: Layout.named, cells: [] }, ...others];
}

/** One entry for each commit that wrote in a row: rows hold what a commit wrote in a container whole. */
function droppedCells(rows: Iterable<StoredRow>): DroppedCells[] {
  const dropped: DroppedCells[] = [];
  for (const row of rows) {
    const told = new Set<string>();
    for (const { writer, stamp } of row.cells) {
      const dot = `${writer}:${stamp}`;
      if (told.has(dot)) continue;
      told.add(dot);
      dropped.push({ containerId: row.containerId, writer, stamp });
    }
  }
  return dropped;
}
