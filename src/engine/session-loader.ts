import type { ColdTable } from "./cold-table.ts";
import { contextFor, SessionDocument } from "./document.ts";
import { SessionError } from "./errors.ts";
import { LiveSession, mergeTrusted } from "./live-session.ts";
import { mergeRecords } from "./merge-records.ts";
import type { Dot, SessionKey, SessionRecord } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { RegistryOptions } from "./registry-options.ts";
import type { FetchAnswer } from "./replication.ts";
import type { SessionSaver } from "./session-saver.ts";

/** Where what is loaded goes: parts of the registry. */
export interface Loaded {
  readonly registry: Pick<Registry, "changed" | "check" | "reattach" | "use">;
  readonly saver: SessionSaver;
  readonly cold: ColdTable;
  current(key: SessionKey): LiveSession | undefined;
  insert(session: LiveSession): void;
  bury(session: LiveSession): Promise<void> | undefined;
  forget(key: SessionKey, own: Dot | undefined): void;
}

/** Makes live sessions of what the store and the holders have, one load a key at a time; and decides what is believed of it. */
export class SessionLoader {
  readonly #options: RegistryOptions;
  readonly #loaded: Loaded;
  readonly #loading = new Map<SessionKey, Promise<LiveSession | undefined>>();
  #isClosed = false;

  constructor(options: RegistryOptions, loaded: Loaded) {
    this.#options = options;
    this.#loaded = loaded;
  }

  /**
   * Loads a session that is not hot: from the store and, when this process did not hold it, from the holders. One load a key at
   * a time. `bornAtMs`: when it was born, where that is known; a holder must remember from then on for its "there is none" to count.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  load(key: SessionKey, bornAtMs?: number): Promise<LiveSession | undefined> {
    const loading = this.#loading.get(key);
    if (loading !== undefined) return loading;
    const started = this.#load(key, bornAtMs).finally(() => this.#loading.delete(key));
    this.#loading.set(key, started);
    return started;
  }

  /**
   * Takes in what others have stored of a session, once for all who ask at the same time.
   * @throws SessionError SESSION_UNAVAILABLE
   */
  refresh(session: LiveSession): Promise<LiveSession> {
    session.refreshing ??= this.#refresh(session).finally(() => {
      session.refreshing = undefined;
    });
    return session.refreshing;
  }

  /** The session whole, as it is now. One that rests in the store stays at rest: whoever reads many of them would drive out those in use. */
  async record(key: SessionKey): Promise<SessionRecord | undefined> {
    const { registry, cold: table } = this.#loaded;
    const cold = this.#loaded.current(key) === undefined && table.session(key) === undefined ? table.get(key) : undefined;
    if (cold !== undefined) {
      const record = await this.#options.store.load(key);
      const isAtRest = this.#loaded.current(key) === undefined && table.session(key) === undefined && table.has(key);
      if (record !== undefined && isAtRest) {
        const touchedAtMs = Math.max(record.envelope.touchedAtMs, cold.touchedAtMs);
        return { ...record, envelope: { ...record.envelope, touchedAtMs } };
      }
    }
    return registry.use(key, (live) => live?.record());
  }

  /** Resolves when the loads under way have settled; what they find is not taken in. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#loading.values());
  }

  async #load(key: SessionKey, bornAtMs: number | undefined): Promise<LiveSession | undefined> {
    const { store, context } = this.#options;
    const { registry, saver } = this.#loaded;
    const resting = this.#loaded.current(key) ?? this.#loaded.cold.session(key);
    if (resting !== undefined) {
      const session = registry.reattach(resting);
      return saver.isStale(session) ? this.refresh(session) : session;
    }
    const before = this.#loaded.cold.get(key);
    const storeVersion = store.version?.(key) ?? 0;
    const [stored, fetched] = await Promise.all([
      store.load(key).then(
        (record) => ({ record, error: undefined }),
        (error: unknown) => ({ record: undefined, error }),
      ),
      before === undefined ? this.#options.fetch(key, bornAtMs) : undefined,
    ]);
    const fromPeers = fetched?.kind === "found" ? registry.check(fetched.record) : undefined;
    const record =
      stored.record === undefined || fromPeers === undefined
        ? (stored.record ?? fromPeers)
        : mergeRecords(stored.record, fromPeers, context);
    // While this waited, the session may have come in another way (from a peer, or newly created), and may have gone to rest again.
    const hot = this.#loaded.current(key) ?? this.#loaded.cold.session(key);
    if (hot !== undefined) {
      const session = registry.reattach(hot);
      if (record !== undefined && session.takeIn(record, (ours, theirs) => mergeTrusted(ours, theirs, context)))
        void registry.changed(session);
      return session;
    }
    const cold = this.#loaded.cold.get(key);
    if (cold?.own[0] !== before?.own[0] || cold?.own[1] !== before?.own[1]) return this.#load(key, bornAtMs);
    if (record === undefined) {
      if (stored.error !== undefined) throw unavailable("its store did not answer", stored.error);
      if (fetched?.kind === "unavailable" || fetched?.kind === "found") throw unavailable("no relay that could know it answered");
      this.#loaded.forget(key, cold?.own);
      return undefined;
    }
    if (this.#isClosed) throw new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
    const isUnconfirmed = fetched !== undefined && stored.record !== undefined && record.envelope.ended === undefined;
    if (isUnconfirmed && !isComplete(fetched) && this.#options.alone?.() === "refuse") throw unconfirmed();
    const document =
      record.document === undefined ? undefined : SessionDocument.load(contextFor(context, record.envelope), record.document, cold?.own);
    const session = new LiveSession(record.envelope, document);
    session.storeVersion = storeVersion;
    session.storedTouchMs = stored.record?.envelope.touchedAtMs ?? 0;
    if (fromPeers !== undefined) session.version++;
    this.#loaded.insert(session);
    if (document === undefined) {
      // It ended elsewhere while it rested here: that is news.
      if (cold !== undefined) {
        session.isEndTold = false;
        this.#options.onChange?.(session, "remote");
      }
      void this.#loaded.bury(session);
    } else if (stored.record !== undefined) this.#options.onEvent({ type: "activated", key });
    if (isUnconfirmed && fetched.kind !== "found") this.#options.onUnknownElsewhere?.(session);
    return session;
  }

  async #refresh(session: LiveSession): Promise<LiveSession> {
    const { registry, saver } = this.#loaded;
    // What this process itself is storing is not news.
    await session.storing?.catch(() => undefined);
    if (saver.isStale(session)) {
      try {
        await saver.takeStored(session);
      } catch (error) {
        throw unavailable("its store did not answer", error);
      }
    }
    return registry.reattach(session);
  }
}

function isComplete(answer: FetchAnswer): boolean {
  return answer.kind !== "unavailable" && answer.isComplete;
}

/** Join barrier: a copy on the own disk may be of a session that ended meanwhile, or went on. */
function unconfirmed(): SessionError {
  return new SessionError(
    "SESSION_UNAVAILABLE",
    'This process has a session in its store, and not all relays could be asked whether it still is: start those that are missing, or set alone: "serve" and take the risk that an ended one comes back.',
  );
}

function unavailable(why: string, cause?: unknown): SessionError {
  return new SessionError("SESSION_UNAVAILABLE", `A session could not be loaded: ${why}; try again.`, { cause });
}
