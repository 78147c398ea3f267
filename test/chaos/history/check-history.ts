import { checkAcked } from "./check-acked.ts";
import { checkAvailability } from "./check-availability.ts";
import { checkEnds } from "./check-ends.ts";
import { checkIdentity } from "./check-identity.ts";
import { calmProbes, checkProbes } from "./check-probes.ts";
import { checkReads } from "./check-reads.ts";
import { type Finding, START, type Tolerance } from "./finding.ts";
import type { History } from "./history.ts";

/** A history with less than this was no test. */
const MINIMA: Readonly<Record<string, number>> = {
  faults: 1,
  ackedWritesChecked: 300,
  sessionsChecked: 10,
  readsChecked: 100,
  crossNodeReads: 50,
  ghosts: 20,
  probes: 1,
};

/** All checkers over one history, and whether there was enough to check. `toldLost`: see `checkReads`. */
export function checkHistory(
  history: History,
  nodes: readonly string[],
  toldLost = 0,
  tolerance: Tolerance = "strict",
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
  for (const [name, minimum] of Object.entries(MINIMA)) {
    if ((counts[name] ?? 0) < minimum)
      violations.push(`too little happened: ${name} is ${counts[name] ?? 0}, at least ${minimum} are wanted`);
  }
  return { violations, counts, convergenceMs: calmProbes(history).filter((ms) => ms !== null) };
}
