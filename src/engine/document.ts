import * as Y from "yjs";
import type { CellTable, StoredRow } from "./cell-table.ts";
import { Layout, namedContainer, raise, ROOT_CONTAINER, type Row } from "./cells.ts";
import type { Envelope } from "./envelope.ts";
import { encodeCommit } from "./commit-update.ts";
import { emptyGenesis, type Genesis, genesisOf, ROWS_NAME } from "./compaction.ts";
import type { Sha256 } from "./containers.ts";
import { SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Change, DocumentRecord, Dot, DroppedCells, Epoch, Stamp, WriterId } from "./record.ts";
import type { GenesisHeader } from "./row-codec.ts";
import { type Clocks, type ReadDocument, readTable } from "./update-reader.ts";
import type { ContainerNode } from "./view.ts";

/** What a document needs from around it. One per engine. */
export interface DocumentContext {
  readonly sha256: Sha256;
  readonly limits: Limits;
  /** The id under which this process writes now. */
  writer(): WriterId;
  /** A new one, for a document that may lack what this process wrote under the old one: a reused id diverges for good. */
  newWriter(): WriterId;
  /** One that nothing else is written under. */
  drawWriter(): WriterId;
}

/**
 * The context for the document of a session. One that goes on from another (`firstKey`) shares its history, and what is written late to the other
 * is merged in: had both one writer, what covers the one would cover the other. So it is written under ids of its own.
 */
export function contextFor(context: DocumentContext, { key, firstKey }: Pick<Envelope, "key" | "firstKey">): DocumentContext {
  if (firstKey === key) return context;
  let writer = context.drawWriter();
  return { ...context, writer: () => writer, newWriter: () => (writer = context.drawWriter()) };
}

/** Cells that one commit writes in one container; all have its dot. */
export type DraftRow = Row;

/** What a document is made of, beside Yjs: which of its cells count, what its genesis says, and how much of each Yjs client it has. */
export interface DocumentParts {
  readonly table: CellTable;
  readonly header: GenesisHeader | undefined;
  readonly clocks: Clocks;
  readonly context: DocumentContext;
}

/** Updates that wait for Yjs; with more of them a request would wait for it too long. */
const UNAPPLIED_COUNT_MAX = 32;

/** Compaction is due when the encoded size passes `factor` × what it could be, plus `bytes` (DESIGN 3.4). */
export const COMPACT_WHEN_QUIET = { factor: 2, bytes: 1024 };
export const COMPACT_AT_ONCE = { factor: 8, bytes: 4096 };

