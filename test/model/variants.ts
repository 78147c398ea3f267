import { joinEnvelopes } from "../../src/engine/envelope.ts";
import { discardAtMs } from "../../src/engine/session-times.ts";
import { absenceCounts, type HolderAnswer } from "../../src/sync/completeness.ts";
import { type Rules, SHIPPED } from "./rules.ts";

/** The rules with one guard taken away. Each must be refuted: a guard that nothing needs would be none, and a model that needs none blind. */
export interface Variant {
  readonly name: string;
  /** What is done instead. */
  readonly about: string;
  /** The world in which that is seen. */
  readonly world: string;
  readonly rules: Rules;
}

export const VARIANTS: readonly Variant[] = [
  {
    name: "no-absorbing-end",
    about: "of two copies the one that was used later counts, whether or not the other ended",
    world: "logout",
    rules: {
      ...SHIPPED,
      join: (held, came) => (came.touchedAtMs >= held.touchedAtMs ? came : held),
    },
  },
  {
    name: "no-absolute-deadline",
    about: "a session lives on past its deadline",
    world: "logout",
    rules: { ...SHIPPED, verdict: (envelope, nowMs) => SHIPPED.verdict({ ...envelope, deadlineMs: Infinity }, nowMs) },
  },
  {
    name: "discard-before-deadline",
    about: "an end is forgotten a fixed time after it, before the deadline",
    world: "logout",
    rules: { ...SHIPPED, discardAtMs: (envelope, epsilonMs) => discardAtMs(envelope, epsilonMs) - 4 * epsilonMs },
  },
  {
    name: "discard-at-deadline",
    about: "an end is forgotten at the deadline, with no margin for the clocks",
    world: "logout",
    rules: { ...SHIPPED, discardAtMs: (envelope) => discardAtMs(envelope, 0) },
  },
  {
    name: "discard-without-set-back",
    about: "an end is forgotten at the deadline and 2ε: enough for clocks that are off, not for one that is set back as well",
    world: "set-back",
    rules: { ...SHIPPED, discardAtMs: (envelope, epsilonMs) => discardAtMs(envelope, epsilonMs) - epsilonMs },
  },
  {
    name: "clock-goes-back",
    about: "a clock that is set back gives an earlier time",
    world: "jump",
    rules: { ...SHIPPED, hasHighWater: false },
  },
  {
    name: "no-barrier",
    about: "a session from the own old disk is served without asking anybody",
    world: "logout",
    rules: { ...SHIPPED, confirms: () => true },
  },
  {
    name: "barrier-of-one",
    about: "a session from the own old disk is served after one relay answered",
    world: "logout",
    rules: { ...SHIPPED, confirms: (answers) => answers.some(({ answer }) => answer !== "none") },
  },
  {
    name: "end-not-stored",
    about: "an end is in memory only",
    world: "logout",
    rules: { ...SHIPPED, storesEnds: false },
  },
  {
    name: "overwrite-on-persist",
    about: "a slow request stores what it was given over what is stored",
    world: "logout",
    rules: { ...SHIPPED, storeMerges: false },
  },
  {
    name: "own-disk-not-read",
    about: "what comes in is taken as it is where only the own disk knows of the end",
    world: "logout",
    rules: { ...SHIPPED, readsOwnStore: false },
  },
  {
    name: "told-but-not-ended",
    about: "a request is told that the session is idle, and no end is written",
    world: "idle",
    rules: { ...SHIPPED, tellsForGood: false },
  },
  {
    name: "sweep-ends",
    about: "the sweep of one node ends what is idle there",
    world: "idle",
    rules: { ...SHIPPED, sweepEnds: true },
  },
  {
    name: "no-stamp",
    about: "a request does not bring along the last use that its browser was told of",
    world: "idle",
    rules: { ...SHIPPED, hasStamp: false },
  },
  {
    name: "touch-overwrites",
    about: "the touch that came last counts, not the latest",
    world: "idle",
    rules: {
      ...SHIPPED,
      join: (held, came) => {
        const joined = joinEnvelopes(held, came);
        return joined.ended === undefined ? { ...joined, touchedAtMs: came.touchedAtMs } : joined;
      },
    },
  },
  {
    name: "clamp-future-touch",
    about: "a touch from a clock that is ahead is taken as one of now and ε",
    world: "stray-touch",
    rules: {
      ...SHIPPED,
      received: (envelope, nowMs, epsilonMs) =>
        envelope.ended === undefined ? { ...envelope, touchedAtMs: Math.min(envelope.touchedAtMs, nowMs + epsilonMs) } : envelope,
    },
  },
  {
    name: "any-future-touch",
    about: "a touch from a clock that is ahead is taken as it is",
    world: "stray-touch",
    rules: { ...SHIPPED, received: (envelope) => envelope },
  },
  {
    name: "rotation-forgotten",
    about: "a rotated session is forgotten soon after its grace, as one that is idle",
    world: "rotation",
    rules: {
      ...SHIPPED,
      discardAtMs: (envelope, epsilonMs) =>
        envelope.successor === undefined || envelope.ended !== undefined
          ? discardAtMs(envelope, epsilonMs)
          : Math.min(discardAtMs(envelope, epsilonMs), envelope.successor.atMs + 2 * epsilonMs),
    },
  },
  {
    name: "later-successor-counts",
    about: "a copy without a successor takes it away",
    world: "rotation",
    rules: {
      ...SHIPPED,
      join: (held, came) => {
        const joined = joinEnvelopes(held, came);
        return joined.ended === undefined ? { ...joined, successor: came.successor } : joined;
      },
    },
  },
  {
    name: "absent-from-who-joins",
    about: "a relay that has just started, and has yet to hear what the other holds, is believed that there is none",
    world: "absence",
    rules: { ...SHIPPED, isAbsent: (answers, question) => absenceCounts(answers.map(believed), question) },
  },
  {
    name: "absent-after-loss",
    about: "a relay that lost the other, or what it had, since the session was born is believed that there is none",
    world: "absence",
    rules: { ...SHIPPED, isAbsent: (answers, question) => absenceCounts(answers.map(knowingAll), question) },
  },
  {
    name: "absent-from-who-hears-nobody",
    about: "a relay that is not connected to the other is believed that there is none",
    world: "absence",
    rules: { ...SHIPPED, isAbsent: (answers, question) => absenceCounts(answers.map(countingAll), question) },
  },
  {
    name: "absent-behind-cut",
    about: "a relay is believed that there is none, whenever it heard from the other last",
    world: "absence",
    rules: {
      ...SHIPPED,
      isAbsent: (answers, question) =>
        absenceCounts(
          answers.map(({ answer, status }) => ({ answer, status })),
          question,
        ),
    },
  },
  {
    name: "loss-dated-by-cut",
    about: "a relay that comes back with nothing lost it when it was cut off, whatever it was told since",
    world: "absence-twice",
    rules: { ...SHIPPED, replacedAtMs: () => 0 },
  },
  {
    name: "absent-by-exact-clocks",
    about: "the birth that an id says is compared without ε",
    world: "absence",
    rules: { ...SHIPPED, isAbsent: (answers, question) => absenceCounts(answers, { ...question, clockErrorMs: 0 }) },
  },
  {
    name: "revocation-not-stored",
    about: "what is revoked is in memory only",
    world: "revocation",
    rules: { ...SHIPPED, storesRegisters: false },
  },
  {
    name: "last-revocation-counts",
    about: "of two revocations the one that came last counts, not the later",
    world: "revocation",
    rules: { ...SHIPPED, raised: (_registerMs, cameMs) => cameMs },
  },
  {
    name: "ends-for-revocations",
    about: "a revocation ends the sessions that are known to whoever revokes, and nothing else goes round",
    world: "revocation",
    rules: { ...SHIPPED, sendsRegisters: false },
  },
  {
    name: "revoked-by-own-clock",
    about: "a revocation is dated by the clock alone, also where a known session was given out by one that is faster",
    world: "revocation",
    rules: { ...SHIPPED, notBeforeMs: (atMs) => atMs },
  },
  {
    name: "spared-as-it-was",
    about: "the session that a revocation spares is not given to its subject anew",
    world: "revocation",
    rules: { ...SHIPPED, keptAtMs: (subjectAtMs) => subjectAtMs },
  },
  {
    name: "revocation-overtakes",
    about: "a revocation may come before the session that it spares, or after one that was given out after it",
    world: "revocation",
    rules: { ...SHIPPED, sendsInOrder: false },
  },
  {
    name: "login-by-own-clock",
    about: "a login is dated by the clock alone, also after a revocation by one that is ahead",
    world: "revocation-ahead",
    rules: { ...SHIPPED, givenAtMs: (_registerMs, nowMs) => nowMs },
  },
];

function believed(said: HolderAnswer): HolderAnswer {
  return said.status?.isComplete === false ? { ...said, status: { ...said.status, isComplete: true, completeSinceMs: 0 } } : said;
}

function knowingAll(said: HolderAnswer): HolderAnswer {
  return said.status === undefined ? said : { ...said, status: { ...said.status, completeSinceMs: 0 } };
}

function countingAll(said: HolderAnswer): HolderAnswer {
  return said.status === undefined ? said : { ...said, status: { ...said.status, memberCount: 2 } };
}
