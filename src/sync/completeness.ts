import type { RelayStatus } from "./messages/status.ts";

/** What one configured relay said to a fetch, and what it says of itself. */
export interface HolderAnswer {
  /** `none`: it was not connected, did not answer in time, or could not look. */
  readonly answer: "absent" | "found" | "none";
  /** Undefined where it is not connected. */
  readonly status: RelayStatus | undefined;
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
 * says so who would know: it is past its join barrier, knows all that were born as early as this one, and hears of what any of the
 * configured relays is told. Or where all of them say so, and each knows all that was told to itself.
 */
export function absenceCounts(answers: readonly HolderAnswer[], question: AbsenceQuestion): boolean {
  const absent = answers.filter(({ answer }) => answer === "absent");
  const knowing = absent.flatMap(({ status }) => (status !== undefined && knows(status, question) ? [status] : []));
  return knowing.some(({ memberCount }) => memberCount >= answers.length) || (answers.length > 0 && knowing.length === answers.length);
}

/** Whether it would know a session that was told to it, or to those from which it hears. */
function knows({ isComplete, completeSinceMs }: RelayStatus, question: AbsenceQuestion): boolean {
  const { bornAtMs, nowMs, clockErrorMs, forgetLossAfterMs } = question;
  if (!isComplete) return false;
  return bornAtMs === undefined || completeSinceMs + clockErrorMs <= bornAtMs || nowMs >= completeSinceMs + forgetLossAfterMs;
}
