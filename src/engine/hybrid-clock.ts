import { type ClockState, firstClock, nextClock, nextVote, type Vote } from "./disciplined-clock.ts";
import type { EventListener } from "./events.ts";
import type { Stamp } from "./record.ts";
import type { Runtime } from "./runtime.ts";

/** Commits that one millisecond of a stamp has room for; more in a row run ahead of the clock, by a millisecond each 256. */
const STAMPS_PER_MS = 256;
/** What 6 bytes hold of an instant, as it is stored: far beyond any clock. */
const TIME_MAX_MS = 2 ** 48 - 1;
/** How often the wall clock and the votes are looked at. */
const LOOK_INTERVAL_MS = 1_000;
/** How long an engine that has peers waits for the first that tells it the time. */
export const MEETING_TIMEOUT_MS = 10_000;
/** A wall clock that is off by this much of ε is told of, and by less than the other told of no more. */
const FAULT = 0.8;
const NO_FAULT = 0.4;
/** The mark is stored ahead of the time, so that it holds until it is raised again. */
export const MARK_AHEAD_MS = 2_000;

/**
 * What the sync layer and the engine's clock tell each other. No vote ever comes back to whom it came from: a node tells relays what its
 * wall clock says, relays tell each other the same, and a relay tells its nodes the median of what it heard. So what a cluster goes by is
 * always the wall clock of one of its machines; were medians votes again, all could agree on a time that is nobody's, and drift with it.
 */
export interface PeerClock {
  /**
   * `source` answered a question that was asked `rttMs` ago; it said that it is `theirMs`. Pings want to be some seconds apart, the
   * first as soon as the link is up. What says nothing (0, no number, too slow) is left out.
   * @param isAgreed a relay said it to a node: `agreedMs` of that relay. False: `ownMs` of a machine.
   */
  heard(source: string, theirMs: number, rttMs: number, isAgreed?: boolean): void;
  /** `source` cannot be reached any more: it has no say. */
  lost(source: string): void;
  /** This machine's wall clock: what a node says to a relay, and a relay to another. */
  ownMs(): number;
  /** The time that this engine goes by. */
  nowMs(): number;
  /** Resolves when that is settled: it may have been set meanwhile, once. Undefined when it is. */
  readonly settled: Promise<void> | undefined;
  /** What a relay says to its nodes; 0 while it has not heard enough to say anything. */
  agreedMs(): number;
  /** There are going to be peers: `isSettled` waits for them. An engine with `sync` does this by itself, a relay must, at once. */
  expectPeers(): void;
}

/**
 * The clock of one engine: whole milliseconds since the epoch. `disciplined-clock.ts` decides what the time is; this one reads the machine's
 * clocks, and never goes back. What turns out to be ahead stands still until the time has come: sessions then end at the right instant, and
 * only what began meanwhile may last longer, by as much as the clock stood. What turns out to be behind is put right at once.
 *
 * Until it is settled it goes by the wall clock, and settling may set it back, once: a machine may start with a wrong clock, and what it
 * gave out must not be nailed down by never going back. Nothing is lost by that, since nothing is discarded, and nobody told that a session
 * is idle, by a clock that is not settled.
 */
export class EngineClock implements PeerClock {
  /** Resolves when `isSettled` is true; undefined when it is. */
  settled: Promise<void> | undefined;
  readonly #runtime: Runtime;
  readonly #epsilonMs: number;
  readonly #onEvent: EventListener;
  readonly #notBeforeMs: number;
  readonly #votes = new Map<string, Vote>();
  #state: ClockState;
  #lookAtMs: number;
  #highestMs: number;
  #isFaulty = false;
  #onSettled: () => void = () => undefined;

  /**
   * @param notBeforeMs the highest time known from before this process: the high-water mark that was stored
   * @param epsilonMs how far clocks may be apart
   */
  constructor(runtime: Runtime, notBeforeMs = 0, epsilonMs = 2_000, onEvent: EventListener = () => undefined) {
    this.#runtime = runtime;
    this.#epsilonMs = epsilonMs;
    this.#onEvent = onEvent;
    this.#notBeforeMs = notBeforeMs;
    this.#highestMs = notBeforeMs;
    const atMs = runtime.monotonicMs();
    const wallMs = runtime.nowMs();
    this.#state = firstClock(wallMs, atMs);
    this.#lookAtMs = atMs + LOOK_INTERVAL_MS;
    if (notBeforeMs - wallMs > MARK_AHEAD_MS + FAULT * epsilonMs) this.#tellFault(wallMs - notBeforeMs);
  }

