import { covers } from "./cells.ts";
import { Claims } from "./claims.ts";
import { envelopesOf } from "./directory.ts";
import type { DocumentContext } from "./document.ts";
import { ABSOLUTE_TIMEOUT_MAX_MS, type EngineOptions, inRange } from "./engine-options.ts";
import type { EndReason, Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventListener, SessionEvent } from "./events.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import { RequestSession } from "./open-session.ts";
import type { Dot, SessionKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Backlog, Delivery } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type {
  CheckOut,
  CheckOutOptions,
  DraftOptions,
  OnceOptions,
  OpenSession,
  Seen,
  SessionData,
  SessionEngine,
  SessionHandle,
  SessionSummary,
} from "./session-engine.ts";
import { LiveHandle } from "./session-handle.ts";
import { ageOf, issueSessionId } from "./session-id.ts";
import { SessionLife } from "./session-life.ts";
import type { SessionStore } from "./session-store.ts";
import { type EngineStats, statsOf } from "./stats.ts";

const NOTHING_WAITS: Backlog = { sessions: 0, bytes: 0, ageMs: 0 };

/** See `SessionEngine`. Made by `createEngine`, which gives it Node's runtime and a store. */
export class Engine<Data extends object = SessionData> implements SessionEngine<Data> {
  readonly ready: Promise<void>;
  readonly clock: EngineClock;
  readonly registry: Registry;
  readonly #life: SessionLife;
  readonly #claims: Claims;

  /** @throws SessionError OPTION_INVALID */
  constructor(options: EngineOptions, runtime: Runtime, makeStore: (context: DocumentContext) => SessionStore) {
    const life = new SessionLife(options, runtime, makeStore);
    this.#life = life;
    this.clock = life.clock;
    this.registry = life.registry;
    this.#claims = new Claims(runtime, life.clock, () => life.sync ?? life.sessionStore);
    const revocations = life.revoking.known();
    // Whoever asks for a session asks again, and is told.
    revocations?.catch(() => undefined);
    this.ready = Promise.all([life.sync?.ready, revocations]).then(() => undefined);
    this.ready.catch(() => undefined);
  }

  get host(): SessionLife {
    return this.#life;
  }

  issueId(options: { readonly absoluteTimeoutMs?: number } = {}): string {
    return issueSessionId(this.clock.nowMs(), this.#lifeMs(options), this.#life.runtime);
  }

  get persist(): "before" | "after" {
    return this.#life.acknowledgement.persist;
  }

  get isShared(): boolean {
    return this.#life.sync !== undefined;
  }

  keyOf(id: string): SessionKey {
    return this.#life.keyOf(id);
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
    return new RequestSession(this.#life, undefined, {
      absoluteTimeoutMs: this.#lifeMs(options),
      firstCreatedAtMs: Math.floor(firstCreatedAtMs),
      from,
    });
  }

