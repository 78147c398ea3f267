import type { CellTable } from "./cell-table.ts";
import { type Cell, covers, type Row } from "./cells.ts";
import { AuthorsSeen, conflictsOf } from "./conflicts.ts";
import { contextFor, type DocumentContext, SessionDocument } from "./document.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import { type Envelope, sameBirth, sameEnvelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventHub } from "./event-hub.ts";
import { isHostileStamp, type PeerClock, stampMs } from "./hybrid-clock.ts";
import { applyChange, checkDocument, checkPlaces, mergeState } from "./intake.ts";
import { type LiveSession, mergeTrusted } from "./live-session.ts";
import {
  type Change,
  compareEpochs,
  type DocumentRecord,
  type Epoch,
  type SessionKey,
  type SessionRecord,
  type Stamp,
  type SubjectKey,
  type WriterId,
} from "./record.ts";
import type { FingerprintListener } from "./fingerprint.ts";
import type { Registry } from "./registry.ts";
import type { ChangeReceipt, Fingerprint, Replica, StateReceipt } from "./replication.ts";
import type { Revoking } from "./revoking.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import { discardAtMs } from "./session-times.ts";
import { receivedEnvelope } from "./received.ts";
import type { ReadDocument } from "./update-reader.ts";
import type { Revocations } from "./verdict.ts";

/** What taking in the sessions of others needs of an engine. */
export interface ReplicaHost {
  readonly runtime: Runtime;
  readonly context: DocumentContext;
  readonly registry: Registry;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  readonly events: EventHub;
  /** What peers say of the time, and are told. */
  readonly clock: PeerClock;
  nowMs(): number;
  readonly sessionStore: SessionStore;
  readonly revoking: Pick<Revoking, "known" | "receive">;
  readonly revocations: Revocations;
  /** Must be called after a session was compacted as somebody else compacted it. */
  compacted(live: LiveSession): void;
  /** Must be called after every change that came from elsewhere. Resolves as `Registry.changed` does. */
  cameIn(live: LiveSession): Promise<void> | undefined;
}

/** The sessions of an engine, for replication. Apart from the engine: a process that runs alone does not load it. */
export function replicaOf(host: ReplicaHost): Replica {
  return new EngineReplica(host);
}

class EngineReplica implements Replica {
  readonly #host: ReplicaHost;
  readonly #registry: Registry;
  readonly #authors = new WeakMap<SessionDocument, AuthorsSeen>();

