/** What a checker says: what is wrong, in words for people, and how much it looked at. */
export interface Finding {
  readonly violations: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * What time-outs on a busy machine may cost, where nothing is wrong: of all answers refusals that say so, of all reads stale ones that the
 * node told. `strict` for a machine that does nothing else, `busy` for one that runs other tests beside.
 */
export const TOLERATED_SHARE = { strict: 0.005, busy: 0.05 } as const;

export type Tolerance = keyof typeof TOLERATED_SHARE;

/** The fault that is none: processes that have just begun are slow. */
export const START = "start";

/** After a fault: links are met again, what differs is repaired (the reach of issue 4: converged within 2 s after heal). */
export const SETTLE_MS = 2_000;
/** A write that had this long with its links up is everywhere, and stays. */
export const SPREAD_MS = 1_000;