  /** The time. Never less than it ever gave since it is settled, nor than the mark. */
  nowMs(): number {
    const atMs = this.#runtime.monotonicMs();
    if (atMs >= this.#lookAtMs) this.#look(atMs);
    const nowMs = Math.floor(this.settled === undefined ? atMs + this.#state.offsetMs : this.#runtime.nowMs());
    if (nowMs > this.#highestMs) this.#highestMs = nowMs;
    return this.#highestMs;
  }

  /** Whether what it says may be acted upon for good. */
  get isSettled(): boolean {
    return this.settled === undefined;
  }

  /** Nobody waits for it any longer, and no timer is left. */
  close(): void {
    this.#settle();
  }

  // PeerClock

  expectPeers(): void {
    this.settled ??= new Promise((resolve) => {
      const stopTimer = this.#runtime.setTimer(MEETING_TIMEOUT_MS, () => this.#settle());
      this.#onSettled = () => {
        stopTimer();
        resolve();
      };
    });
  }

  heard(source: string, theirMs: number, rttMs: number, isAgreed = true): void {
    if (!(theirMs > 0 && theirMs <= TIME_MAX_MS)) return;
    const before = this.#votes.get(source);
    const vote = nextVote(before, theirMs + rttMs / 2 - this.#runtime.monotonicMs(), rttMs, isAgreed);
    if (vote === undefined || vote === before) return;
    this.#votes.set(source, vote);
    // If the wall clock jumped, somebody else has a say about that now.
    this.#state = { ...this.#state, believedAtMs: Infinity };
    // Two clocks that say the same need no third. Where they differ, the next one decides which of them is right.
    const isSame = Math.abs(vote.offsetMs - (this.#runtime.nowMs() - this.#runtime.monotonicMs())) <= FAULT * this.#epsilonMs;
    if (isAgreed || isSame || this.#votes.size > 1) this.#settle();
  }

  lost(source: string): void {
    this.#votes.delete(source);
  }

  ownMs(): number {
    return Math.floor(this.#runtime.nowMs());
  }

  agreedMs(): number {
    return this.isSettled ? Math.floor(this.#runtime.monotonicMs() + this.#state.offsetMs) : 0;
  }

  #settle(): void {
    if (this.settled === undefined) return;
    this.settled = undefined;
    const atMs = this.#runtime.monotonicMs();
    // Whatever the wall clock did before does not matter: nobody acted upon it.
    this.#state = firstClock(this.#runtime.nowMs(), atMs);
    if (this.#votes.size > 0) {
      this.#look(atMs);
      this.#state = { ...this.#state, offsetMs: this.#state.targetMs };
      this.#highestMs = this.#notBeforeMs;
    }
    this.#onSettled();
  }

  #look(atMs: number): void {
    this.#lookAtMs = atMs + LOOK_INTERVAL_MS;
    this.#state = nextClock(this.#state, this.#runtime.nowMs(), atMs, this.#votes);
    const { ownMs, targetMs } = this.#state;
    const aheadMs = Math.round(ownMs - targetMs);
    const isFaulty = this.#votes.size > 0 && Math.abs(aheadMs) > (this.#isFaulty ? NO_FAULT : FAULT) * this.#epsilonMs;
    if (isFaulty && !this.#isFaulty) this.#tellFault(aheadMs);
    if (this.#votes.size > 0) this.#isFaulty = isFaulty;
  }

  #tellFault(aheadMs: number): void {
    this.#onEvent({ type: "clock-fault", key: undefined, aheadMs });
  }
}

/**
 * The stamp of a commit made at `nowMs` (milliseconds since the epoch) to a session first born at `firstCreatedAtMs`: later than every
 * stamp seen (`lastSeenStamp`, 0 for none), whatever the clocks say, and at least 1. The rule of hybrid logical clocks
 * (Kulkarni et al., Logical Physical Clocks, 2014) with clock and counter in one safe integer: good for 1,100 years.
 */
export function nextStamp(nowMs: number, firstCreatedAtMs: number, lastSeenStamp: Stamp): Stamp {
  return Math.max((nowMs - firstCreatedAtMs) * STAMPS_PER_MS, lastSeenStamp + 1, 1);
}

/** Milliseconds between the birth of the session and this stamp. */
export function stampMs(stamp: Stamp): number {
  return Math.floor(stamp / STAMPS_PER_MS);
}

/**
 * True for what no commit can carry: no positive safe integer, or a time past the session's absolute end. Any other stamp is
 * accepted, however fast the clock that it came from: data is never refused for that.
 */
export function isHostileStamp(stamp: number, firstCreatedAtMs: number, deadlineMs: number): boolean {
  return !Number.isSafeInteger(stamp) || stamp < 1 || stampMs(stamp) > deadlineMs - firstCreatedAtMs;
}
