import type { RelayStatus } from "./messages/status.ts";

/** What one configured relay said to a fetch, and what it says of itself. */
export interface HolderAnswer {
  /** `none`: it was not connected, did not answer in time, or could not look. */
  readonly answer: "absent" | "found" | "none";
  /** Undefined where it is not connected. */
  readonly status: RelayStatus | undefined;
  /** Until when it has heard from the others what they were told, as it said when it answered `absent`; undefined: there are no others. */
  readonly heardUntilMs?: number | undefined;
}

export interface AbsenceQuestion {
  /** Of the session, as its id says; undefined where it says nothing. */
  readonly bornAtMs: number | undefined;
  readonly nowMs: number;
  /** How far clocks may be apart, milliseconds. */
  readonly clockErrorMs: number;
  /** How long it matters that a relay does not know all: whatever lives was used since, on a node that told the relays. */
  readonly forgetLossAfterMs: number;
}

/**
 * Whether "there is none" is true (DESIGN section 5, "A miss"). `answers` has one entry for each configured relay. It is where one of them
 * says so who would know: it is past its join barrier, knows all that were born as early as this one, hears of what any of the
 * configured relays is told, and has heard from each since the birth: a line that was cut a moment ago looks as before. Or where all of
 * them say so, and each knows all that was told to itself.
 */
export function absenceCounts(answers: readonly HolderAnswer[], question: AbsenceQuestion): boolean {
  const knowing = answers.filter(({ answer, status }) => answer === "absent" && status !== undefined && knows(status, question));
  return knowing.some((each) => hearsAll(each, answers.length, question)) || (answers.length > 0 && knowing.length === answers.length);
}

/**
 * Whether it speaks for all: what any other relay was told about a session of this age has reached it. A session whose node told of it for
 * the first time long after its id was drawn (a slow request), to a relay that was cut off between the two, is not seen by this.
 */
function hearsAll({ status, heardUntilMs }: HolderAnswer, relayCount: number, { bornAtMs, clockErrorMs }: AbsenceQuestion): boolean {
  if (status === undefined || status.memberCount < relayCount) return false;
  return bornAtMs === undefined || heardUntilMs === undefined || bornAtMs + clockErrorMs <= heardUntilMs;
}

/** Whether it would know a session that was told to it, or to those from which it hears. */
function knows({ isComplete, completeSinceMs }: RelayStatus, question: AbsenceQuestion): boolean {
  const { bornAtMs, nowMs, clockErrorMs, forgetLossAfterMs } = question;
  if (!isComplete) return false;
  return bornAtMs === undefined || completeSinceMs + clockErrorMs <= bornAtMs || nowMs >= completeSinceMs + forgetLossAfterMs;
}
