import type { EngineClock } from "./hybrid-clock.ts";
import { type DocumentContext, SessionDocument } from "./document.ts";
import type { Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventListener } from "./events.ts";
import type { Limits } from "./limits.ts";
import { LiveSession, mergeTrusted } from "./live-session.ts";
import { mergeRecords } from "./merge-records.ts";
import type { Dot, SessionKey, SessionRecord } from "./record.ts";
import type { FetchAnswer } from "./replication.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import { type Revocations, verdict } from "./verdict.ts";

/** How long after its last use a session may still be touched on another node: coalesced touches arrive this late. */
const TOUCH_DELAY_MAX_MS = 60_000;
const SWEEP_INTERVAL_MS = 1_000;
/** Sessions looked at in one sweep: a few tenths of a millisecond each thousand. */
const SWEEP_COUNT = 5_000;
const DISCARD_COUNT = 1_000;
/** How long closing waits for a store, at each of its two steps. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface RegistryOptions {
  readonly runtime: Runtime;
  readonly clock: EngineClock;
  readonly context: DocumentContext;
  readonly store: SessionStore;
  readonly limits: Limits;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  readonly onEvent: EventListener;
  /** What is revoked now; the engine raises it. */
  readonly revocations: Revocations;
  /** Asks the holders; undefined without replication. */
  readonly fetch: (key: SessionKey) => Promise<FetchAnswer> | undefined;
  /** A live session came into memory. */
  readonly onInsert: (session: LiveSession) => void;
  /** A session changed, or ended; also by what was found at rest. */
  readonly onChange: (session: LiveSession, origin: "local" | "remote") => void;
  /** This process holds `key` from now on, or no longer. */
  readonly onHold: (key: SessionKey) => void;
  readonly onRelease: (key: SessionKey) => void;
}

interface Cold {
  /** The last commit that this process made to it: should the store have lost it, the writer id must not be used again. */
  readonly own: Dot;
  readonly discardAtMs: number;
  /** A request may still have it: then it comes back as it is, so that there is one live session a key at any time. */
  readonly session: WeakRef<LiveSession>;
}

/**
 * Hot, cold, gone: the one place that makes live sessions of records and sends them to rest. Hot sessions are live documents, the
 * least recently used go cold; cold ones rest in the store and are remembered here; the others are gone.
 */
