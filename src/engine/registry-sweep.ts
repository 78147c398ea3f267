import type { ColdTable } from "./cold-table.ts";
import type { EventListener, SessionEvent } from "./events.ts";
import type { HotSessions } from "./hot-sessions.ts";
import { type EngineClock, MARK_AHEAD_MS } from "./hybrid-clock.ts";
import type { LiveSession } from "./live-session.ts";
import type { Dot, SessionKey } from "./record.ts";
import type { Registry } from "./registry.ts";
import type { Runtime } from "./runtime.ts";
import type { SessionStore } from "./session-store.ts";
import { discardAtMs, rotatedAtMs, touchDelayMs } from "./session-times.ts";
import { PAUSE_MS, Sweeper } from "./sweeper.ts";
import type { Tombstones } from "./tombstones.ts";
import { endReason, type Revocations, verdict } from "./verdict.ts";

/** A session that was not used for so long goes to rest even where there is room: most of its memory comes back, and waking takes microseconds. */
const REST_AFTER_MS = 60_000;
// What one slice may do, for a millisecond in all (several before the code is compiled): looking is cheap, evicting tells others, resting encodes.
const LOOK_COUNT = 1_000;
const VISIT_COUNT = 20;
const EVICT_COUNT = 60;
const PACKED_LOOK_COUNT = 4_000;
const DISCARD_COUNT = 50;

/** What a sweep goes through, and what it does there: parts of the registry. */
export interface Swept {
  readonly registry: Pick<Registry, "isStale" | "loader" | "store">;
  readonly hot: HotSessions;
  readonly cold: ColdTable;
  readonly ended: Tombstones;
  weigh(session: LiveSession): void;
  toRest(session: LiveSession): boolean;
  bury(session: LiveSession): Promise<void> | undefined;
  endRotated(session: LiveSession): void;
  forget(key: SessionKey, own: Dot | undefined): void;
}

export interface RegistrySweepOptions {
  readonly runtime: Runtime;
  readonly clock: EngineClock;
  readonly store: SessionStore;
  readonly epsilonMs: number;
  readonly revocations: Revocations;
  readonly onEvent: EventListener;
  readonly onTouchDue?: (key: SessionKey, touchedAtMs: number) => void;
}

/**
 * Goes round all sessions about once a second, in slices. What is packed is looked at only where something is due, so a million that
 * rest cost next to nothing; the store is asked to discard in calls of its own, one at a time.
 */
export class RegistrySweep {
  /** The time of the last round: near enough to tell when a session was used. */
  roundAtMs: number;
  readonly #options: RegistrySweepOptions;
  readonly #swept: Swept;
  readonly #sweeper: Sweeper;
  #visiting: Iterator<LiveSession> | undefined;
  #isTidying = false;
  #isDiscarding = false;
  #isStopped = false;
  #isMarkDue = false;
  #stopDiscarding: () => void = () => undefined;

  constructor(options: RegistrySweepOptions, swept: Swept) {
    this.#options = options;
    this.#swept = swept;
    this.roundAtMs = options.clock.nowMs();
    this.#sweeper = new Sweeper(
      options.runtime,
      () => this.#begin(),
      () => this.#slice(),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#sweeper.stop();
    this.#stopDiscarding();
  }

  /** Whether nobody used a session for long enough. */
  isUnused(session: LiveSession): boolean {
    return session.usedAtMs + REST_AFTER_MS <= this.roundAtMs;
  }

  /** Something was stored: what it says of time must hold for the next process on the store. */
  stored(): void {
    this.#isMarkDue = true;
  }

  /** Others learn of the last touch in time, so that all of them agree on when the session is idle. */
  tellTouch(session: LiveSession): void {
    const { touchedAtMs, ended } = session.envelope;
    if (ended !== undefined || touchedAtMs <= session.sentTouchMs) return;
    session.sentTouchMs = touchedAtMs;
    this.#options.onTouchDue?.(session.key, touchedAtMs);
  }

  #begin(): void {
    this.roundAtMs = this.#options.clock.nowMs();
    // What goes is gone for good: not by a clock that may be wrong.
    if (!this.#options.clock.isSettled) return;
    this.#visiting = this.#swept.hot.values();
    this.#isTidying = true;
    this.#raiseMark();
    this.#discard();
  }

  /** Ahead of the time, so that it holds until the next round, and the one after that. Where nothing was stored, nothing is. */
  #raiseMark(): void {
    const { store, onEvent } = this.#options;
    if (!this.#isMarkDue || store.raiseHighWater === undefined) return;
    this.#isMarkDue = false;
    store.raiseHighWater(this.roundAtMs + MARK_AHEAD_MS).catch((error: unknown) => {
      this.#isMarkDue = true;
      onEvent({ type: "store-failed", error });
    });
  }

