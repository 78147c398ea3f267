import { covers } from "./cells.ts";
import { type DocumentContext, SessionDocument } from "./document.ts";
import { type Envelope, sameEnvelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventListener } from "./events.ts";
import { isHostileStamp, stampMs } from "./hybrid-clock.ts";
import type { LiveSession } from "./live-session.ts";
import { joinChange } from "./merge-records.ts";
import { type Change, compareEpochs, type SessionKey, type SessionRecord, type Stamp, type WriterId } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { ChangeReceipt, Replica, StateReceipt } from "./replication.ts";

/** What taking in the sessions of others needs of an engine. */
export interface ReplicaHost {
  readonly context: DocumentContext;
  readonly registry: Registry;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  readonly onEvent: EventListener;
  nowMs(): number;
  /** Must be called after every change of a session's document. */
  documentChanged(live: LiveSession): void;
}

/** The sessions of an engine, for replication. Apart from the engine: a process that runs alone does not load it. */
export function replicaOf(host: ReplicaHost): Replica {
  return new EngineReplica(host);
}

class EngineReplica implements Replica {
  readonly #host: ReplicaHost;
  readonly #registry: Registry;

  constructor(host: ReplicaHost) {
    this.#host = host;
    this.#registry = host.registry;
  }

  heldKeys(): Iterable<SessionKey> {
    return this.#registry.heldKeys();
  }

  record(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#with(key, (live) => live?.record());
  }

  async receiveState(key: SessionKey, record: SessionRecord): Promise<StateReceipt> {
    try {
      if (record.envelope.key !== key) throw corrupt("it was sent under another key");
      const received = { envelope: this.#withoutFutureTouch(record.envelope), document: record.document };
      const vector = this.#checkedVector(received);
      return await this.#with(key, (live) => {
        if (live !== undefined) return this.#merge(live, received, vector);
        void this.#add(received);
        return { kind: "merged", ahead: false };
      });
    } catch (error) {
      this.#host.onEvent({ type: "input-refused", key, error });
      return { kind: "refused", ahead: false };
    }
  }

  async receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt> {
    try {
      return await this.#with(key, (live) => (live === undefined ? "unknown" : this.#take(live, change)));
    } catch (error) {
      this.#host.onEvent({ type: "input-refused", key, error });
      return "refused";
    }
  }

  async receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void> {
    try {
      await this.#with(key, (live) => {
        if (live === undefined || this.#isAhead(key, touchedAtMs) || touchedAtMs <= live.envelope.touchedAtMs) return;
        live.envelope = { ...live.envelope, touchedAtMs };
        live.sentTouchMs = Math.max(live.sentTouchMs, touchedAtMs);
        live.version++;
      });
    } catch {
      // It could not be loaded: the touch is lost, as one on the way may be. Another follows.
    }
  }

  async receiveEnd(key: SessionKey, envelope: Envelope): Promise<void> {
    if (envelope.key !== key || envelope.ended === undefined) return;
    const end = { envelope, document: undefined };
    const storing = (live: LiveSession | undefined): Promise<void> => {
      if (live === undefined) return this.#add(end);
      live.takeIn(end, this.#host.context);
      return this.#registry.changed(live);
    };
    // What cannot be loaded is ended all the same: an end needs nothing of what it ends.
    const stored = await this.#with(key, (live) => ({ done: storing(live) })).catch(() => ({ done: storing(this.#registry.peek(key)) }));
    await stored.done;
  }

  /**
   * Runs `use` on the session as it is held at that moment, in one go: during a wait it may have come in another way, or have
   * gone cold again.
   */
  async #with<T>(key: SessionKey, use: (live: LiveSession | undefined) => T): Promise<T> {
    const held = this.#registry.peek(key) ?? (await this.#registry.held(key));
    return use(this.#registry.peek(key) ?? (held === undefined ? undefined : this.#registry.reattach(held)));
  }

  #add({ envelope, document }: SessionRecord): Promise<void> {
    const { context } = this.#host;
    return this.#registry.changed(
      this.#registry.add(envelope, document === undefined ? undefined : SessionDocument.load(context, document)),
    );
  }

  #merge(live: LiveSession, record: SessionRecord, theirs: ReadonlyMap<WriterId, Stamp> | undefined): StateReceipt {
    const isChanged = live.takeIn(record, this.#host.context);
    if (isChanged) {
      this.#host.documentChanged(live);
      void this.#registry.changed(live);
    }
    return { kind: isChanged ? "merged" : "unchanged", ahead: isMore(live, record, theirs) };
  }

  #take(live: LiveSession, change: Change): ChangeReceipt {
    const { key, envelope, document } = live;
    if (document === undefined) return "ended";
    if (isHostileStamp(change.stamp, envelope.createdAtMs, envelope.deadlineMs)) throw corrupt("a change is stamped after its end");
    const receipt = this.#apply(document, change);
    if (receipt === "applied" || receipt === "joined") {
      this.#isAhead(key, envelope.createdAtMs + stampMs(change.stamp));
      this.#host.documentChanged(live);
      void this.#registry.changed(live);
    }
    return receipt;
  }

  #apply(document: SessionDocument, change: Change): ChangeReceipt {
    const order = compareEpochs(change.epoch, document.epoch);
    if (order === 0) return document.apply(change);
    if (covers(document.vector, [change.writer, change.stamp])) return "duplicate";
    if (order > 0 || !document.isNext(change)) return "state-needed";
    document.adopt(joinChange(document.encode(), change, this.#host.context));
    return "joined";
  }

  /** What the sender of a record has seen. */
  #checkedVector({ envelope, document }: SessionRecord): ReadonlyMap<WriterId, Stamp> | undefined {
    if (document === undefined) return undefined;
    const { latestStamp, vector } = SessionDocument.check(this.#host.context, document);
    if (latestStamp > 0 && isHostileStamp(latestStamp, envelope.createdAtMs, envelope.deadlineMs)) {
      throw corrupt("it holds a commit from after its end");
    }
    return vector;
  }

  /** A touch that is dated ahead of this clock by more than ε is refused, not clamped: clamping walks it forward for ever. */
  #withoutFutureTouch(envelope: Envelope): Envelope {
    return this.#isAhead(envelope.key, envelope.touchedAtMs) ? { ...envelope, touchedAtMs: envelope.createdAtMs } : envelope;
  }

  #isAhead(key: SessionKey, atMs: number): boolean {
    const aheadMs = atMs - this.#host.nowMs();
    if (aheadMs <= this.#host.epsilonMs) return false;
    this.#host.onEvent({ type: "clock-fault", key, aheadMs });
    return true;
  }
}

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