/**
 * One session's attributes: a Yjs document whose one array holds rows of stamped cells, and the table of which of them count.
 * Reading, writing and taking in what others wrote need the table alone: Yjs gets updates when the document is encoded, or many wait.
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
  #clocks: Map<number, number>;
  #ydoc: Y.Doc | undefined;
  /** The document encoded, but for `#unapplied`; undefined when only the Yjs document knows. */
  #bytes: Uint8Array | undefined;
  /** What Yjs has yet to get, in the order in which it came. */
  #unapplied: Uint8Array[] = [];
  /** At least the encoded size. */
  #sizeBound: number;
  /** The size of the last genesis that was computed, so that a session that is big by right is not compacted again and again. */
  #compactSize: number;

  #heldFrom: ReadonlyMap<WriterId, Stamp>;

  private constructor(context: DocumentContext, record: DocumentRecord, { table, header, clocks }: ReadDocument) {
    this.#context = context;
    this.#clocks = new Map(clocks);
    this.#heldFrom = new Map(table.vector);
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
    return SessionDocument.load(context, emptyGenesis(context.sha256));
  }

  /**
   * `own` is the last commit of this process to this session, as far as it knows; when the record does not end with exactly
   * that, the document is written under a new writer id from here on.
   * @throws SessionError RECORD_CORRUPT
   */
  static load(context: DocumentContext, record: DocumentRecord, own?: Dot): SessionDocument {
    return SessionDocument.of(context, record, readTable(record.bytes, context.limits), own);
  }

  /** As `load`, for a record that was read already: nobody else may use `read` from here on. */
  static of(context: DocumentContext, record: DocumentRecord, read: ReadDocument, own?: Dot): SessionDocument {
    const document = new SessionDocument(context, record, read);
    const known = own ?? [document.#writer, 0];
    document.#writer = known[0];
    document.#ownStamp = known[1];
    document.#checkOwnTail();
    return document;
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The dot of the last commit written here; stamp 0 when there is none under the current writer. */
  get own(): Dot {
    return [this.#writer, this.#ownStamp];
  }

  /** What it had seen when it was loaded, or when it last went on with another genesis. */
  get heldFrom(): ReadonlyMap<WriterId, Stamp> {
    return this.#heldFrom;
  }

  /** Whoever told this process of all this has seen it, and is not asked again whether he had. */
  holdsFrom(vector: ReadonlyMap<WriterId, Stamp>): void {
    const joined = new Map(this.#heldFrom);
    for (const dot of vector) raise(joined, dot);
    this.#heldFrom = joined;
  }

  get vector(): ReadonlyMap<WriterId, Stamp> {
    return this.#table.vector;
  }

  /** Somebody else may have written under this process' writer id meanwhile: `own` is the last commit it is known to have made. */
  continueFrom(own: Dot): void {
    if (own[0] !== this.#writer || own[1] !== this.#ownStamp) this.renew();
  }

  get removalFloor(): Stamp {
    return this.#table.removalFloor;
  }

  get latestStamp(): Stamp {
    return this.#table.latestStamp;
  }

  /** The attributes at a time, in milliseconds since the birth of the session. Costs nothing while nothing changes or expires. */
  root(sinceBirthMs: number): ContainerNode {
    return this.#table.rootAt(sinceBirthMs);
  }

  encode(): DocumentRecord {
    if (this.#bytes === undefined || this.#unapplied.length > 0) this.#bytes = Y.encodeStateAsUpdate(this.#hydrated());
    this.#sizeBound = this.#bytes.length;
    return { epoch: this.#epoch, bytes: this.#bytes };
  }

  /** Whether a container is (still) part of what the session shows: a write into any other would be seen by nobody. */
  holds(containerId: string, shown: ContainerNode): boolean {
    const attribute = this.#table.attributeOf(containerId);
    return attribute !== undefined && shown.entries.has(attribute);
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
   * Writes one commit as one update for Yjs, and deletes the rows that it makes superfluous. `stamp` is above everything seen.
   * `rows` has at most one row a container.
   */
  commit(rows: readonly DraftRow[], stamp: Stamp): Change {
    if (stamp <= this.#table.latestStamp) throw new SessionError("INVARIANT_BROKEN", "A commit must be stamped above all that was seen.");
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

    const firstClock = this.#clocks.get(writer) ?? 0;
    const added = withRootRow(rows).map((row, index) => table.add(row, writer, firstClock + index, stamp));
    this.#versionRow = added[0];
    for (const row of replaced) if (this.#isSuperfluous(row)) removed.add(row);
    const update = encodeCommit(stamp, writer, added, removed);
    table.remove(removed);
    this.#clocks.set(writer, firstClock + added.length);
    this.#ownStamp = stamp;
    this.#await(update);
    return { epoch: this.#epoch, writer, previousStamp, stamp, seen, update, dropped };
  }

  /** What the document is made of, for taking in what others wrote (`intake.ts`). Whoever changes the table says so with `tookIn`. */
  parts(): DocumentParts {
    return { table: this.#table, header: this.#header, clocks: this.#clocks, context: this.#context };
  }

  /** Commits of others came in as an update that was checked: Yjs will take it whole. `clocks`: up to where it goes. */
  tookIn(update: Uint8Array, clocks: Clocks, writers: Iterable<WriterId>): void {
    for (const writer of writers) this.#seenSince?.add(writer);
    for (const [client, clock] of clocks) if (clock > (this.#clocks.get(client) ?? 0)) this.#clocks.set(client, clock);
    // A copy: it is a view of all that came over the wire with it, which would stay in memory as long.
    this.#await(update.slice());
  }

  /** Goes on under another writer id: commits under the old one came in that this document does not know. */
  renew(): void {
    this.#writer = this.#context.newWriter();
    this.#ownStamp = 0;
    this.#versionRow = undefined;
    this.#seenSince = undefined;
  }

  /** Goes on with another genesis, which covers all that this document has seen (the result of `mergeRecords`, or a compaction). */
  adopt(record: DocumentRecord): void {
    const { table, header, clocks } = readTable(record.bytes, this.#context.limits);
    this.#ydoc?.destroy();
    this.#ydoc = undefined;
    this.#unapplied = [];
    this.#clocks = new Map(clocks);
    this.#versionRow = undefined;
    this.#epoch = record.epoch;
    this.#table = table;
    this.#heldFrom = new Map(table.vector);
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

  /** Goes on in the epoch that somebody else compacted this document to, where he compacted the very same. True when it did. */
  compactTo(epoch: Epoch): boolean {
    if (epoch.counter !== this.#epoch.counter + 1) return false;
    const genesis = this.genesis();
    if (genesis.epoch.hash !== epoch.hash) return false;
    this.#compactSize = genesis.bytes.length;
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

  #await(update: Uint8Array): void {
    this.#unapplied.push(update);
    this.#sizeBound += update.length;
    if (this.#unapplied.length > UNAPPLIED_COUNT_MAX) this.#hydrated();
  }

  /** The Yjs document, with all that there is. */
  #hydrated(): Y.Doc {
    this.#ydoc ??= this.#made();
    const ydoc = this.#ydoc;
    const unapplied = this.#unapplied;
    if (unapplied.length > 0) {
      this.#bytes = undefined;
      // One transaction for all: what surrounds one costs more than what it does.
      Y.transact(ydoc, () => {
        for (const update of unapplied) Y.applyUpdate(ydoc, update);
      });
      if (ydoc.store.pendingStructs !== null || ydoc.store.pendingDs !== null)
        throw new SessionError("INVARIANT_BROKEN", "Yjs did not take an update whole; keep the session's record and report it.");
      // Not before: what Yjs did not take must not be stored without it.
      this.#unapplied = [];
    }
    return ydoc;
  }

  #made(): Y.Doc {
    const ydoc = new Y.Doc({ guid: "" });
    ydoc.getArray(ROWS_NAME);
    if (this.#bytes !== undefined) Y.applyUpdate(ydoc, this.#bytes);
    return ydoc;
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
    if ((this.#table.vector.get(this.#writer) ?? 0) !== this.#ownStamp) this.renew();
  }
}

const NOTHING_SEEN: readonly Dot[] = [];

const NOTHING_DROPPED: readonly DroppedCells[] = [];

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