export class Registry {
  /** What may be taken of a record that a peer sent; undefined when it is broken. Set by whoever lets peers in. */
  check: (record: SessionRecord) => SessionRecord | undefined = (record) => record;
  readonly #options: RegistryOptions;
  /** Live and ended sessions in memory, least recently used first. */
  readonly #hot = new Map<SessionKey, LiveSession>();
  /** Sessions that rest in the store but still belong to this process. */
  readonly #cold = new Map<SessionKey, Cold>();
  readonly #loading = new Map<SessionKey, Promise<LiveSession | undefined>>();
  /** Spares moving the session that is last already. */
  #latest: LiveSession | undefined;
  #hotSweep: Iterator<[SessionKey, LiveSession]> | undefined;
  #coldSweep: Iterator<[SessionKey, Cold]> | undefined;
  #isWarned = false;
  #isClosed = false;
  #stopSweep: () => void = () => undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#armSweep();
  }

  get sessionCount(): number {
    return this.#hot.size + this.#cold.size;
  }

  counts(): { readonly hot: number; readonly cold: number; readonly ended: number } {
    return { hot: this.#hot.size, cold: this.#cold.size, ended: 0 };
  }

  get hotBytes(): number {
    return 0;
  }

  get unsavedBytes(): number {
    return 0;
  }

  get hotSessions(): Iterable<LiveSession> {
    return this.#hot.values();
  }

  *heldKeys(): Iterable<SessionKey> {
    yield* this.#hot.keys();
    yield* this.#cold.keys();
  }

  isHot(key: SessionKey): boolean {
    return this.#hot.has(key);
  }

  /** The session if it is in memory; marks it as used. */
  hot(key: SessionKey): LiveSession | undefined {
    const session = this.#hot.get(key);
    if (session !== undefined && session !== this.#latest) {
      this.#hot.delete(key);
      this.#hot.set(key, session);
      this.#latest = session;
    }
    return session;
  }

  /**
   * Loads a session that is not hot: from the store and, when this process did not hold it, from the holders. One load a key at
   * a time.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  load(key: SessionKey): Promise<LiveSession | undefined> {
    const loading = this.#loading.get(key);
    if (loading !== undefined) return loading;
    const started = this.#load(key).finally(() => this.#loading.delete(key));
    this.#loading.set(key, started);
    return started;
  }

  /**
   * Runs `run` on the session that this process holds, if it does, in one go: during the wait for a load it may have come in another
   * way, or have gone cold again.
   */
  async use<T>(key: SessionKey, run: (session: LiveSession | undefined) => T): Promise<T> {
    const loaded = this.#hot.has(key) || !this.#cold.has(key) ? undefined : await this.load(key);
    return run(this.#hot.get(key) ?? (loaded === undefined ? undefined : this.reattach(loaded)));
  }

  /**
   * Takes in a session that is new here. An ended one always finds room: forgetting an end would revive the session.
   * @throws SessionError TOO_MANY_SESSIONS
   */
  add(envelope: Envelope, document: SessionDocument | undefined): LiveSession {
    if (document !== undefined) this.#checkRoom();
    const session = new LiveSession(envelope, document);
    this.#insert(session);
    return session;
  }

  /** A session that went cold while somebody still had it: it comes back as it is, unless it came in anew after it was forgotten. */
  reattach(session: LiveSession): LiveSession {
    if (session.isHeld) return session;
    const current = this.#hot.get(session.key);
    if (current !== undefined) return current;
    const cold = this.#cold.get(session.key);
    const resting = cold?.session.deref();
    if (resting !== undefined && resting !== session) return this.reattach(resting);
    if (cold !== undefined) session.document?.continueFrom(cold.own);
    session.version++;
    this.#insert(session);
    return session;
  }

  /** Must be called after every change of a session. Resolves, and never rejects, when a store that lasts has it or has failed. */
  changed(session: LiveSession, origin: "local" | "remote" = "remote"): Promise<void> | undefined {
    session.version++;
    this.#options.onChange(session, origin);
    return this.#options.store.durable ? this.store(session).catch(() => undefined) : undefined;
  }

  /** Resolves when all that the session holds now is stored. Appends of one session never overlap. */
  async store(session: LiveSession): Promise<void> {
    const wanted = session.version;
    while (session.storedVersion < wanted) {
      session.storing ??= this.#append(session).finally(() => {
        session.storing = undefined;
      });
      await session.storing;
    }
  }

  /** From when on nobody needs what is stored of a session. */
  discardAtMs({ ended, deadlineMs, touchedAtMs, idleTimeoutMs }: Envelope): number {
    const goneMs = deadlineMs + 3 * this.#options.epsilonMs;
    if (ended !== undefined) return goneMs;
    const slackMs = 2 * this.#options.epsilonMs + Math.min(idleTimeoutMs / 10, TOUCH_DELAY_MAX_MS);
    return Math.min(goneMs, touchedAtMs + idleTimeoutMs + slackMs);
  }

  /** Stores what is not stored. Resolves when every append has settled, or the store took too long. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopSweep();
    await this.#inTime(Promise.allSettled(this.#loading.values()));
    if (this.#options.store.durable) {
      const unsaved = [...this.#hot.values()].filter((session) => !session.isStored);
      await this.#inTime(Promise.allSettled(unsaved.map((session) => this.store(session))));
    }
    this.#hot.clear();
    this.#cold.clear();
  }

  async #load(key: SessionKey): Promise<LiveSession | undefined> {
    const resting = this.#cold.get(key)?.session.deref();
    if (resting !== undefined) return this.reattach(resting);
    const fetching = this.#cold.has(key) ? undefined : this.#options.fetch(key);
    const [stored, fetched] = await Promise.all([
      this.#options.store.load(key).then(
        (record) => ({ record, error: undefined }),
        (error: unknown) => ({ record: undefined, error }),
      ),
      fetching,
    ]);
    const fromPeers = fetched?.kind === "found" ? this.check(fetched.record) : undefined;
    const record = this.#merged(stored.record, fromPeers);
    // While this waited, the session may have come in another way: from a peer, or newly created.
    const hot = this.#hot.get(key);
    if (hot !== undefined) {
      if (record !== undefined && hot.takeIn(record, (ours, theirs) => mergeTrusted(ours, theirs, this.#options.context)))
        void this.changed(hot);
      return hot;
    }
    if (record === undefined) {
      if (stored.error !== undefined) throw unavailable("its store did not answer", stored.error);
      if (fetched?.kind === "unavailable" || fetched?.kind === "found") throw unavailable("no relay that could know it answered");
      this.#forget(key, this.#cold.get(key)?.own);
      return undefined;
    }
    if (this.#isClosed) throw new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
    const own = this.#cold.get(key)?.own;
    const document = record.document === undefined ? undefined : SessionDocument.load(this.#options.context, record.document, own);
    const session = new LiveSession(record.envelope, document);
    if (fromPeers !== undefined) session.version++;
    this.#insert(session);
    return session;
  }

  #merged(left: SessionRecord | undefined, right: SessionRecord | undefined): SessionRecord | undefined {
    if (left === undefined || right === undefined) return left ?? right;
    return mergeRecords(left, right, this.#options.context);
  }

  #insert(session: LiveSession): void {
    if (this.#hot.has(session.key)) throw new SessionError("INVARIANT_BROKEN", "There is one live session a key at any time.");
    const isNew = !this.#cold.has(session.key);
    session.isHeld = true;
    this.#cold.delete(session.key);
    this.#hot.set(session.key, session);
    this.#latest = session;
    this.#options.onInsert(session);
    if (isNew) this.#options.onHold(session.key);
    this.#cool();
  }

  /** Sends the least recently used session to rest. It stays hot until it is stored: nothing unsaved is evicted. */
  #cool(): void {
    if (this.#hot.size <= this.#options.limits.hotCount) return;
    for (const session of this.#hot.values()) {
      if (session.storing !== undefined) continue;
      if (session.storedTouchMs !== session.envelope.touchedAtMs) session.version++;
      this.store(session).then(
        () => this.#release(session),
        () => undefined,
      );
      return;
    }
  }

  #release(session: LiveSession): void {
    if (!session.isStored || session.storedTouchMs !== session.envelope.touchedAtMs) return;
    if (this.#hot.get(session.key) !== session || this.#hot.size <= this.#options.limits.hotCount) return;
    this.#hot.delete(session.key);
    session.isHeld = false;
    session.local = undefined;
    const own = session.document?.own ?? [this.#options.context.writer(), 0];
    this.#cold.set(session.key, { own, discardAtMs: this.discardAtMs(session.envelope), session: new WeakRef(session) });
    this.#cool();
  }

  /**
   * Nothing is known of the session from here on. It may come back from a peer that never heard what this process wrote last, so
   * what is written to sessions that come in from now on is written under another writer id.
   */
  #forget(key: SessionKey, own: Dot | undefined): void {
    const { context, onRelease } = this.#options;
    if (own !== undefined && own[1] > 0 && own[0] === context.writer()) context.newWriter();
    if (this.#hot.delete(key) || this.#cold.delete(key)) onRelease(key);
  }

  async #append(session: LiveSession): Promise<void> {
    const { version, envelope } = session;
    try {
      await this.#options.store.append(session.key, session.record(), this.discardAtMs(session.envelope));
      session.storedVersion = Math.max(session.storedVersion, version);
      session.storedTouchMs = envelope.touchedAtMs;
    } catch (error) {
      this.#options.onEvent({ type: "store-failed", error });
      throw error instanceof SessionError
        ? error
        : new SessionError("STORE_UNAVAILABLE", "The session store failed; it is tried again, nothing is lost in this process.", {
            cause: error,
          });
    }
  }

  #inTime(work: Promise<unknown>): Promise<unknown> {
    const { runtime } = this.#options;
    return new Promise((resolve) => {
      const cancel = runtime.setTimer(CLOSE_TIMEOUT_MS, () => resolve(undefined));
      void work.then(() => {
        cancel();
        resolve(undefined);
      });
    });
  }

  #checkRoom(): void {
    const { sessionCount } = this.#options.limits;
    if (this.sessionCount >= sessionCount) {
      throw new SessionError(
        "TOO_MANY_SESSIONS",
        `This process holds limits.sessionCount (${sessionCount}) sessions; raise it, shorten idleTimeoutMs, or add a node.`,
      );
    }
    const isNear = this.sessionCount >= 0.8 * sessionCount;
    if (isNear && !this.#isWarned)
      this.#options.onEvent({ type: "sessions-near-limit", sessionCount: this.sessionCount, limit: sessionCount });
    this.#isWarned = isNear;
  }

  #armSweep(): void {
    this.#stopSweep = this.#options.runtime.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#sweepOnce();
      if (!this.#isClosed) this.#armSweep();
    });
  }

  /** Evicts what nobody will ask for again; writes nothing about it (an idle session is not ended by the passing of time). */
  #sweepOnce(): void {
    this.#cool();
    const nowMs = this.#options.clock.nowMs();
    this.#hotSweep = sweep(this.#hotSweep ?? this.#hot.entries(), (key, session) => {
      if (this.discardAtMs(session.envelope) <= nowMs && verdict(session.envelope, this.#options.revocations, nowMs) !== "alive") {
        this.#forget(key, session.document?.own);
        session.isHeld = false;
      } else if (!session.isStored && this.#options.store.durable) {
        this.store(session).catch(() => undefined);
      }
    });
    this.#coldSweep = sweep(this.#coldSweep ?? this.#cold.entries(), (key, cold) => {
      if (cold.discardAtMs <= nowMs) this.#forget(key, cold.own);
    });
    this.#options.store
      .discardExpired(nowMs, DISCARD_COUNT)
      .catch((error: unknown) => this.#options.onEvent({ type: "store-failed", error }));
  }
}

/** A bounded part of a sweep. Gives what the next part goes on with; undefined at the end. */
function sweep<T>(entries: Iterator<[SessionKey, T]>, visit: (key: SessionKey, value: T) => void): Iterator<[SessionKey, T]> | undefined {
  for (let seen = 0; seen < SWEEP_COUNT; seen++) {
    const next = entries.next();
    if (next.done === true) return undefined;
    visit(...next.value);
  }
  return entries;
}

function unavailable(why: string, cause?: unknown): SessionError {
  return new SessionError("SESSION_UNAVAILABLE", `A session could not be loaded: ${why}; try again.`, { cause });
}
