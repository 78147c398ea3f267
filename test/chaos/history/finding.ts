/** What a checker says: what is wrong, in words for people, and how much it looked at. */
export interface Finding {
  readonly violations: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** After a fault: links are met again, what differs is repaired (the reach of issue 4: converged within 2 s after heal). */
export const SETTLE_MS = 2_000;
/** A write that had this long with its links up is everywhere, and stays. */
export const SPREAD_MS = 1_000;
