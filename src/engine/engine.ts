import { Schema, type AttributeTypes } from "./attributes/schema.ts";
import { COMPACT_AT_ONCE, COMPACT_WHEN_QUIET, type DocumentContext, SessionDocument } from "./document.ts";
import { type EndReason, endEnvelope, type Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { type EventListener, harmless } from "./events.ts";
import { EngineClock } from "./hybrid-clock.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import { type Birth, RequestSession, type SessionHost } from "./open-session.ts";
import type { Change, SessionKey, SubjectKey, WriterId } from "./record.ts";
import { Registry } from "./registry.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Delivery, Replication } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { CheckOut, DraftOptions, OnceOptions, OpenSession, SessionEngine, SessionHandle, SessionSummary } from "./session-engine.ts";
import type { EngineStats } from "./stats.ts";
import { bornAtMs, issueSessionId, sessionKey } from "./session-id.ts";
import type { SessionStore } from "./session-store.ts";
import { WRITER_MAX, WRITER_MIN } from "./update-reader.ts";
import { verdict, type Verdict } from "./verdict.ts";

/** No session lives longer: it bounds how long an end must be remembered. */
const ABSOLUTE_TIMEOUT_MAX_MS = 30 * 24 * 60 * 60 * 1000;
/** Compaction waits for this much quiet after the last change of a session. */
const QUIET_MS = 100;
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
  readonly sync?: (host: ReplicaHost) => Replication;
  readonly onEvent?: EventListener;
}

