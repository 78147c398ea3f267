import { isWrite } from "./check-acked.ts";
import { missingFrom } from "./contents.ts";
import { type Finding, SETTLE_MS, SPREAD_MS, TOLERATED_SHARE, type Tolerance } from "./finding.ts";
import { bySession, type History, type Operation } from "./history.ts";

/**
 * Read your writes: what a browser was told is written, each later read of that browser shows, on whatever node. While nodes could not
 * hear of each other (and until they had time to settle) a read may lack what was written then; never what had spread before.
 * `toldLost`: how often nodes said (`lost-write`) that they could not have in time what a browser had seen. So many stale reads, and no more
 * than very few, were served as promised.
 */
export function checkReads(
  { operations, faults }: Pick<History, "operations" | "faults">,
  toldLost = 0,
  tolerance: Tolerance = "strict",
): Finding {
  const violations: string[] = [];
  const counts = { readsChecked: 0, crossNodeReads: 0, staleReads: 0, staleExcused: 0 };
  for (const [session, all] of bySession(operations)) {
    const writes = all.filter(isWrite);
    for (const read of all) {
      if (read.kind !== "read" || read.outcome !== "ok" || read.view === undefined) continue;
      const before = writes.filter(({ outcome, endedAtMs }) => outcome === "ok" && endedAtMs < read.beganAtMs);
      const last = before.at(-1);
      if (last === undefined) continue;
      counts.readsChecked += 1;
      if (last.node !== read.node) counts.crossNodeReads += 1;
      const view = read.view;
      const isBefore = (write: Operation): boolean => write.endedAtMs < read.beganAtMs;
      // What began after the read ended cannot be in it.
      const possible = writes.filter(({ beganAtMs }) => beganAtMs <= read.endedAtMs);
      const missing = missingFrom(view, possible, (write) => isBefore(write) && !isExcused(faults, write, read));
      if (missing.length > 0) counts.staleReads += 1;
      else if (missingFrom(view, possible, isBefore).length > 0) counts.staleExcused += 1;
      violations.push(...missing.map((what) => `${session}: read ${read.id} on ${read.node}: ${what}`));
    }
  }
  const isAsTold = counts.staleReads <= Math.min(toldLost, counts.readsChecked * TOLERATED_SHARE[tolerance]);
  return { violations: isAsTold ? [] : violations, counts };
}

/** Whether a fault kept the write from spreading, and had not healed, and settled, when the read began. */
function isExcused(faults: History["faults"], write: Operation, read: Operation): boolean {
  return faults.some(({ isolates, beganAtMs, healedAtMs }) => {
    const couldSpread = write.endedAtMs + SPREAD_MS < beganAtMs || write.endedAtMs > healedAtMs + SETTLE_MS;
    return isolates && !couldSpread && read.beganAtMs <= healedAtMs + SETTLE_MS;
  });
}