  /** True while more is left of the round. */
  #slice(): boolean {
    if (!this.#options.clock.isSettled) return false;
    const nowMs = this.#options.clock.nowMs();
    const { cold, ended } = this.#swept;
    const isVisiting = this.#visitSome(nowMs);
    const coldKeys = cold.takeDue(nowMs, EVICT_COUNT, PACKED_LOOK_COUNT);
    const endedKeys = ended.takeDue(nowMs, EVICT_COUNT, PACKED_LOOK_COUNT);
    for (const key of coldKeys ?? []) this.#evict(key, nowMs);
    for (const key of endedKeys ?? []) this.#evict(key, nowMs);
    if (this.#isTidying) this.#isTidying = cold.sweepObjects(LOOK_COUNT);
    return isVisiting || this.#isTidying || coldKeys !== undefined || endedKeys !== undefined;
  }

  #visitSome(nowMs: number): boolean {
    let visits = 0;
    for (let looked = 0; this.#visiting !== undefined && looked < LOOK_COUNT && visits < VISIT_COUNT; looked++) {
      const next = this.#visiting.next();
      if (next.done === true) this.#visiting = undefined;
      else if (this.#visit(next.value, nowMs)) visits++;
    }
    return this.#visiting !== undefined;
  }

  /**
   * Evicts a session that nobody will ask for again; writes nothing about it (an idle session is not ended by the passing of time, but for
   * one that was rotated: everybody who heard of that knows the instant).
   * Stores what is not stored, and sends to rest what is not used. True when that was more than a look.
   */
  #visit(session: LiveSession, nowMs: number): boolean {
    const { key, envelope } = session;
    const { revocations, store, epsilonMs, onEvent } = this.#options;
    const { registry } = this.#swept;
    this.#swept.weigh(session);
    const isDue = discardAtMs(envelope, epsilonMs) <= nowMs;
    const now = isDue ? verdict(envelope, revocations, nowMs) : "alive";
    if (now !== "alive") {
      // Another process may use it: its touches are in the store that both share.
      if (registry.isStale(session)) registry.loader.refresh(session).catch(() => undefined);
      else {
        this.#swept.forget(key, session.document?.own);
        if (now === "idle") onEvent(idleEvent(key, envelope.touchedAtMs));
        else if (envelope.ended === undefined) onEvent({ type: "ended", key, reason: endReason(envelope, revocations, nowMs) });
      }
      return true;
    }
    if (rotatedAtMs(envelope, epsilonMs) <= nowMs) {
      this.#swept.endRotated(session);
      return true;
    }
    if (nowMs - session.sentTouchMs >= touchDelayMs(envelope.idleTimeoutMs)) this.tellTouch(session);
    if (envelope.ended !== undefined) void this.#swept.bury(session);
    // What is only here would be lost without need: that goes where the room is wanted. And of a rotated one a tombstone is left soon.
    else if (this.isUnused(session) && session.local === undefined && envelope.successor === undefined) this.#swept.toRest(session);
    else if (!session.isStored && store.durable) registry.store(session).catch(() => undefined);
    else return false;
    return true;
  }

  /** Forgets one that rests, or ended, when it is due. */
  #evict(key: SessionKey, nowMs: number): void {
    const { cold, ended } = this.#swept;
    const { onEvent } = this.#options;
    const resting = cold.get(key);
    const dueMs = (resting ?? ended.get(key))?.discardAtMs;
    if (dueMs === undefined || dueMs > nowMs) return;
    this.#swept.forget(key, resting?.own);
    if (resting?.fate === "idle") onEvent(idleEvent(key, resting.touchedAtMs));
    else if (resting !== undefined) onEvent({ type: "ended", key, reason: resting.fate });
  }

  /** Calls in a row, as long as they find something. */
  #discard(): void {
    const { runtime, clock, store, onEvent } = this.#options;
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    store
      .discardExpired(clock.nowMs(), DISCARD_COUNT)
      .catch((error: unknown) => {
        onEvent({ type: "store-failed", error });
        return 0;
      })
      .then(
        (count) => {
          this.#isDiscarding = false;
          if (count > 0 && !this.#isStopped) this.#stopDiscarding = runtime.setTimer(PAUSE_MS, () => this.#discard());
        },
        () => undefined,
      );
  }
}

/** The last use names the period: touches are told to all who hold the session. */
function idleEvent(key: SessionKey, touchedAtMs: number): SessionEvent {
  return { type: "idle", key, dedupeKey: `${key}:${touchedAtMs}` };
}