  constructor(host: ReplicaHost) {
    this.#host = host;
    this.#registry = host.registry;
    this.#registry.fingerprints.keep();
    this.#registry.receive = (key, record) => this.receiveState(key, record);
    this.#registry.check = (record) => {
      try {
        const received = this.#received(record);
        this.#checked(received);
        return received;
      } catch (error) {
        host.events.emit({ type: "input-refused", key: record.envelope.key, error });
        return undefined;
      }
    };
  }

  heldKeys(): Iterable<SessionKey> {
    return this.#registry.heldKeys();
  }

  get durable(): boolean {
    return this.#host.sessionStore.durable;
  }

  heldKeysIn(part: number): Iterable<SessionKey> {
    return this.#registry.heldKeysIn(part);
  }

  fingerprint(key: SessionKey): Fingerprint {
    return this.#registry.fingerprints.of(key);
  }

  onFingerprint(listener: FingerprintListener): void {
    this.#registry.fingerprints.listener = listener;
  }

  stored(key: SessionKey): Promise<void> | undefined {
    return this.durable ? this.#registry.stored(key) : undefined;
  }

  async revocations(): Promise<Revocations> {
    await this.#host.revoking.known();
    return this.#host.revocations;
  }

  async receiveRevocation(subject: SubjectKey, notBeforeMs: number): Promise<boolean> {
    try {
      return await this.#host.revoking.receive(subject, notBeforeMs);
    } catch (error) {
      if (!(error instanceof SessionError && error.code === "RECORD_CORRUPT")) throw error;
      this.#host.events.emit({ type: "input-refused", key: undefined, error });
      return false;
    }
  }

  async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    return this.#host.sessionStore.claim(key, name, nowMs, untilMs);
  }

  async release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.#host.sessionStore.release(key, name, untilMs);
  }

  record(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#registry.loader.record(key);
  }

  async receiveState(key: SessionKey, record: SessionRecord, isIdle = false): Promise<StateReceipt> {
    try {
      if (record.envelope.key !== key) throw corrupt("it was sent under another key");
      const received = this.#received(record);
      const theirs = this.#checked(received);
      return await this.#registry.use(key, (live) => {
        if (live !== undefined) return this.#merge(live, received, theirs?.table);
        if (this.#isOver(received.envelope)) return { kind: "unchanged", ahead: false };
        const isAtRest = isIdle && theirs !== undefined && this.#registry.addAtRest(received, theirs.table.vector);
        if (!isAtRest) void this.#add(received, theirs);
        return { kind: "merged", ahead: false };
      });
    } catch (error) {
      this.#refuse(key, error);
      return { kind: "refused", ahead: false };
    }
  }

  async receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt> {
    try {
      return await this.#registry.use(key, (live) => (live === undefined ? "unknown" : this.#take(live, change)));
    } catch (error) {
      this.#refuse(key, error);
      return "refused";
    }
  }

  async receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void> {
    try {
      await this.#registry.use(key, (live) => {
        if (live !== undefined && !this.#isAhead(key, touchedAtMs)) live.takeTouch(touchedAtMs, true);
      });
    } catch {
      // It could not be loaded: the touch is lost, as one on the way may be. Another follows.
    }
  }

  async receiveCompaction(key: SessionKey, epoch: Epoch): Promise<boolean> {
    try {
      return await this.#registry.use(key, (live) => {
        if (live?.document?.compactTo(epoch) !== true) return false;
        this.#host.compacted(live);
        return true;
      });
    } catch {
      // It could not be loaded: the next change, or a comparison, tells it again.
      return false;
    }
  }

  async receiveEnd(key: SessionKey, envelope: Envelope): Promise<void> {
    if (envelope.key !== key || envelope.ended === undefined) return;
    const end = this.#received({ envelope, document: undefined });
    const storing = (live: LiveSession | undefined): Promise<void> | undefined => {
      if (live === undefined) return this.#isOver(end.envelope) ? undefined : this.#add(end);
      live.takeIn(end, () => false);
      return this.#host.cameIn(live);
    };
    // What cannot be loaded is ended all the same: an end needs nothing of what it ends.
    const stored = await this.#registry
      .use(key, (live) => ({ done: storing(live) }))
      .catch(() => ({ done: storing(this.#registry.hot(key)) }));
    await stored.done;
  }

  /** @throws `error`, where it tells of this process and not of what came */
  #refuse(key: SessionKey, error: unknown): void {
    if (error instanceof SessionError && NO_FAULT_OF_INPUT.has(error.code)) throw error;
    this.#host.events.emit({ type: "input-refused", key, error });
  }

  /** Everybody forgets it, or has: taking it in anew would send it round among replicas that do so at slightly different times. */
  #isOver(envelope: Envelope): boolean {
    return discardAtMs(envelope, this.#host.epsilonMs) <= this.#host.nowMs();
  }

  /** `read`: its document, as `#checked` gave it. */
  #add({ envelope, document }: SessionRecord, read?: ReadDocument): Promise<void> | undefined {
    const { context } = this.#host;
    const added =
      document === undefined || read === undefined ? undefined : SessionDocument.of(contextFor(context, envelope), document, read);
    return this.#host.cameIn(this.#registry.add(envelope, added));
  }

  #merge(live: LiveSession, record: SessionRecord, theirs: CellTable | undefined): StateReceipt {
    // Fixed at birth: a copy that says otherwise is of no session that anybody made.
    const isAlive = live.envelope.ended === undefined && record.envelope.ended === undefined;
    if (isAlive && !sameBirth(live.envelope, record.envelope)) throw corrupt("its birth or its absolute end is another");
    const isChanged = live.takeIn(record, (document, theirDocument) => this.#mergeDocument(live.key, document, theirDocument, theirs));
    if (isChanged) void this.#host.cameIn(live);
    return { kind: isChanged ? "merged" : "unchanged", ahead: isMore(live, record, theirs?.vector) };
  }

  #take(live: LiveSession, change: Change): ChangeReceipt {
    const { key, envelope, document } = live;
    if (document === undefined) return "ended";
    if (isHostileStamp(change.stamp, envelope.firstCreatedAtMs, envelope.deadlineMs)) throw corrupt("a change is stamped after its end");
    // Its author may have compacted what is here, too.
    if (document.compactTo(change.epoch)) this.#host.compacted(live);
    const authors = this.#authors.get(document) ?? new AuthorsSeen(document);
    const receipt = applyChange(document, change, (rows) => {
      this.#authors.set(document, authors);
      authors.learn(change);
      this.#tellConflicts(key, document, rows, (cell) => authors.saw(change.writer, [cell.writer, cell.stamp]));
    });
    if (receipt === "applied" || receipt === "joined") {
      this.#isAhead(key, envelope.firstCreatedAtMs + stampMs(change.stamp));
      // What its author had seen is told along the changes of one epoch.
      if (receipt === "joined") this.#authors.delete(document);
      void this.#host.cameIn(live);
    }
    return receipt;
  }

  #mergeDocument(key: SessionKey, ours: SessionDocument, document: DocumentRecord, theirs: CellTable | undefined): boolean {
    const look = (rows: Iterable<Row>): void => {
      if (theirs === undefined) return;
      const { vector } = theirs;
      const fresh = [...rows].map((row) => ({
        ...row,
        cells: row.cells.filter((cell) => !covers(ours.vector, [cell.writer, cell.stamp])),
      }));
      this.#tellConflicts(key, ours, fresh, (cell) => covers(vector, [cell.writer, cell.stamp]));
    };
    if (compareEpochs(ours.epoch, document.epoch) === 0) {
      const isNews = mergeState(ours, document, look);
      if (theirs !== undefined) ours.holdsFrom(theirs.vector);
      return isNews;
    }
    if (theirs !== undefined) {
      checkPlaces(ours.parts().table, theirs.countingRows());
      look(theirs.countingRows());
    }
    return mergeTrusted(ours, document, this.#host.context);
  }

  #tellConflicts(key: SessionKey, document: SessionDocument, rows: Iterable<Row>, saw: (cell: Cell) => boolean): void {
    const { table } = document.parts();
    for (const conflict of conflictsOf(table, rows, (_containerId, cell) => saw(cell)))
      this.#host.events.emit({ type: "conflict", key, ...conflict });
  }

  /** The document that a peer sent. */
  #checked({ envelope, document }: SessionRecord): ReadDocument | undefined {
    if (document === undefined && envelope.ended === undefined) throw corrupt("it is alive and holds nothing");
    if (envelope.ended === undefined) this.#checkLife(envelope);
    if (document === undefined) return undefined;
    const read = checkDocument(this.#host.context, document);
    const { table } = read;
    if (table.latestStamp > 0 && isHostileStamp(table.latestStamp, envelope.firstCreatedAtMs, envelope.deadlineMs)) {
      throw corrupt("it holds a commit from after its end");
    }
    return read;
  }

  /** What nobody can have said of a living session, however his clock goes. */
  #checkLife({ key, firstCreatedAtMs, createdAtMs, deadlineMs, idleTimeoutMs, idleTimeoutStamp, successor }: Envelope): void {
    const latestMs = Math.min(firstCreatedAtMs, this.#host.nowMs() + this.#host.epsilonMs) + ABSOLUTE_TIMEOUT_MAX_MS;
    if (firstCreatedAtMs > createdAtMs || createdAtMs > deadlineMs || deadlineMs > latestMs)
      throw corrupt("it lives for more than 30 days");
    if (!(idleTimeoutMs > 0 && idleTimeoutMs <= ABSOLUTE_TIMEOUT_MAX_MS)) throw corrupt("its idle timeout is out of its range");
    if (idleTimeoutStamp !== 0 && isHostileStamp(idleTimeoutStamp, firstCreatedAtMs, deadlineMs))
      throw corrupt("its idle timeout has no time");
    if (successor?.key === key) throw corrupt("it goes on in its own place");
  }

  /** What counts of a record; a touch that is dated ahead is told of. */
  #received({ envelope, document }: SessionRecord): SessionRecord & { readonly document: DocumentRecord | undefined } {
    const { key, ended, subject, touchedAtMs } = envelope;
    const { revocations, epsilonMs } = this.#host;
    if (ended === undefined) this.#isAhead(key, touchedAtMs);
    const registerMs = (subject === undefined ? undefined : revocations.get(subject)) ?? 0;
    const received = receivedEnvelope(envelope, registerMs, this.#host.nowMs(), epsilonMs);
    return { envelope: received, document: ended === undefined ? document : undefined };
  }

  #isAhead(key: SessionKey, atMs: number): boolean {
    const aheadMs = atMs - this.#host.nowMs();
    if (aheadMs <= this.#host.epsilonMs) return false;
    this.#host.events.emit({ type: "clock-fault", key, aheadMs });
    return true;
  }
}

const NO_FAULT_OF_INPUT: ReadonlySet<string> = new Set(["SESSION_UNAVAILABLE", "STORE_UNAVAILABLE", "ENGINE_CLOSED"]);

/** Whether a session says more than a record of it, or says it in another epoch. */
function isMore(live: LiveSession, record: SessionRecord, theirs: ReadonlyMap<WriterId, Stamp> | undefined): boolean {
  // Touches travel by themselves: a state that is behind in nothing else is not worth another.
  if (!sameEnvelope(live.envelope, { ...record.envelope, touchedAtMs: live.envelope.touchedAtMs })) return true;
  if (live.document === undefined || record.document === undefined || theirs === undefined) return false;
  if (compareEpochs(live.document.epoch, record.document.epoch) !== 0) return true;
  return [...live.document.vector].some((dot) => !covers(theirs, dot));
}

function corrupt(what: string): SessionError {
  return new SessionError("RECORD_CORRUPT", `A session from a peer is broken: ${what}; nothing was changed.`);
}
