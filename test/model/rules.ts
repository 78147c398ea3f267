import { type Envelope, joinEnvelopes } from "../../src/engine/envelope.ts";
import type { SubjectKey } from "../../src/engine/record.ts";
import { afterRegisterMs } from "../../src/engine/subjects.ts";
import { type Revocations, type Verdict, verdict } from "../../src/engine/verdict.ts";
import { receivedEnvelope } from "../../src/engine/received.ts";
import { discardAtMs } from "../../src/engine/session-times.ts";
import { absenceCounts, type AbsenceQuestion, type HolderAnswer } from "../../src/sync/completeness.ts";

/** To whom sessions belong in all models. */
export const SUBJECT: SubjectKey = "SSSSSSSSSSSSSSSSSSSSSA";
const NO_REVOCATIONS: Revocations = new Map();

/** The rules by which a replica decides. What is pure in src is that very function; what a class does around it is said again here. */
export interface Rules {
  /** src/engine/verdict.ts */
  readonly verdict: (envelope: Envelope, nowMs: number, revocations?: Revocations) => Verdict;
  /** src/engine/envelope.ts: what is held, and what came. */
  readonly join: (held: Envelope, came: Envelope) => Envelope;
  /** src/engine/session-times.ts */
  readonly discardAtMs: (envelope: Envelope, epsilonMs: number) => number;
  /** What counts of an envelope that came (src/engine/received.ts). */
  readonly received: (envelope: Envelope, nowMs: number, epsilonMs: number, registerMs?: number) => Envelope;
  /** Join barrier: whether a copy from the own disk may be served after these answers. */
  readonly confirms: (answers: readonly HolderAnswer[], question: AbsenceQuestion) => boolean;
  /** Whether "there is none" is true (src/sync/completeness.ts). */
  readonly isAbsent: (answers: readonly HolderAnswer[], question: AbsenceQuestion) => boolean;
  /** Until when another relay may have lived in whose place a new one is here since `nowMs` (`Membership.joined`). */
  readonly replacedAtMs: (nowMs: number) => number;
  /** When a session is given to its subject (`subjectAtMs`), and when a revocation is: src/engine/subjects.ts. */
  readonly givenAtMs: (registerMs: number | undefined, nowMs: number) => number;
  /** The register that a revocation raises, given that of `givenAtMs` and when the sessions that are known were given (`Revoking.revokeAll`). */
  readonly notBeforeMs: (atMs: number, knownAtMs: readonly number[]) => number;
  /** When the session that the revocation spares is given to its subject anew. */
  readonly keptAtMs: (subjectAtMs: number, notBeforeMs: number) => number;
  /** What is known to be revoked, and what comes (`Subjects.raise`). */
  readonly raised: (registerMs: number, cameMs: number) => number;
  /** A revocation is stored. */
  readonly storesRegisters: boolean;
  /** A revocation is a register that goes round, beside the ends of the sessions that are known. */
  readonly sendsRegisters: boolean;
  /** What a process sends comes in its order: the session that a revocation spares before the register, a register before what is given after it. */
  readonly sendsInOrder: boolean;
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
  verdict: (envelope, nowMs, revocations = NO_REVOCATIONS) => verdict(envelope, revocations, nowMs),
  join: joinEnvelopes,
  discardAtMs,
  received: (envelope, nowMs, epsilonMs, registerMs = 0) => receivedEnvelope(envelope, registerMs, nowMs, epsilonMs),
  confirms: hasAskedAll,
  isAbsent: absenceCounts,
  replacedAtMs: (nowMs) => nowMs,
  givenAtMs: afterRegisterMs,
  notBeforeMs: (atMs, knownAtMs) => Math.max(atMs, ...knownAtMs),
  keptAtMs: (subjectAtMs, notBeforeMs) => Math.max(subjectAtMs, notBeforeMs + 1),
  raised: Math.max,
  storesRegisters: true,
  sendsRegisters: true,
  sendsInOrder: true,
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
