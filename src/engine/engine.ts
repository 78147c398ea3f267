import { Acknowledgement } from "./acknowledgement.ts";
import { covers } from "./cells.ts";
import { Schema } from "./attributes/schema.ts";
import { envelopesOf } from "./directory.ts";
import { contextFor, type DocumentContext, SessionDocument } from "./document.ts";
import { type EndReason, endEnvelope, type Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { EventHub } from "./event-hub.ts";
import type { EventListener, SessionEvent } from "./events.ts";
import { EngineClock } from "./hybrid-clock.ts";
import { Compactor } from "./compactor.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS, type EngineOptions, inRange, resolveSettings } from "./engine-options.ts";
import { Claims } from "./claims.ts";
import type { Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import { type Birth, RequestSession, type SessionHost } from "./open-session.ts";
import type { Change, Dot, SessionKey, SubjectKey, WriterId } from "./record.ts";
import { Observers } from "./observers.ts";
import { Registry } from "./registry.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Backlog, Delivery, Replication } from "./replication.ts";
import { Revoking } from "./revoking.ts";
import type { Runtime } from "./runtime.ts";
import type {
  CheckOut,
  CheckOutOptions,
  Seen,
  DraftOptions,
  OnceOptions,
  OpenSession,
  SessionChange,
  SessionData,
  SessionEngine,
  SessionHandle,
  SessionSummary,
} from "./session-engine.ts";
import { type HandleHost, LiveHandle } from "./session-handle.ts";
import { type EngineStats, statsOf } from "./stats.ts";
import { SeenWrites } from "./seen.ts";
import { ageOf, issueSessionId, sessionKey } from "./session-id.ts";
import type { SessionStore } from "./session-store.ts";
import { Subjects } from "./subjects.ts";
import { Succession } from "./succession.ts";
import { WRITER_MAX, WRITER_MIN } from "./update-reader.ts";
import { endReason, type Revocations, verdict, type Verdict } from "./verdict.ts";
import type { ContainerNode } from "./view.ts";

const NOTHING_WAITS: Backlog = { sessions: 0, bytes: 0, ageMs: 0 };
const NOTHING_DELIVERED: Delivery = { acks: 0, wanted: 0, durable: false };

/** See `SessionEngine`. Made by `createEngine`, which gives it Node's runtime and a store. */
export class Engine<Data extends object = SessionData> implements SessionEngine<Data>, SessionHost, HandleHost, ReplicaHost {
  readonly ready: Promise<void>;
  readonly runtime: Runtime;
  readonly schema: Schema;
  readonly limits: Limits;
  readonly clock: EngineClock;
  readonly #context: DocumentContext;
  readonly #registry: Registry;
  readonly sessionStore: SessionStore;
  readonly revoking: Revoking;
  readonly #sync: Replication | undefined;
  readonly #idleTimeoutMs: number;
  readonly #absoluteTimeoutMs: number;
  readonly epsilonMs: number;
  readonly #events = new EventHub();
  readonly #observers: Observers;
  readonly #subjects: Subjects;
  readonly #claims: Claims;
  readonly #acknowledgement: Acknowledgement;
  readonly #seen: SeenWrites;
  readonly #compactor: Compactor;
  readonly #succession: Succession;
  readonly #counts = { commits: 0, remoteCommits: 0, loads: 0 };
  #writer: WriterId;
  #closing: Promise<void> | undefined;

  /** @throws SessionError OPTION_INVALID */
  constructor(options: EngineOptions, runtime: Runtime, makeStore: (context: DocumentContext) => SessionStore) {
    this.runtime = runtime;
    this.schema = new Schema(options.attributes, options.units);
    const settings = resolveSettings(options);
    this.limits = settings.limits;
    this.epsilonMs = settings.epsilonMs;
    this.#idleTimeoutMs = settings.idleTimeoutMs;
    this.#absoluteTimeoutMs = settings.absoluteTimeoutMs;
    if (options.onEvent !== undefined) this.#events.on("*", options.onEvent);
    this.#subjects = new Subjects(options.subjectSecret ?? "", (data) => runtime.sha256(data));
    this.#writer = this.#drawWriter();
    this.#context = {
      sha256: (data) => runtime.sha256(data),
      limits: this.limits,
      writer: () => this.#writer,
      newWriter: () => (this.#writer = this.#drawWriter()),
      drawWriter: () => this.#drawWriter(),
    };
    this.sessionStore = typeof options.store === "function" ? options.store(this.#context) : (options.store ?? makeStore(this.#context));
    this.clock = new EngineClock(runtime, this.sessionStore.highWaterMs?.(), this.epsilonMs, (event) => this.#events.emit(event));
    if (options.sync !== undefined) this.clock.expectPeers();
    this.#registry = new Registry({
      runtime,
      clock: this.clock,
      context: this.#context,
      store: this.sessionStore,
      limits: this.limits,
      epsilonMs: this.epsilonMs,
      onEvent: (event) => this.#events.emit(event),
      revocations: this.#subjects.revocations,
      onInsert: (live) => {
        live.isEndTold = live.envelope.ended !== undefined && !this.#observers.has(live.key);
        this.#observers.begin(live, () => this.viewOf(live));
      },
      onChange: (live, origin) => this.#tell(live, origin),
      onTouchDue: (key, touchedAtMs) => this.#sync?.sendTouch(key, touchedAtMs),
      fetch: (key, bornAtMs) => this.#sync?.fetch(key, bornAtMs),
      alone: () => this.#sync?.alone ?? "serve",
      onUnknownElsewhere: (live) => this.#sync?.sendState(live.key, live.record()),
      unreplicatedBytes: () => this.#sync?.backlog().bytes ?? 0,
      onHold: (key) => this.#sync?.watch(key),
      onRelease: (key) => this.#sync?.unwatch(key),
    });
    this.#observers = new Observers(this.#events, runtime, (live) => this.#endOf(live));
    this.#compactor = new Compactor(runtime, this.#events, (live) => {
      this.compacted(live);
      if (live.document !== undefined) this.#sync?.sendCompaction(live.key, live.document.epoch);
    });
    this.#succession = new Succession({
      registry: this.#registry,
      observers: this.#observers,
      events: this.#events,
      context: this.#context,
      nowMs: () => this.clock.nowMs(),
      verdictOf: (envelope) => this.verdictOf(envelope),
      load: (key, bornAtMs) => this.#load(key, bornAtMs),
      onMerged: (live) => {
        this.#rewritten(live);
        this.#compactor.changed(live);
      },
    });
    this.revoking = new Revoking({
      runtime,
      clock: this.clock,
      subjects: this.#subjects,
      registry: this.#registry,
      store: this.sessionStore,
      events: this.#events,
      epsilonMs: this.epsilonMs,
      current: (key) => this.#current(key),
      end: (key) => this.end(key, "revoked"),
      endLive: (live) => this.#end(live, "revoked"),
      committed: (live) => this.committed(live, undefined),
      send: (subject, notBeforeMs) => this.#sync?.sendRevocation(subject, notBeforeMs),
    });
    this.#acknowledgement = new Acknowledgement({
      persist: options.persist ?? "after",
      isDurable: this.sessionStore.durable,
      events: this.#events,
      store: (live) => this.#registry.store(live),
      sync: () => this.#sync,
    });
    this.#seen = new SeenWrites({
      runtime,
      registry: this.#registry,
      events: this.#events,
      epsilonMs: this.epsilonMs,
      nowMs: () => this.clock.nowMs(),
      current: (key, bornAtMs) => this.#current(key, bornAtMs),
      sync: () => this.#sync,
    });
    this.#claims = new Claims(runtime, this.clock, () => this.#sync ?? this.sessionStore);
    this.#sync = options.sync?.(this);
    const revocations = this.revoking.known();
    // Whoever asks for a session asks again, and is told.
    revocations?.catch(() => undefined);
    this.ready = Promise.all([this.#sync?.ready, revocations]).then(() => undefined);
    this.ready.catch(() => undefined);
  }

  get host(): ReplicaHost {
    return this;
  }

  issueId(options: { readonly absoluteTimeoutMs?: number } = {}): string {
    return issueSessionId(this.clock.nowMs(), this.#lifeMs(options), this.runtime);
  }

  get persist(): "before" | "after" {
    return this.#acknowledgement.persist;
  }

  get isShared(): boolean {
    return this.#sync !== undefined;
  }

  keyOf(id: string): SessionKey {
    return sessionKey(id, this.runtime);
  }

  isPastLife(id: string): boolean {
    return this.clock.nowMs() >= (ageOf(id)?.overAtMs ?? Infinity);
  }

  draft(options: DraftOptions = {}): OpenSession {
    const { from } = options;
    if (from !== undefined && !(from instanceof RequestSession))
      throw new SessionError("OPTION_INVALID", "from is a session of this engine.");
    const firstCreatedAtMs = inRange(
      "firstCreatedAtMs",
      options.firstCreatedAtMs ?? from?.envelope.firstCreatedAtMs ?? Infinity,
      0,
      Infinity,
    );
    if (firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS <= this.clock.nowMs())
      throw new SessionError("OPTION_INVALID", "No session goes on for more than 30 days after its first birth; begin one that is new.");
    return new RequestSession(this, undefined, {
      absoluteTimeoutMs: this.#lifeMs(options),
      firstCreatedAtMs: Math.floor(firstCreatedAtMs),
      from,
    });
  }

  checkOutHot(key: SessionKey, seen?: Seen): OpenSession | undefined {
    const live = this.#registry.hot(key);
    if (live === undefined || this.#registry.isStale(live)) return undefined;
    if (live.envelope.subject !== undefined && this.revoking.known() !== undefined) return undefined;
    if (live.envelope.successor !== undefined) return undefined;
    if (seen !== undefined) {
      if (!this.#seen.isMet(live, seen)) return undefined;
      this.#seen.takeTouch(live, seen);
    }
    if (this.verdictOf(live.envelope) !== "alive") return undefined;
    return new RequestSession(this, live);
  }

  hasPassed(key: SessionKey, dot: Dot, atMs: number): boolean {
    const live = this.#registry.hot(key);
    if (live?.document === undefined || atMs > this.clock.nowMs()) return false;
    return covers(live.document.vector, dot) && this.verdictOf(live.envelope) === "alive";
  }

  async checkOut(key: SessionKey, options: CheckOutOptions = {}): Promise<CheckOut> {
    this.#checkOpen();
    let { live, isBehind } = await this.#seen.reach(key, options);
    if (live !== undefined && this.#isDoubtful(live.envelope)) {
      // Whoever is told that it is over is told for good: not by a clock that may be wrong.
      await this.clock.settled;
      ({ live, isBehind } = await this.#seen.reach(key, options));
    }
    if (live === undefined) return { kind: "absent" };
    if (this.verdictOf(live.envelope) === "alive")
      return { kind: "alive", session: new RequestSession(this, live), follows: live.key !== key, isBehind };
    if (live.envelope.ended === undefined) {
      // Somebody is told that the session is over: from here on it is, everywhere.
      this.#end(live, endReason(live.envelope, this.#subjects.revocations, this.clock.nowMs())).catch(() => undefined);
    }
    const { ended } = live.envelope;
    return { kind: "ended", reason: ended?.reason ?? "expired", atMs: ended?.atMs ?? live.envelope.deadlineMs };
  }

  async end(key: SessionKey, reason: EndReason = "destroyed"): Promise<Delivery> {
    this.#checkOpen();
    const end = (live?: LiveSession): Promise<Delivery> => {
      const ending = live ?? this.#registry.add(this.#unknownEnded(key, reason), undefined);
      // Of a session that nobody here knew, its end is told all the same.
      if (live === undefined) ending.isEndTold = false;
      return this.#end(ending, reason);
    };
    // What cannot be loaded is ended all the same: a logout never fails.
    return this.#registry.use(key, end).catch(() => end(this.#registry.hot(key)));
  }

  open(key: SessionKey): Promise<SessionHandle<Data> | undefined> {
    return this.#open(key);
  }

  async openById(id: string): Promise<SessionHandle<Data> | undefined> {
    return this.isPastLife(id) ? undefined : this.#open(this.keyOf(id), ageOf(id)?.bornAtMs);
  }

  async #open(key: SessionKey, bornAtMs?: number): Promise<SessionHandle<Data> | undefined> {
    this.#checkOpen();
    const live = await this.#current(key, bornAtMs);
    if (live === undefined || this.verdictOf(live.envelope) !== "alive") return undefined;
    // The type of the attributes is what the application declared; the engine itself knows them by name.
    return new LiveHandle(this, live) as SessionHandle as SessionHandle<Data>;
  }

  async rotate(key: SessionKey, nextKey: SessionKey): Promise<Delivery> {
    this.#events.emit({ type: "id-changed", key, nextKey });
    return this.end(key, "rotated");
  }

  async claim(key: SessionKey, token: string): Promise<boolean> {
    const envelope = await this.#alive(key);
    return this.#claims.claim(envelope, token, envelope.firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS + 3 * this.epsilonMs);
  }

  async once<T>(key: SessionKey, name: string, run: () => T | Promise<T>, options?: OnceOptions): Promise<T> {
    return this.#claims.once(await this.#alive(key), name, run, options);
  }

  async *sessions(options: { readonly subject?: string } = {}): AsyncIterable<SessionSummary> {
    for await (const { key, createdAtMs, touchedAtMs, idleTimeoutMs, deadlineMs } of this.#living(options.subject))
      yield { key, createdAtMs, touchedAtMs, idleTimeoutMs, deadlineMs };
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const _ of this.#living()) count++;
    return count;
  }

  async clear(): Promise<number> {
    let count = 0;
    for await (const { key } of this.#living()) {
      await this.end(key, "destroyed");
      count++;
    }
    return count;
  }

  async revokeAll(subject: string, options: { readonly except?: SessionKey } = {}): Promise<void> {
    this.#checkOpen();
    await this.revoking.revokeAll(subject, options.except);
  }

  stats(): EngineStats {
    return statsOf(this.#registry, this.#events, this.limits, { ...this.#counts, unreplicated: this.#sync?.backlog() ?? NOTHING_WAITS });
  }

  on<Type extends SessionEvent["type"]>(type: Type, listener: (event: Extract<SessionEvent, { type: Type }>) => void): () => void;
  on(type: "*", listener: (event: SessionEvent) => void): () => void;
  on(type: SessionEvent["type"] | "*", listener: (event: never) => void): () => void {
    const wereWanted = this.#events.wants("attribute");
    const stop = this.#events.on(type, listener as EventListener);
    // What happens from here on is compared with what the sessions hold now.
    if (!wereWanted && this.#events.wants("attribute"))
      for (const live of this.#registry.hotSessions) this.#observers.begin(live, () => this.viewOf(live));
    return () => {
      stop();
      if (!this.#events.wants("attribute")) this.#observers.forget();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // SessionHost

  get sha256(): DocumentContext["sha256"] {
    return this.#context.sha256;
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  verdictOf(envelope: Envelope): Verdict {
    return verdict(envelope, this.#subjects.revocations, this.clock.nowMs());
  }

  newEnvelope(key: SessionKey, birth: Birth): Envelope {
    const nowMs = this.clock.nowMs();
    const createdAtMs = Math.min(birth.bornAtMs ?? nowMs, nowMs);
    const firstCreatedAtMs = Math.min(birth.firstCreatedAtMs, createdAtMs);
    const latestMs = firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS;
    return {
      key,
      createdAtMs,
      firstKey: birth.firstKey ?? key,
      firstCreatedAtMs,
      deadlineMs: Math.max(createdAtMs, Math.min(createdAtMs + birth.absoluteTimeoutMs, latestMs)),
      idleTimeoutMs: birth.idleTimeoutMs ?? this.#idleTimeoutMs,
      idleTimeoutStamp: 0,
      touchedAtMs: nowMs,
      subject: birth.subject,
      subjectAtMs: birth.subject === undefined ? 0 : (birth.subjectAtMs ?? this.subjectAtMs(birth.subject)),
      successor: undefined,
      ended: undefined,
    };
  }

  newDocument(envelope: Envelope, from: SessionDocument | undefined): SessionDocument {
    return from === undefined
      ? SessionDocument.create(this.#context)
      : SessionDocument.load(contextFor(this.#context, envelope), from.encode());
  }

  add(envelope: Envelope, document: SessionDocument): LiveSession {
    this.#checkOpen();
    const held = this.#registry.hot(envelope.key);
    if (held !== undefined) throw new SessionError("INVARIANT_BROKEN", "A new session needs an id that was never used.");
    const live = this.#registry.add(envelope, document);
    this.#events.emit({ type: "created", key: live.key });
    return live;
  }

  reattach(live: LiveSession): LiveSession {
    this.#checkOpen();
    return this.#registry.reattach(live);
  }

  async persisted(live: LiveSession | undefined): Promise<Delivery> {
    return live === undefined ? NOTHING_DELIVERED : this.#acknowledgement.persisted(live);
  }

  async answerable(live: LiveSession | undefined): Promise<Delivery> {
    return live === undefined ? NOTHING_DELIVERED : this.#acknowledgement.answerable(live);
  }

  touch(live: LiveSession): void {
    const nowMs = this.clock.nowMs();
    const { envelope } = live;
    // A request that runs for longer than the idle timeout is use, too: nobody was told yet that the session is over.
    if (nowMs <= envelope.touchedAtMs || verdict(envelope, this.#subjects.revocations, nowMs) === "ended") return;
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
    return this.#subjects.givenAtMs(subject, this.clock.nowMs());
  }

  setSuccessor(live: LiveSession, key: SessionKey, graceMs: number): void {
    this.#succession.begin(live, key, graceMs);
    this.committed(live, undefined);
  }

  subjectKey(subject: string): SubjectKey {
    return this.#subjects.keyOf(subject);
  }

  /** `change` undefined: the session is told whole. */
  committed(live: LiveSession, change: Change | undefined): void {
    this.#counts.commits++;
    if (change === undefined) this.#sync?.sendState(live.key, live.record());
    else this.#sync?.sendChange(live.key, change);
    void this.#registry.changed(live, "local");
    this.#compactor.changed(live);
    this.#succession.carryOver(live);
  }

  // HandleHost

  followed(live: LiveSession): LiveSession {
    return this.#succession.followed(live);
  }

  viewOf(live: LiveSession): ContainerNode | undefined {
    return live.view(() => this.clock.nowMs());
  }

  observe(live: LiveSession, listener: (change: SessionChange) => void): () => void {
    return this.#observers.observe(live, this.viewOf(live), listener);
  }

  // ReplicaHost

  get context(): DocumentContext {
    return this.#context;
  }

  get revocations(): Revocations {
    return this.#subjects.revocations;
  }

  get registry(): Registry {
    return this.#registry;
  }

  get span(): Runtime["span"] {
    return this.runtime.span;
  }

  get events(): EventHub {
    return this.#events;
  }

  cameIn(live: LiveSession): Promise<void> | undefined {
    if (live.document !== undefined) this.#counts.remoteCommits++;
    const storing = this.#registry.changed(live);
    this.#compactor.changed(live);
    this.#succession.carryOver(live);
    return storing;
  }

  /** The live session, from wherever it is; a session that this process held comes back as it is. */
  async #load(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    const hot = this.#registry.hot(key);
    if (hot !== undefined && !this.#registry.isStale(hot)) return hot;
    const endSpan = this.runtime.span?.("session.load", key);
    this.#counts.loads++;
    try {
      const loaded = await this.#registry.load(key, bornAtMs);
      endSpan?.();
      return loaded === undefined ? undefined : this.#registry.reattach(loaded);
    } catch (error) {
      endSpan?.(error);
      throw error;
    }
  }

  async #current(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    await this.revoking.known();
    return this.#succession.current(key, bornAtMs);
  }

  /** @throws SessionError SESSION_ENDED */
  async #alive(key: SessionKey): Promise<Envelope> {
    this.#checkOpen();
    const live = await this.#current(key);
    if (live !== undefined && this.verdictOf(live.envelope) === "alive") return live.envelope;
    throw new SessionError("SESSION_ENDED", "Nothing can be claimed in a session that is over, or never was.");
  }

  async *#living(subject?: string): AsyncIterable<Envelope> {
    this.#checkOpen();
    await this.revoking.known();
    const subjectKey = subject === undefined ? undefined : this.#subjects.keyOf(subject);
    for await (const envelope of envelopesOf(this.#registry, this.sessionStore, subjectKey, this.#events)) {
      // One that was rotated is the same session as its successor.
      if (envelope.successor === undefined && this.verdictOf(envelope) === "alive") yield envelope;
    }
  }

  /** A session says what it said, in fewer bytes. */
  compacted(live: LiveSession): void {
    void this.#registry.changed(live);
  }

  /** A session changed in a way that no change can say: others are told it whole. */
  #rewritten(live: LiveSession): void {
    void this.#registry.changed(live);
    this.#sync?.sendState(live.key, live.record());
  }

  /** Called by the registry after every change, whoever made it. */
  #tell(live: LiveSession, origin: "local" | "remote"): void {
    const { key, envelope } = live;
    this.#seen.changed(key);
    if (envelope.ended === undefined) return this.#observers.changed(live, () => this.viewOf(live), origin);
    if (live.isEndTold) return;
    live.isEndTold = true;
    this.#observers.ended(key, envelope.ended.reason);
  }

  /** Whether only the clock says that it is over, and it may be wrong. */
  #isDoubtful(envelope: Envelope): boolean {
    return !this.clock.isSettled && envelope.ended === undefined && verdict(envelope, new Map(), this.clock.nowMs()) !== "alive";
  }

  #endOf({ envelope }: LiveSession): EndReason | undefined {
    if (this.verdictOf(envelope) !== "ended" || this.#isDoubtful(envelope)) return undefined;
    return endReason(envelope, this.#subjects.revocations, this.clock.nowMs());
  }

  async #end(live: LiveSession, reason: EndReason): Promise<Delivery> {
    const endSpan = this.runtime.span?.("session.end", live.key);
    live.envelope = endEnvelope(live.envelope, live.envelope.ended ?? this.#endNow(reason));
    live.document = undefined;
    void this.#registry.changed(live);
    const stored = this.sessionStore.durable ? this.#registry.store(live) : Promise.resolve();
    const isStored = stored.then(
      () => this.sessionStore.durable,
      () => false,
    );
    const [durable, delivery] = await Promise.all([isStored, this.#sync?.sendEnd(live.key, live.envelope)]);
    endSpan?.();
    return delivery ?? { acks: 0, wanted: 0, durable };
  }

  /** An end of a session that is not held here is remembered as long as any session can live. */
  #unknownEnded(key: SessionKey, reason: EndReason): Envelope {
    return endEnvelope({ key, deadlineMs: this.clock.nowMs() + ABSOLUTE_TIMEOUT_MAX_MS }, this.#endNow(reason));
  }

  #endNow(reason: EndReason): { reason: EndReason; atMs: number } {
    return { reason, atMs: this.clock.nowMs() };
  }

  /** How long a session may live that begins now. @throws SessionError OPTION_INVALID */
  #lifeMs({ absoluteTimeoutMs = this.#absoluteTimeoutMs }: { readonly absoluteTimeoutMs?: number }): number {
    return Math.min(Math.ceil(inRange("absoluteTimeoutMs", absoluteTimeoutMs, 1, Infinity)), ABSOLUTE_TIMEOUT_MAX_MS);
  }

  #drawWriter(): WriterId {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = this.runtime.randomBytes(5);
    return WRITER_MIN + ((a * 2 ** 32 + b * 2 ** 24 + c * 2 ** 16 + d * 2 ** 8 + e) % (WRITER_MAX - WRITER_MIN + 1));
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
  }

  async #close(): Promise<void> {
    this.#compactor.close();
    this.#observers.close();
    this.#claims.close();
    this.clock.close();
    await this.#registry.close();
    await this.#sync?.close();
    await this.sessionStore.close();
  }
}
