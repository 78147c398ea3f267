import { checkAcked } from "./check-acked.ts";
import { checkAvailability } from "./check-availability.ts";
import { checkEnds } from "./check-ends.ts";
import { checkIdentity } from "./check-identity.ts";
import { calmProbes, checkProbes } from "./check-probes.ts";
import { checkReads } from "./check-reads.ts";
import { type Finding, START, type Tolerance } from "./finding.ts";
import type { History } from "./history.ts";

export interface CheckHistoryOptions {
  /** The nodes that each session was read on in the end (`final`). */
  readonly nodes: readonly string[];
  /** How often nodes said (`lost-write`) that they could not have in time what a browser had seen: see `checkReads`. Default 0. */
  readonly toldLost?: number;
  /** What time-outs may cost on this machine: see `TOLERATED_SHARE`. Default `strict`. */
  readonly tolerance?: Tolerance;
  /** By the names of the counts: what must have happened at least. Default `HISTORY_MINIMA`. */
  readonly minima?: Readonly<Record<string, number>>;
}

/** A history with less than this was no test. */
export const HISTORY_MINIMA: Readonly<Record<string, number>> = {
  faults: 1,
  ackedWritesChecked: 300,
  sessionsChecked: 10,
  readsChecked: 100,
  crossNodeReads: 50,
  ghosts: 20,
  probes: 1,
};

/** All checkers over one history, and whether there was enough to check: where there was not, that is a violation, too. */
export function checkHistory(
  history: History,
  { nodes, toldLost = 0, tolerance = "strict", minima = HISTORY_MINIMA }: CheckHistoryOptions,
): Finding & { readonly convergenceMs: readonly number[] } {
  const findings = {
    acked: checkAcked(history, nodes),
    reads: checkReads(history, toldLost, tolerance),
    ends: checkEnds(history),
    identity: checkIdentity(history),
    availability: checkAvailability(history, tolerance),
    probes: checkProbes(history),
  };
  const counts: Record<string, number> = Object.fromEntries([
    ["operations", history.operations.length],
    ["faults", history.faults.filter(({ name }) => name !== START).length],
    ...Object.values(findings).flatMap((finding) => Object.entries(finding.counts)),
  ]);
  const violations = Object.entries(findings).flatMap(([name, finding]) => finding.violations.map((what) => `${name}: ${what}`));
  for (const [name, minimum] of Object.entries(minima)) {
    if ((counts[name] ?? 0) < minimum)
      violations.push(`too little happened: ${name} is ${counts[name] ?? 0}, at least ${minimum} are wanted`);
  }
  return { violations, counts, convergenceMs: calmProbes(history).filter((ms) => ms !== null) };
}
