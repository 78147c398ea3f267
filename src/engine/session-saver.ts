import type { DocumentContext } from "./document.ts";
import type { Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EventListener } from "./events.ts";
import { type LiveSession, mergeTrusted } from "./live-session.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import { discardAtMs } from "./session-times.ts";

export interface SessionSaverOptions {
  readonly store: SessionStore;
  readonly context: DocumentContext;
  readonly runtime: Runtime;
  readonly onEvent: EventListener;
  /** How far two clocks may be apart, milliseconds. */
  readonly epsilonMs: number;
  /** All that a session held a moment ago is stored. */
  readonly onStored: (session: LiveSession) => void;
  /** A session changed by what another process had stored. */
  readonly onMerged: (session: LiveSession) => void;
}

/** Keeps live sessions and the store together, in both directions. */
export class SessionSaver {
  readonly #options: SessionSaverOptions;

  constructor(options: SessionSaverOptions) {
    this.#options = options;
  }

  /** Resolves when all that the session holds now is stored. Appends of one session never overlap. @throws SessionError STORE_UNAVAILABLE */
  async store(session: LiveSession): Promise<void> {
    const wanted = session.version;
    while (session.storedVersion < wanted) {
      session.storing ??= this.#append(session).finally(() => {
        session.storing = undefined;
      });
      await session.storing;
    }
  }

  /** Stores the session in this tick. False where that takes a wait, or failed. */
  storeNow(session: LiveSession): boolean {
    const { store, epsilonMs, onEvent } = this.#options;
    if (store.appendNow === undefined || session.storing !== undefined) return false;
    const { version, envelope } = session;
    if (session.isAllStored) return true;
    try {
      store.appendNow(session.key, session.record(), discardAtMs(envelope, epsilonMs));
    } catch (error) {
      onEvent({ type: "store-failed", error });
      return false;
    }
    this.#stored(session, version, envelope);
    return true;
  }

  /** Whether another process has stored something of this session since it was taken in last. Costs what `SessionStore.version` costs. */
  isStale({ key, envelope, storeVersion }: LiveSession): boolean {
    const { store } = this.#options;
    return store.version !== undefined && envelope.ended === undefined && store.version(key) !== storeVersion;
  }

  /** Takes in what the store has of a session. @throws what the store throws */
  async takeStored(session: LiveSession): Promise<void> {
    const { store, context, onMerged } = this.#options;
    // Asked before the load: what comes in between is found the next time.
    const storeVersion = store.version?.(session.key) ?? 0;
    const record = await store.load(session.key);
    const isChanged = record !== undefined && session.takeIn(record, (ours, theirs) => mergeTrusted(ours, theirs, context));
    session.storeVersion = storeVersion;
    if (isChanged) onMerged(session);
  }

  async #append(session: LiveSession): Promise<void> {
    const { store, epsilonMs, onEvent } = this.#options;
    const { key, version, envelope } = session;
    const before = store.version?.(key) ?? 0;
    const endSpan = this.#options.runtime.span?.("session.store", key);
    try {
      await store.append(key, session.record(), discardAtMs(envelope, epsilonMs));
      endSpan?.();
    } catch (error) {
      endSpan?.(error);
      onEvent({ type: "store-failed", error });
      throw error instanceof SessionError
        ? error
        : new SessionError("STORE_UNAVAILABLE", "The session store failed; it is tried again, nothing is lost in this process.", {
            cause: error,
          });
    }
    this.#stored(session, version, envelope);
    if (store.version === undefined) return;
    const after = store.version(key);
    const isAlone = before === session.storeVersion && (after === before || after === before + 1);
    if (isAlone) session.storeVersion = after;
    // Somebody else appended, too: what the store made of both is the session now. If that cannot be had, it is stale, and loaded when asked for.
    else await this.takeStored(session).catch((error: unknown) => onEvent({ type: "store-failed", error }));
  }

  #stored(session: LiveSession, version: number, envelope: Envelope): void {
    session.storedVersion = Math.max(session.storedVersion, version);
    session.storedTouchMs = envelope.touchedAtMs;
    this.#options.onStored(session);
  }
}
