import type { Stamp } from "./record.ts";
import type { Runtime } from "./runtime.ts";

/** Commits that one millisecond of a stamp has room for; more in a row run ahead of the clock, by a millisecond each 256. */
const STAMPS_PER_MS = 256;

/** The clock of one engine: whole milliseconds since the epoch that never go back while the process lives. */
export class EngineClock {
  readonly #runtime: Runtime;
  #highestMs: number;

  /** @param notBeforeMs the highest time known from before this process: the high-water mark that was stored */
  constructor(runtime: Runtime, notBeforeMs = 0) {
    this.#runtime = runtime;
    this.#highestMs = notBeforeMs;
  }

  /** The wall clock, or the highest time it ever gave while it is set back. */
  nowMs(): number {
    const wallMs = Math.floor(this.#runtime.nowMs());
    if (wallMs > this.#highestMs) this.#highestMs = wallMs;
    return this.#highestMs;
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
