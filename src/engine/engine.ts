import { Schema, type AttributeTypes } from "./attributes/schema.ts";
import { covers } from "./cells.ts";
import { COMPACT_AT_ONCE, COMPACT_WHEN_QUIET, type DocumentContext, SessionDocument } from "./document.ts";
import { type EndReason, type Envelope, joinEnvelopes } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { type EventListener, harmless } from "./events.ts";
import { EngineClock, isHostileStamp, stampMs } from "./hybrid-clock.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import { joinChange, mergeDocuments } from "./merge-records.ts";
import { RequestSession, type SessionHost } from "./open-session.ts";
import { type Change, compareEpochs, type SessionKey, type SessionRecord, type WriterId } from "./record.ts";
import { Registry } from "./registry.ts";
import type { ChangeReceipt, Delivery, Replica, Replication, StateReceipt } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { OpenResult, OpenSession, SessionEngine } from "./session-engine.ts";
import { issueSessionId, sessionKey } from "./session-id.ts";
import type { SessionStore } from "./session-store.ts";
import { readTable, WRITER_MAX, WRITER_MIN } from "./update-reader.ts";
import { verdict, type Verdict } from "./verdict.ts";

/** No session lives longer: it bounds how long an end must be remembered. */
export const ABSOLUTE_TIMEOUT_MAX_MS = 30 * 24 * 60 * 60 * 1000;
/** Compaction waits for this much quiet after the last change of a session. */
export const QUIET_MS = 100;
/** Beyond so many processes that wrote one session, an event tells. */
const WRITER_COUNT_WARNED = 256;

export interface EngineOptions {
  /** Declared attributes by name, as `{ visits: counter() }`. Others merge by what they hold. */
  readonly attributes?: AttributeTypes;
  /** Attributes that are always replaced whole, unless declared otherwise. Default: user, passport, auth, account, identity. */
  readonly units?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** How long a session may go unused. Default 30 min; less than `absoluteTimeoutMs`. */
  readonly idleTimeoutMs?: number;
  /** How long a session may live in all. Default 12 h, at most 30 d. */
  readonly absoluteTimeoutMs?: number;
  /** How far the clocks of two nodes may be apart, milliseconds. Default 2,000, at most 30,000. */
  readonly epsilonMs?: number;
  /** Whether responses wait until what they wrote is stored. Default `after`: they do not. */
  readonly persist?: "before" | "after";
  /** Default: memory. */
  readonly store?: SessionStore;
  /** How this process meets others, as `relays([...], { secret })`. Default: alone. */
  readonly sync?: Replication;
  readonly onEvent?: EventListener;
}

/** See `SessionEngine`. Made by `createEngine`, which gives it Node's runtime and a store. */
export class Engine implements SessionEngine, SessionHost, Replica {
  readonly ready: Promise<void>;
  readonly persist: "before" | "after";
  readonly schema: Schema;
  readonly limits: Limits;
  readonly #runtime: Runtime;
  readonly #clock: EngineClock;
  readonly #context: DocumentContext;
  readonly #registry: Registry;
  readonly #store: SessionStore;
  readonly #sync: Replication | undefined;
  readonly #idleTimeoutMs: number;
  readonly #absoluteTimeoutMs: number;
  readonly #epsilonMs: number;
  readonly #onEvent: EventListener;
  readonly #restless = new Set<LiveSession>();
  #cancelQuiet: (() => void) | undefined;
  #writer: WriterId;
  #closing: Promise<void> | undefined;

