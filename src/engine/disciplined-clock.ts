/**
 * Which time it is, decided from this machine's two clocks and what others say. Offsets are what is added to the monotonic clock of this
 * machine, milliseconds; one that counts as a vote is a clock's time minus that monotonic clock. All of it is pure.
 */

/** Offsets change by so much of the time that passes: what NTP takes for the most that a clock may be steered by. */
export const SLEW = 500e-6;
/** A wall clock that moves by more than this against the monotonic one was set, or the machine was suspended. */
const JUMP_MS = 250;
/** So long a wall clock that jumped must stay where it is before an engine without peers believes it. */
export const JUMP_BELIEVED_AFTER_MS = 60_000;
/** What is further off than this is not steered but set: at 500 ppm it would take half an hour. */
export const STEP_MS = 1_000;
/** An answer that took longer says too little: it is off by up to half of it. */
export const RTT_MAX_MS = 1_000;
/** Answers slower than this times the source's best are left out, but for those that are good enough for anybody. */
const RTT_FACTOR = 4;
const RTT_GOOD_MS = 20;
/** A path that became slower is believed by and by: so much is added to the best for each answer that was left out. */
const RTT_FORGETTING = 1.25;
/** Part of a sample that counts at least. */
const WEIGHT_MIN = 0.1;

/** What one other machine says. */
export interface Vote {
  readonly offsetMs: number;
  readonly bestRttMs: number;
  /** It speaks for all that it hears (a holder to its nodes), and not for its own wall clock alone. */
  readonly isAgreed: boolean;
}

/** The vote of a source after it said, in an answer that took `rttMs`, that it is `offsetMs` away. The same object: it does not count. */
export function nextVote(vote: Vote | undefined, offsetMs: number, rttMs: number, isAgreed: boolean): Vote | undefined {
  if (!(rttMs >= 0 && rttMs <= RTT_MAX_MS) || !Number.isFinite(offsetMs)) return vote;
  if (vote === undefined || vote.isAgreed !== isAgreed) return { offsetMs, bestRttMs: rttMs, isAgreed };
  if (rttMs > Math.max(RTT_FACTOR * vote.bestRttMs, RTT_GOOD_MS))
    return { ...vote, bestRttMs: Math.min(RTT_MAX_MS, vote.bestRttMs * RTT_FORGETTING + 1) };
  const bestRttMs = Math.min(vote.bestRttMs, rttMs);
  const movedMs = offsetMs - vote.offsetMs;
  // What moved that far was set, or this machine slept.
  const weight = Math.abs(movedMs) > JUMP_MS ? 1 : Math.max(WEIGHT_MIN, (bestRttMs + 1) / (rttMs + 1));
  return { offsetMs: vote.offsetMs + weight * movedMs, bestRttMs, isAgreed };
}

export interface ClockState {
  /** Monotonic time of the last reading. */
  readonly atMs: number;
  /** The wall clock of this machine. */
  readonly ownMs: number;
  /** The time that the engine goes by. */
  readonly offsetMs: number;
  /** Where `offsetMs` goes. */
  readonly targetMs: number;
  /** From when on a wall clock that jumped is believed where no peer has a say; Infinity: it did not jump. */
  readonly believedAtMs: number;
}

export function firstClock(wallMs: number, monotonicMs: number): ClockState {
  const ownMs = wallMs - monotonicMs;
  return { atMs: monotonicMs, ownMs, offsetMs: ownMs, targetMs: ownMs, believedAtMs: Infinity };
}

/**
 * The clock after a reading of both clocks of this machine. With peers it goes to the median of all votes, this machine's wall clock being
 * one of them. Without, it goes by that wall clock: as it is, if it never was told otherwise; from where the peers left it, if it is known
 * to be off by more than a second; and as it was, for a minute after a jump.
 */
export function nextClock(state: ClockState, wallMs: number, monotonicMs: number, votes: ReadonlyMap<string, Vote>): ClockState {
  const passedMs = Math.max(0, monotonicMs - state.atMs);
  const ownMs = Number.isFinite(wallMs) ? wallMs - monotonicMs : state.ownMs;
  const isJump = Math.abs(ownMs - state.ownMs) > JUMP_MS + SLEW * passedMs;
  const believedAtMs = isJump ? monotonicMs + JUMP_BELIEVED_AFTER_MS : state.believedAtMs;
  const offsetMs = state.offsetMs + within(SLEW * passedMs, state.targetMs - state.offsetMs);
  const next = { atMs: monotonicMs, ownMs, offsetMs, believedAtMs };
  if (votes.size > 0) return toward(next, median(ownMs, votes, offsetMs));
  if (monotonicMs >= believedAtMs) return toward({ ...next, believedAtMs: Infinity }, ownMs);
  // By how much the wall clock is known to be off; a jump does not change what the time is.
  const offMs = state.ownMs - state.targetMs;
  if (isJump) return toward(next, state.targetMs);
  const isKnownWrong = believedAtMs !== Infinity || Math.abs(offMs) > STEP_MS;
  return toward(next, isKnownWrong ? ownMs - offMs : ownMs);
}

function toward(state: Omit<ClockState, "targetMs">, targetMs: number): ClockState {
  const isFar = Math.abs(targetMs - state.offsetMs) > STEP_MS;
  return { ...state, targetMs, offsetMs: isFar ? targetMs : state.offsetMs };
}

/**
 * The middle vote. Of two in the middle the one that is nearer to the time as it is, so that a tie changes nothing. Where the only peer
 * speaks for a cluster it counts: all of its nodes then go by the same time.
 */
function median(ownMs: number, votes: ReadonlyMap<string, Vote>, presentMs: number): number {
  const offsets = [ownMs];
  for (const { offsetMs, isAgreed } of votes.values()) {
    if (votes.size === 1 && isAgreed) return offsetMs;
    offsets.push(offsetMs);
  }
  offsets.sort((left, right) => left - right);
  const middle = offsets.length >> 1;
  const upper = offsets[middle] as number;
  const lower = offsets.length % 2 === 1 ? upper : (offsets[middle - 1] as number);
  return Math.abs(presentMs - lower) <= Math.abs(upper - presentMs) ? lower : upper;
}

function within(bound: number, value: number): number {
  return Math.max(-bound, Math.min(bound, value));
}
