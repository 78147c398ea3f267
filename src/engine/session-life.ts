import { Acknowledgement } from "./acknowledgement.ts";
import { Schema } from "./attributes/schema.ts";
import { Compactor } from "./compactor.ts";
import { contextFor, type DocumentContext, SessionDocument } from "./document.ts";
import { Ending } from "./ending.ts";
import { engineContext } from "./engine-context.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS, type EngineOptions, type EngineSettings, resolveSettings } from "./engine-options.ts";
import type { EndReason, Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { EventHub } from "./event-hub.ts";
import { EngineClock } from "./hybrid-clock.ts";
import type { Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import { Observers } from "./observers.ts";
import type { Birth, SessionHost } from "./open-session.ts";
import type { Change, SessionKey, SubjectKey } from "./record.ts";
import { Registry } from "./registry.ts";
import type { ReplicaHost } from "./replica.ts";
import type { Delivery, Replication } from "./replication.ts";
import { Revoking } from "./revoking.ts";
import type { Runtime } from "./runtime.ts";
import { SeenWrites } from "./seen.ts";
import type { SessionChange } from "./session-engine.ts";
import type { HandleHost } from "./session-handle.ts";
import { sessionKey } from "./session-id.ts";
import type { SessionStore } from "./session-store.ts";
import { Subjects } from "./subjects.ts";
import { Succession } from "./succession.ts";
import { type Revocations, verdict, type Verdict } from "./verdict.ts";
import type { ContainerNode } from "./view.ts";

const NOTHING_DELIVERED: Delivery = { acks: 0, wanted: 0, durable: false };

/** The sessions of one engine as they live: they begin, are loaded, used and changed, here and by others, and all who must hear of it do. */
export class SessionLife implements SessionHost, HandleHost, ReplicaHost {
  readonly runtime: Runtime;
  readonly schema: Schema;
  readonly settings: EngineSettings;
  readonly limits: Limits;
  readonly epsilonMs: number;
  readonly events = new EventHub();
  readonly subjects: Subjects;
  readonly context: DocumentContext;
  readonly sessionStore: SessionStore;
  readonly clock: EngineClock;
  readonly registry: Registry;
  readonly observers: Observers;
  readonly ending: Ending;
  readonly revoking: Revoking;
  readonly acknowledgement: Acknowledgement;
  readonly seen: SeenWrites;
  readonly sync: Replication | undefined;
  readonly counts = { commits: 0, remoteCommits: 0, loads: 0 };
  readonly #compactor: Compactor;
  readonly #succession: Succession;
  #closing: Promise<void> | undefined;

  /** @throws SessionError OPTION_INVALID */
  constructor(options: EngineOptions, runtime: Runtime, makeStore: (context: DocumentContext) => SessionStore) {
    this.runtime = runtime;
    this.schema = new Schema(options.attributes, options.units);
    this.settings = resolveSettings(options);
    const { limits, epsilonMs } = this.settings;
    this.limits = limits;
    this.epsilonMs = epsilonMs;
    const { events } = this;
    if (options.onEvent !== undefined) events.on("*", options.onEvent);
    this.subjects = new Subjects(options.subjectSecret ?? "", (data) => runtime.sha256(data));
    this.context = engineContext(runtime, limits);
    this.sessionStore = typeof options.store === "function" ? options.store(this.context) : (options.store ?? makeStore(this.context));
    this.clock = new EngineClock(runtime, this.sessionStore.highWaterMs?.(), epsilonMs, (event) => events.emit(event));
    if (options.sync !== undefined) this.clock.expectPeers();
    this.registry = new Registry({
      runtime,
      clock: this.clock,
      context: this.context,
      store: this.sessionStore,
      limits,
      epsilonMs,
      onEvent: (event) => events.emit(event),
      revocations: this.revocations,
      onInsert: (live) => {
        live.isEndTold = live.envelope.ended !== undefined && !this.observers.has(live.key);
        this.observers.begin(live, () => this.viewOf(live));
      },
      onChange: (live, origin) => this.#tell(live, origin),
      onTouchDue: (key, touchedAtMs) => this.sync?.sendTouch(key, touchedAtMs),
      fetch: (key, bornAtMs) => this.sync?.fetch(key, bornAtMs),
      alone: () => this.sync?.alone ?? "serve",
      onUnknownElsewhere: (live) => this.sync?.sendState(live.key, live.record()),
      unreplicatedBytes: () => this.sync?.backlog().bytes ?? 0,
      onHold: (key) => this.sync?.watch(key),
      onRelease: (key) => this.sync?.unwatch(key),
    });
    this.ending = new Ending(this);
    this.observers = new Observers(events, runtime, (live) => this.ending.reasonOf(live));
    this.#compactor = new Compactor(runtime, events, (live) => {
      this.compacted(live);
      if (live.document !== undefined) this.sync?.sendCompaction(live.key, live.document.epoch);
    });
    this.#succession = new Succession(this);
    this.revoking = new Revoking(this);
    this.acknowledgement = new Acknowledgement(options.persist ?? "after", this);
    this.seen = new SeenWrites(this);
    this.sync = options.sync?.(this);
  }

  get span(): Runtime["span"] {
    return this.runtime.span;
  }

  get sha256(): DocumentContext["sha256"] {
    return this.context.sha256;
  }

  get revocations(): Revocations {
    return this.subjects.revocations;
  }

  keyOf(id: string): SessionKey {
    return sessionKey(id, this.runtime);
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  verdictOf(envelope: Envelope): Verdict {
    return verdict(envelope, this.subjects.revocations, this.clock.nowMs());
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
      idleTimeoutMs: birth.idleTimeoutMs ?? this.settings.idleTimeoutMs,
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
      ? SessionDocument.create(this.context)
      : SessionDocument.load(contextFor(this.context, envelope), from.encode());
  }

  add(envelope: Envelope, document: SessionDocument): LiveSession {
    this.checkOpen();
    const held = this.registry.hot(envelope.key);
    if (held !== undefined) throw new SessionError("INVARIANT_BROKEN", "A new session needs an id that was never used.");
    const live = this.registry.add(envelope, document);
    this.events.emit({ type: "created", key: live.key });
    return live;
  }

  reattach(live: LiveSession): LiveSession {
    this.checkOpen();
    return this.registry.reattach(live);
  }

  async persisted(live: LiveSession | undefined): Promise<Delivery> {
    return live === undefined ? NOTHING_DELIVERED : this.acknowledgement.persisted(live);
  }

  async answerable(live: LiveSession | undefined): Promise<Delivery> {
    return live === undefined ? NOTHING_DELIVERED : this.acknowledgement.answerable(live);
  }

  touch(live: LiveSession): void {
    const nowMs = this.clock.nowMs();
    const { envelope } = live;
    // A request that runs for longer than the idle timeout is use, too: nobody was told yet that the session is over.
    if (nowMs <= envelope.touchedAtMs || verdict(envelope, this.subjects.revocations, nowMs) === "ended") return;
    live.envelope = { ...envelope, touchedAtMs: nowMs };
    if (nowMs - live.sentTouchMs < Math.min(envelope.idleTimeoutMs / 10, 60_000)) return;
    live.sentTouchMs = nowMs;
    live.version++;
    this.sync?.sendTouch(live.key, nowMs);
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
    return this.subjects.givenAtMs(subject, this.clock.nowMs());
  }

  setSuccessor(live: LiveSession, key: SessionKey, graceMs: number): void {
    this.#succession.begin(live, key, graceMs);
    this.committed(live, undefined);
  }

  subjectKey(subject: string): SubjectKey {
    return this.subjects.keyOf(subject);
  }

  /** `change` undefined: the session is told whole. */
  committed(live: LiveSession, change: Change | undefined): void {
    this.counts.commits++;
    if (change === undefined) this.sync?.sendState(live.key, live.record());
    else this.sync?.sendChange(live.key, change);
    void this.registry.changed(live, "local");
    this.#compactor.changed(live);
    this.#succession.carryOver(live);
  }

  followed(live: LiveSession): LiveSession {
    return this.#succession.followed(live);
  }

  viewOf(live: LiveSession): ContainerNode | undefined {
    return live.view(() => this.clock.nowMs());
  }

  observe(live: LiveSession, listener: (change: SessionChange) => void): () => void {
    return this.observers.observe(live, this.viewOf(live), listener);
  }

  async current(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    await this.revoking.known();
    return this.#succession.current(key, bornAtMs);
  }

  async end(key: SessionKey, reason: EndReason): Promise<Delivery> {
    this.checkOpen();
    return this.ending.end(key, reason);
  }

  cameIn(live: LiveSession): Promise<void> | undefined {
    if (live.document !== undefined) this.counts.remoteCommits++;
    const storing = this.registry.changed(live);
    this.#compactor.changed(live);
    this.#succession.carryOver(live);
    return storing;
  }

  /** The live session, from wherever it is; a session that this process held comes back as it is. */
  async load(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    const hot = this.registry.hot(key);
    if (hot !== undefined && !this.registry.isStale(hot)) return hot;
    const endSpan = this.runtime.span?.("session.load", key);
    this.counts.loads++;
    try {
      const loaded = await this.registry.loader.load(key, bornAtMs);
      endSpan?.();
      return loaded === undefined ? undefined : this.registry.reattach(loaded);
    } catch (error) {
      endSpan?.(error);
      throw error;
    }
  }

  /** A session says what it said, in fewer bytes. */
  compacted(live: LiveSession): void {
    void this.registry.changed(live);
  }

  /** A session took in what was written to the one that it goes on from, as no change can say it: others are told it whole. */
  carriedOver(live: LiveSession): void {
    void this.registry.changed(live);
    this.sync?.sendState(live.key, live.record());
    this.#compactor.changed(live);
  }

  /** Called by the registry after every change, whoever made it. */
  #tell(live: LiveSession, origin: "local" | "remote"): void {
    const { key, envelope } = live;
    this.seen.changed(key);
    if (envelope.ended === undefined) return this.observers.changed(live, () => this.viewOf(live), origin);
    if (live.isEndTold) return;
    live.isEndTold = true;
    this.observers.ended(key, envelope.ended.reason);
  }

  /** @throws SessionError ENGINE_CLOSED */
  checkOpen(): void {
    if (this.#closing !== undefined) throw new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#compactor.close();
    this.observers.close();
    this.clock.close();
    await this.registry.close();
    await this.sync?.close();
    await this.sessionStore.close();
  }
}
