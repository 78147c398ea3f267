import { type Finding, SETTLE_MS } from "./finding.ts";
import type { History } from "./history.ts";

/** Milliseconds from a write on one node until it could be read on all others, where no fault was near. */
export function calmProbes({ probes, faults }: Pick<History, "probes" | "faults">): (number | null)[] {
  return probes
    .filter(
      ({ atMs, ms }) =>
        !faults.some(({ beganAtMs, healedAtMs }) => atMs + (ms ?? PATIENCE_MS) >= beganAtMs && atMs <= healedAtMs + SETTLE_MS),
    )
    .map(({ ms }) => ms);
}

/** How long a probe waits. */
export const PATIENCE_MS = 5_000;

/** Without a fault every write becomes readable everywhere. How fast is measured over all scenarios. */
export function checkProbes(history: Pick<History, "probes" | "faults">): Finding {
  const calm = calmProbes(history);
  const never = calm.filter((ms) => ms === null).length;
  return {
    violations:
      never === 0 ? [] : [`${never} of ${calm.length} writes could not be read elsewhere within ${PATIENCE_MS} ms, without a fault`],
    counts: { probes: calm.length },
  };
}

/** Nearest rank. NaN where nothing was measured. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