  /** @throws SessionError OPTION_INVALID */
  constructor(options: EngineOptions, runtime: Runtime, makeStore: (context: DocumentContext) => SessionStore) {
    this.#runtime = runtime;
    this.#clock = new EngineClock(runtime);
    this.schema = new Schema(options.attributes, options.units);
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.persist = options.persist ?? "after";
    this.#absoluteTimeoutMs = inRange("absoluteTimeoutMs", options.absoluteTimeoutMs ?? 12 * 60 * 60 * 1000, 1, ABSOLUTE_TIMEOUT_MAX_MS);
    const idleDefault = Math.min(30 * 60 * 1000, this.#absoluteTimeoutMs);
    this.#idleTimeoutMs = inRange("idleTimeoutMs", options.idleTimeoutMs ?? idleDefault, 1, this.#absoluteTimeoutMs);
    this.#epsilonMs = inRange("epsilonMs", options.epsilonMs ?? 2_000, 0, 30_000);
    for (const [name, limit] of Object.entries<number>({ ...this.limits })) inRange(`limits.${name}`, limit, 1, Number.MAX_SAFE_INTEGER);
    this.#onEvent = harmless(options.onEvent);
    this.#writer = this.#drawWriter();
    this.#context = {
      sha256: (bytes) => runtime.sha256(bytes),
      limits: this.limits,
      writer: () => this.#writer,
      newWriter: () => (this.#writer = this.#drawWriter()),
    };
    this.#store = options.store ?? makeStore(this.#context);
    this.#sync = options.sync;
    const sync = this.#sync;
    this.#registry = new Registry({
      runtime,
      clock: this.#clock,
      context: this.#context,
      store: this.#store,
      limits: this.limits,
      epsilonMs: this.#epsilonMs,
      onEvent: this.#onEvent,
      fetch: sync === undefined ? undefined : (key) => sync.fetch(key),
      onHold: (key) => sync?.watch(key),
      onRelease: (key) => sync?.unwatch(key),
    });
    sync?.start(this);
    this.ready = sync?.ready ?? Promise.resolve();
  }

  get replica(): Replica {
    return this;
  }

  issueId(): string {
    return issueSessionId(this.#clock.nowMs(), this.#runtime);
  }

  keyOf(id: string): SessionKey {
    return sessionKey(id, this.#runtime);
  }

  draft(): OpenSession {
    return new RequestSession(this, undefined);
  }

  openHot(key: SessionKey): OpenSession | undefined {
    const live = this.#registry.hot(key);
    if (live === undefined || this.verdictOf(live.envelope) !== "alive") return undefined;
    return new RequestSession(this, live);
  }

  async open(key: SessionKey): Promise<OpenResult> {
    this.#checkOpen();
    const live = this.#registry.hot(key) ?? (await this.#registry.load(key));
    if (live === undefined) return { kind: "absent" };
    const now = this.verdictOf(live.envelope);
    if (now === "alive") return { kind: "alive", session: new RequestSession(this, live) };
    if (live.envelope.ended === undefined) {
      // Somebody is told that the session is over: from here on it is, everywhere.
      this.#end(live, "expired").catch(() => undefined);
    }
    const { ended } = live.envelope;
    return { kind: "ended", reason: ended?.reason ?? "expired", atMs: ended?.atMs ?? live.envelope.deadlineMs };
  }

  async end(key: SessionKey, reason: EndReason): Promise<Delivery> {
    this.#checkOpen();
    const live =
      (await this.#registry.held(key)) ?? this.#registry.add({ ...this.newEnvelope(key), ended: this.#endNow(reason) }, undefined);
    return this.#end(live, reason);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // SessionHost

  get sha256(): (bytes: Uint8Array) => Uint8Array {
    return this.#context.sha256;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  verdictOf(envelope: Envelope): Verdict {
    return verdict(envelope, this.#clock.nowMs());
  }

  newEnvelope(key: SessionKey, idleTimeoutMs: number = this.#idleTimeoutMs): Envelope {
    const nowMs = this.#clock.nowMs();
    const deadlineMs = nowMs + this.#absoluteTimeoutMs;
    return { key, createdAtMs: nowMs, deadlineMs, idleTimeoutMs, idleTimeoutStamp: 0, touchedAtMs: nowMs, ended: undefined };
  }

  newDocument(): SessionDocument {
    return SessionDocument.create(this.#context);
  }

  add(envelope: Envelope, document: SessionDocument): LiveSession {
    this.#checkOpen();
    const held = this.#registry.hot(envelope.key);
    if (held !== undefined) throw new SessionError("INVARIANT_BROKEN", "A new session needs an id that was never used.");
    return this.#registry.add(envelope, document);
  }

  reattach(live: LiveSession): LiveSession {
    this.#checkOpen();
    return this.#registry.reattach(live);
  }

  store(live: LiveSession): Promise<void> {
    return this.#registry.store(live);
  }

  touch(live: LiveSession): void {
    const nowMs = this.#clock.nowMs();
    const { envelope } = live;
    if (nowMs <= envelope.touchedAtMs || verdict(envelope, nowMs) !== "alive") return;
    live.envelope = { ...envelope, touchedAtMs: nowMs };
    if (nowMs - live.sentTouchMs < Math.min(envelope.idleTimeoutMs / 10, 60_000)) return;
    live.sentTouchMs = nowMs;
    live.version++;
    this.#sync?.sendTouch(live.key, nowMs);
  }

  setIdleTimeout(live: LiveSession, idleTimeoutMs: number, latestStamp: number): void {
    const stamp = Math.max(latestStamp, live.envelope.idleTimeoutStamp + 1);
    live.envelope = { ...live.envelope, idleTimeoutMs, idleTimeoutStamp: stamp };
  }

  discarded(key: SessionKey): void {
    this.#onEvent({ type: "commit-discarded", key });
  }

  /** `change` undefined: the session is told whole. */
  committed(live: LiveSession, change: Change | undefined): void {
    if (change === undefined) this.#sync?.sendState(live.key, live.record());
    else this.#sync?.sendChange(live.key, change);
    this.#afterChange(live);
    this.#registry.changed(live);
  }

  // Replica

  heldKeys(): Iterable<SessionKey> {
    return this.#registry.heldKeys();
  }

  async record(key: SessionKey): Promise<SessionRecord | undefined> {
    return (await this.#registry.held(key))?.record();
  }

  async receiveState(key: SessionKey, record: SessionRecord): Promise<StateReceipt> {
    try {
      if (record.envelope.key !== key) throw new SessionError("RECORD_CORRUPT", "A record was sent under another key.");
      const envelope = this.#checkedTouch(record.envelope);
      const theirs = record.document === undefined ? undefined : readTable(record.document.bytes, this.limits).table;
      if (theirs !== undefined && theirs.latestStamp > 0 && isHostileStamp(theirs.latestStamp, envelope.createdAtMs, envelope.deadlineMs)) {
        throw new SessionError("RECORD_CORRUPT", "A session holds a commit from after its end.");
      }
      const live = await this.#registry.held(key);
      if (live === undefined) {
        const { document } = record;
        const added = this.#registry.add(envelope, document === undefined ? undefined : SessionDocument.load(this.#context, document));
        this.#registry.changed(added);
        return { kind: "merged", ahead: false };
      }
      const before = live.envelope;
      live.envelope = joinEnvelopes(before, envelope);
      let isChanged = JSON.stringify(before) !== JSON.stringify(live.envelope);
      let isAhead = JSON.stringify(envelope) !== JSON.stringify(live.envelope);
      if (live.envelope.ended !== undefined) live.document = undefined;
      if (live.document !== undefined && record.document !== undefined && theirs !== undefined) {
        const ours = live.document;
        if (compareEpochs(ours.epoch, record.document.epoch) === 0) isChanged = ours.merge(record.document) || isChanged;
        else {
          const merged = mergeDocuments(ours.encode(), record.document, this.#context);
          if (compareEpochs(merged.epoch, ours.epoch) !== 0) {
            ours.adopt(merged);
            isChanged = true;
          }
        }
        isAhead ||= compareEpochs(ours.epoch, record.document.epoch) !== 0;
        isAhead ||= [...ours.vector].some((dot) => !covers(theirs.vector, dot));
      }
      if (isChanged) {
        this.#afterChange(live);
        this.#registry.changed(live);
      }
      return { kind: isChanged ? "merged" : "unchanged", ahead: isAhead };
    } catch (error) {
      this.#onEvent({ type: "input-refused", key, error });
      return { kind: "refused", ahead: false };
    }
  }

  async receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt> {
    try {
      const live = await this.#heldNow(key);
      if (live === undefined) return "unknown";
      const { envelope, document } = live;
      if (document === undefined) return "ended";
      if (isHostileStamp(change.stamp, envelope.createdAtMs, envelope.deadlineMs)) {
        throw new SessionError("RECORD_CORRUPT", "A change is stamped after the end of its session.");
      }
      const receipt = this.#applyChange(document, change);
      if (receipt === "applied" || receipt === "joined") {
        this.#checkAhead(key, envelope.createdAtMs + stampMs(change.stamp));
        this.#afterChange(live);
        this.#registry.changed(live);
      }
      return receipt;
    } catch (error) {
      this.#onEvent({ type: "input-refused", key, error });
      return "refused";
    }
  }

  async receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void> {
    const live = await this.#registry.held(key).catch(() => undefined);
    if (live === undefined || this.#checkAhead(key, touchedAtMs) || touchedAtMs <= live.envelope.touchedAtMs) return;
    live.envelope = { ...live.envelope, touchedAtMs };
    live.sentTouchMs = Math.max(live.sentTouchMs, touchedAtMs);
    live.version++;
  }

  async receiveEnd(key: SessionKey, envelope: Envelope): Promise<void> {
    if (envelope.key !== key || envelope.ended === undefined) return;
    const live = await this.#registry.held(key).catch(() => undefined);
    if (live === undefined) {
      this.#registry.changed(this.#registry.add(envelope, undefined));
      return;
    }
    live.envelope = joinEnvelopes(live.envelope, envelope);
    live.document = undefined;
    this.#registry.changed(live);
    if (this.#store.durable) await this.#registry.store(live).catch(() => undefined);
  }

  /** Hot sessions answer in the same tick, so that changes take effect in the order in which they came. */
  #heldNow(key: SessionKey): LiveSession | undefined | Promise<LiveSession | undefined> {
    return this.#registry.peek(key) ?? this.#registry.held(key);
  }

  #applyChange(document: SessionDocument, change: Change): ChangeReceipt {
    const order = compareEpochs(change.epoch, document.epoch);
    if (order === 0) return document.apply(change);
    if (covers(document.vector, [change.writer, change.stamp])) return "duplicate";
    if (order > 0 || !document.isNext(change)) return "state-needed";
    document.adopt(joinChange(document.encode(), change, this.#context));
    return "joined";
  }

  async #end(live: LiveSession, reason: EndReason): Promise<Delivery> {
    live.envelope = { ...live.envelope, ended: live.envelope.ended ?? this.#endNow(reason) };
    live.document = undefined;
    this.#registry.changed(live);
    const stored = this.#store.durable ? this.#registry.store(live) : Promise.resolve();
    const sent = this.#sync?.sendEnd(live.key, live.envelope) ?? { acks: 0, wanted: 0, durable: this.#store.durable };
    const [delivery] = await Promise.all([sent, stored.catch(() => undefined)]);
    return delivery;
  }

  #endNow(reason: EndReason): { reason: EndReason; atMs: number } {
    return { reason, atMs: this.#clock.nowMs() };
  }

  /** A touch that is dated ahead of this clock by more than ε is refused, not clamped: clamping walks it forward for ever. */
  #checkedTouch(envelope: Envelope): Envelope {
    return this.#checkAhead(envelope.key, envelope.touchedAtMs) ? { ...envelope, touchedAtMs: envelope.createdAtMs } : envelope;
  }

  #checkAhead(key: SessionKey, atMs: number): boolean {
    const aheadMs = atMs - this.#clock.nowMs();
    if (aheadMs <= this.#epsilonMs) return false;
    this.#onEvent({ type: "clock-fault", key, aheadMs });
    return true;
  }

  #afterChange(live: LiveSession): void {
    const { document } = live;
    if (document === undefined) return;
    live.lastChangeAtMs = this.#clock.nowMs();
    if (document.wantsCompaction(COMPACT_AT_ONCE)) this.#compact(live, COMPACT_AT_ONCE);
    else if (document.sizeBound > COMPACT_WHEN_QUIET.bytes) this.#awaitQuiet(live);
    if (document.vector.size > WRITER_COUNT_WARNED && !live.isWarned) {
      live.isWarned = true;
      this.#onEvent({ type: "many-writers", key: live.key, writerCount: document.vector.size });
    }
  }

  #awaitQuiet(live: LiveSession): void {
    this.#restless.add(live);
    this.#cancelQuiet ??= this.#runtime.setTimer(QUIET_MS, () => {
      this.#cancelQuiet = undefined;
      const nowMs = this.#clock.nowMs();
      for (const session of this.#restless) {
        if (nowMs - session.lastChangeAtMs < QUIET_MS) continue;
        this.#restless.delete(session);
        if (session.isHeld && session.document?.wantsCompaction(COMPACT_WHEN_QUIET) === true) this.#compact(session, COMPACT_WHEN_QUIET);
      }
      const [next] = this.#restless;
      if (next !== undefined) this.#awaitQuiet(next);
    });
  }

  #compact(live: LiveSession, rule: typeof COMPACT_WHEN_QUIET): void {
    if (live.document?.compact(rule) !== true) return;
    this.#registry.changed(live);
    this.#sync?.sendState(live.key, live.record());
  }

  #drawWriter(): WriterId {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = this.#runtime.randomBytes(5);
    return WRITER_MIN + ((a * 2 ** 32 + b * 2 ** 24 + c * 2 ** 16 + d * 2 ** 8 + e) % (WRITER_MAX - WRITER_MIN + 1));
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
  }

  async #close(): Promise<void> {
    this.#cancelQuiet?.();
    this.#restless.clear();
    await this.#registry.close();
    await this.#sync?.close();
    await this.#store.close();
  }
}

function inRange(name: string, value: number, lowest: number, highest: number): number {
  if (!(value >= lowest && value <= highest)) {
    throw new SessionError("OPTION_INVALID", `${name} is ${value}; it must be a number from ${lowest} to ${highest}.`);
  }
  return value;
}