  checkOutHot(key: SessionKey, seen?: Seen): OpenSession | undefined {
    const live = this.registry.hot(key);
    if (live === undefined || this.registry.isStale(live)) return undefined;
    if (live.envelope.subject !== undefined && this.#life.revoking.known() !== undefined) return undefined;
    if (live.envelope.successor !== undefined) return undefined;
    if (seen !== undefined) {
      if (!this.#life.seen.isMet(live, seen)) return undefined;
      this.#life.seen.takeTouch(live, seen);
    }
    if (this.#life.verdictOf(live.envelope) !== "alive") return undefined;
    return new RequestSession(this.#life, live);
  }

  hasPassed(key: SessionKey, dot: Dot, atMs: number): boolean {
    const live = this.registry.hot(key);
    if (live?.document === undefined || atMs > this.clock.nowMs()) return false;
    return covers(live.document.vector, dot) && this.#life.verdictOf(live.envelope) === "alive";
  }

  async checkOut(key: SessionKey, options: CheckOutOptions = {}): Promise<CheckOut> {
    this.#life.checkOpen();
    let { live, isBehind } = await this.#life.seen.reach(key, options);
    if (live !== undefined && this.#life.ending.isDoubtful(live.envelope)) {
      // Whoever is told that it is over is told for good: not by a clock that may be wrong.
      await this.clock.settled;
      ({ live, isBehind } = await this.#life.seen.reach(key, options));
    }
    if (live === undefined) return { kind: "absent" };
    if (this.#life.verdictOf(live.envelope) === "alive")
      return { kind: "alive", session: new RequestSession(this.#life, live), follows: live.key !== key, isBehind };
    if (live.envelope.ended === undefined) {
      // Somebody is told that the session is over: from here on it is, everywhere.
      this.#life.ending.endLive(live).catch(() => undefined);
    }
    const { ended } = live.envelope;
    return { kind: "ended", reason: ended?.reason ?? "expired", atMs: ended?.atMs ?? live.envelope.deadlineMs };
  }

  async end(key: SessionKey, reason: EndReason = "destroyed"): Promise<Delivery> {
    return this.#life.end(key, reason);
  }

  open(key: SessionKey): Promise<SessionHandle<Data> | undefined> {
    return this.#open(key);
  }

  async openById(id: string): Promise<SessionHandle<Data> | undefined> {
    return this.isPastLife(id) ? undefined : this.#open(this.keyOf(id), ageOf(id)?.bornAtMs);
  }

  async #open(key: SessionKey, bornAtMs?: number): Promise<SessionHandle<Data> | undefined> {
    this.#life.checkOpen();
    const live = await this.#life.current(key, bornAtMs);
    if (live === undefined || this.#life.verdictOf(live.envelope) !== "alive") return undefined;
    // The type of the attributes is what the application declared; the engine itself knows them by name.
    return new LiveHandle(this, this.#life, live) as SessionHandle as SessionHandle<Data>;
  }

  async rotate(key: SessionKey, nextKey: SessionKey): Promise<Delivery> {
    this.#life.events.emit({ type: "id-changed", key, nextKey });
    return this.end(key, "rotated");
  }

  async claim(key: SessionKey, token: string): Promise<boolean> {
    const envelope = await this.#alive(key);
    return this.#claims.claim(envelope, token, envelope.firstCreatedAtMs + ABSOLUTE_TIMEOUT_MAX_MS + 3 * this.#life.epsilonMs);
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
    this.#life.checkOpen();
    await this.#life.revoking.revokeAll(subject, options.except);
  }

  stats(): EngineStats {
    return statsOf(this.registry, this.#life.events, this.#life.limits, {
      ...this.#life.counts,
      unreplicated: this.#life.sync?.backlog() ?? NOTHING_WAITS,
    });
  }

  on<Type extends SessionEvent["type"]>(type: Type, listener: (event: Extract<SessionEvent, { type: Type }>) => void): () => void;
  on(type: "*", listener: (event: SessionEvent) => void): () => void;
  on(type: SessionEvent["type"] | "*", listener: (event: never) => void): () => void {
    const wereWanted = this.#life.events.wants("attribute");
    const stop = this.#life.events.on(type, listener as EventListener);
    // What happens from here on is compared with what the sessions hold now.
    if (!wereWanted && this.#life.events.wants("attribute"))
      for (const live of this.registry.hotSessions) this.#life.observers.begin(live, () => this.#life.viewOf(live));
    return () => {
      stop();
      if (!this.#life.events.wants("attribute")) this.#life.observers.forget();
    };
  }

  close(): Promise<void> {
    this.#claims.close();
    return this.#life.close();
  }

  /** @throws SessionError SESSION_ENDED */
  async #alive(key: SessionKey): Promise<Envelope> {
    this.#life.checkOpen();
    const live = await this.#life.current(key);
    if (live !== undefined && this.#life.verdictOf(live.envelope) === "alive") return live.envelope;
    throw new SessionError("SESSION_ENDED", "Nothing can be claimed in a session that is over, or never was.");
  }

  async *#living(subject?: string): AsyncIterable<Envelope> {
    this.#life.checkOpen();
    await this.#life.revoking.known();
    const subjectKey = subject === undefined ? undefined : this.#life.subjects.keyOf(subject);
    for await (const envelope of envelopesOf(this.registry, this.#life.sessionStore, subjectKey, this.#life.events)) {
      // One that was rotated is the same session as its successor.
      if (envelope.successor === undefined && this.#life.verdictOf(envelope) === "alive") yield envelope;
    }
  }

  /** How long a session may live that begins now. @throws SessionError OPTION_INVALID */
  #lifeMs({ absoluteTimeoutMs = this.#life.settings.absoluteTimeoutMs }: { readonly absoluteTimeoutMs?: number }): number {
    return Math.min(Math.ceil(inRange("absoluteTimeoutMs", absoluteTimeoutMs, 1, Infinity)), ABSOLUTE_TIMEOUT_MAX_MS);
  }
}