/** See `SessionEngine`. Made by `createEngine`, which gives it Node's runtime and a store. */
export class Engine implements SessionEngine, SessionHost, ReplicaHost {
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
  readonly epsilonMs: number;
  readonly #onEvent: EventListener;
  readonly #revocations = new Map<SubjectKey, number>();
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
    this.epsilonMs = inRange("epsilonMs", options.epsilonMs ?? 2_000, 0, 30_000);
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
    this.#registry = new Registry({
      runtime,
      clock: this.#clock,
      context: this.#context,
      store: this.#store,
      limits: this.limits,
      epsilonMs: this.epsilonMs,
      onEvent: this.#onEvent,
      revocations: this.#revocations,
      onTouchDue: (key, touchedAtMs) => this.#sync?.sendTouch(key, touchedAtMs),
      fetch: (key) => this.#sync?.fetch(key),
      onHold: (key) => this.#sync?.watch(key),
      onRelease: (key) => this.#sync?.unwatch(key),
    });
    this.#sync = options.sync?.(this);
    this.ready = this.#sync?.ready ?? Promise.resolve();
  }

  get host(): ReplicaHost {
    return this;
  }

  issueId(): string {
    return issueSessionId(this.#clock.nowMs(), this.#runtime);
  }

  keyOf(id: string): SessionKey {
    return sessionKey(id, this.#runtime);
  }

  isPastLife(id: string): boolean {
    return this.#clock.nowMs() >= (bornAtMs(id) ?? Infinity) + this.#absoluteTimeoutMs;
  }

  draft(options: DraftOptions = {}): OpenSession {
    return new RequestSession(this, undefined, options);
  }

  checkOutHot(key: SessionKey): OpenSession | undefined {
    const live = this.#registry.hot(key);
    if (live === undefined || this.verdictOf(live.envelope) !== "alive") return undefined;
    return new RequestSession(this, live);
  }

  async checkOut(key: SessionKey): Promise<CheckOut> {
    this.#checkOpen();
    const loaded = this.#registry.hot(key) ?? (await this.#registry.load(key));
    if (loaded === undefined) return { kind: "absent" };
    const live = this.#registry.reattach(loaded);
    const now = this.verdictOf(live.envelope);
    if (now === "alive") return { kind: "alive", session: new RequestSession(this, live), follows: false };
    if (live.envelope.ended === undefined) {
      // Somebody is told that the session is over: from here on it is, everywhere.
      this.#end(live, "expired").catch(() => undefined);
    }
    const { ended } = live.envelope;
    return { kind: "ended", reason: ended?.reason ?? "expired", atMs: ended?.atMs ?? live.envelope.deadlineMs };
  }

  async end(key: SessionKey, reason: EndReason): Promise<Delivery> {
    this.#checkOpen();
    const end = (live?: LiveSession): Promise<Delivery> =>
      this.#end(live ?? this.#registry.add(this.#unknownEnded(key, reason), undefined), reason);
    // What cannot be loaded is ended all the same: a logout never fails.
    return this.#registry.use(key, end).catch(() => end(this.#registry.hot(key)));
  }

  async open(): Promise<SessionHandle | undefined> {
    throw notBuilt();
  }

  async openById(): Promise<SessionHandle | undefined> {
    throw notBuilt();
  }

  async claim(): Promise<boolean> {
    throw notBuilt();
  }

  async once<T>(_key: SessionKey, _name: string, _run: () => T | Promise<T>, _options?: OnceOptions): Promise<T> {
    throw notBuilt();
  }

  sessions(): AsyncIterable<SessionSummary> {
    throw notBuilt();
  }

  async count(): Promise<number> {
    throw notBuilt();
  }

  async clear(): Promise<number> {
    throw notBuilt();
  }

  async revokeAll(): Promise<void> {
    throw notBuilt();
  }

  stats(): EngineStats {
    throw notBuilt();
  }

  on(): () => void {
    throw notBuilt();
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
    return verdict(envelope, this.#revocations, this.#clock.nowMs());
  }

  newEnvelope(key: SessionKey, birth: Birth): Envelope {
    const nowMs = this.#clock.nowMs();
    const createdAtMs = birth.bornAtMs ?? nowMs;
    const firstCreatedAtMs = Math.min(birth.firstCreatedAtMs ?? createdAtMs, createdAtMs);
    return {
      key,
      createdAtMs,
      firstCreatedAtMs,
      deadlineMs: Math.min(createdAtMs + (birth.absoluteTimeoutMs ?? this.#absoluteTimeoutMs), firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS),
      idleTimeoutMs: birth.idleTimeoutMs ?? this.#idleTimeoutMs,
      idleTimeoutStamp: 0,
      touchedAtMs: nowMs,
      subject: birth.subject,
      subjectAtMs: birth.subject === undefined ? 0 : this.subjectAtMs(birth.subject),
      successor: undefined,
      ended: undefined,
    };
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
    // A request that runs for longer than the idle timeout is use, too: nobody was told yet that the session is over.
    if (nowMs <= envelope.touchedAtMs || verdict(envelope, this.#revocations, nowMs) === "ended") return;
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

  setSubject(live: LiveSession, subject: SubjectKey | undefined): void {
    const { envelope } = live;
    if (envelope.subject === subject) return;
    const subjectAtMs = Math.max(this.subjectAtMs(subject), envelope.subjectAtMs + 1);
    live.envelope = { ...envelope, subject, subjectAtMs };
  }

  /** Now, and after what is revoked already. */
  subjectAtMs(subject: SubjectKey | undefined): number {
    return Math.max(this.#clock.nowMs(), (this.#revocations.get(subject ?? "") ?? -1) + 1);
  }

  setSuccessor(live: LiveSession, key: SessionKey, graceMs: number): void {
    live.envelope = { ...live.envelope, successor: { key, atMs: this.#clock.nowMs() + graceMs } };
    this.committed(live, undefined);
  }

  subjectKey(subject: string): SubjectKey {
    return subject;
  }

  discarded(key: SessionKey): void {
    this.#onEvent({ type: "commit-discarded", key });
  }

  /** `change` undefined: the session is told whole. */
  committed(live: LiveSession, change: Change | undefined): void {
    if (change === undefined) this.#sync?.sendState(live.key, live.record());
    else this.#sync?.sendChange(live.key, change);
    this.documentChanged(live);
    void this.#registry.changed(live);
  }

  // ReplicaHost

  get context(): DocumentContext {
    return this.#context;
  }

  get registry(): Registry {
    return this.#registry;
  }

  get onEvent(): EventListener {
    return this.#onEvent;
  }

  documentChanged(live: LiveSession): void {
    const { document } = live;
    if (document === undefined) return;
    live.lastChangeAtMs = this.#clock.nowMs();
    if (document.wantsCompaction(COMPACT_AT_ONCE)) this.#compact(live, COMPACT_AT_ONCE);
    if (document.sizeBound > COMPACT_WHEN_QUIET.bytes) this.#awaitQuiet(live);
    if (document.vector.size > WRITER_COUNT_WARNED && !live.isWarned) {
      live.isWarned = true;
      this.#onEvent({ type: "many-writers", key: live.key, writerCount: document.vector.size });
    }
  }

  async #end(live: LiveSession, reason: EndReason): Promise<Delivery> {
    live.envelope = endEnvelope(live.envelope, live.envelope.ended ?? this.#endNow(reason));
    live.document = undefined;
    void this.#registry.changed(live);
    const stored = this.#store.durable ? this.#registry.store(live) : Promise.resolve();
    const sent = this.#sync?.sendEnd(live.key, live.envelope) ?? { acks: 0, wanted: 0, durable: this.#store.durable };
    const [delivery] = await Promise.all([sent, stored.catch(() => undefined)]);
    return delivery;
  }

  /** An end of a session that is not held here is remembered as long as any session can live. */
  #unknownEnded(key: SessionKey, reason: EndReason): Envelope {
    return endEnvelope({ key, deadlineMs: this.#clock.nowMs() + ABSOLUTE_TIMEOUT_MAX_MS }, this.#endNow(reason));
  }

  #endNow(reason: EndReason): { reason: EndReason; atMs: number } {
    return { reason, atMs: this.#clock.nowMs() };
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
    void this.#registry.changed(live);
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

function notBuilt(): SessionError {
  return new SessionError("INVARIANT_BROKEN", "This is being built.");
}

function inRange(name: string, value: number, lowest: number, highest: number): number {
  if (!(value >= lowest && value <= highest)) {
    throw new SessionError("OPTION_INVALID", `${name} is ${value}; it must be a number from ${lowest} to ${highest}.`);
  }
  return value;
}
