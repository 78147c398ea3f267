import { type Envelope, joinEnvelopes } from "../../src/engine/envelope.ts";
import type { Verdict } from "../../src/engine/verdict.ts";
import { type Revocations, verdict } from "../../src/engine/verdict.ts";
import { discardAtMs } from "../../src/engine/session-times.ts";
import { absenceCounts, type AbsenceQuestion, type HolderAnswer } from "../../src/sync/completeness.ts";

const NO_REVOCATIONS: Revocations = new Map();

/** The rules by which a replica decides. What is pure in src is that very function; what a class does around it is said again here. */
export interface Rules {
  /** src/engine/verdict.ts */
  readonly verdict: (envelope: Envelope, nowMs: number) => Verdict;
  /** src/engine/envelope.ts: what is held, and what came. */
  readonly join: (held: Envelope, came: Envelope) => Envelope;
  /** src/engine/session-times.ts */
  readonly discardAtMs: (envelope: Envelope, epsilonMs: number) => number;
  /** What counts of an envelope that came (`#received` in src/engine/replica.ts). */
  readonly received: (envelope: Envelope, nowMs: number, epsilonMs: number) => Envelope;
  /** Join barrier: whether a copy from the own disk may be served after these answers. */
  readonly confirms: (answers: readonly HolderAnswer[], question: AbsenceQuestion) => boolean;
  /** Whether "there is none" is true (src/sync/completeness.ts). */
  readonly isAbsent: (answers: readonly HolderAnswer[], question: AbsenceQuestion) => boolean;
  /** Until when another relay may have lived in whose place a new one is here since `nowMs` (`Membership.joined`). */
  readonly replacedAtMs: (nowMs: number) => number;
  /** The clock never gives an earlier time (`EngineClock`). */
  readonly hasHighWater: boolean;
  /** A request brings along the last use that its browser was told of (`SeenWrites`). */
  readonly hasStamp: boolean;
  /** Who is told that a session is over, is told for good: an end is written. */
  readonly tellsForGood: boolean;
  /** The sweep ends what is idle, instead of forgetting it. */
  readonly sweepEnds: boolean;
  /** What is appended to a store is merged with what is there. */
  readonly storeMerges: boolean;
  /** An end is stored. */
  readonly storesEnds: boolean;
  /** What comes in is merged with what lies on the own disk (`Registry.load`). */
  readonly readsOwnStore: boolean;
}

/** As shipped. */
export const SHIPPED: Rules = {
  verdict: (envelope, nowMs) => verdict(envelope, NO_REVOCATIONS, nowMs),
  join: joinEnvelopes,
  discardAtMs,
  received: (envelope, nowMs, epsilonMs) =>
    envelope.ended === undefined && envelope.touchedAtMs - nowMs > epsilonMs
      ? { ...envelope, touchedAtMs: Math.min(envelope.createdAtMs, nowMs) }
      : envelope,
  confirms: hasAskedAll,
  isAbsent: absenceCounts,
  replacedAtMs: (nowMs) => nowMs,
  hasHighWater: true,
  hasStamp: true,
  tellsForGood: true,
  sweepEnds: false,
  storeMerges: true,
  storesEnds: true,
  readsOwnStore: true,
};

/** `Replicator.fetch`, and what `Registry.load` makes of it with `alone: "refuse"`. */
function hasAskedAll(answers: readonly HolderAnswer[], question: AbsenceQuestion): boolean {
  if (answers.some(({ answer }) => answer === "none")) return false;
  return answers.some(({ answer }) => answer === "found") || absenceCounts(answers, question);
}
