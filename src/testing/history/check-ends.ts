import { type Finding, SETTLE_MS, SPREAD_MS } from "./finding.ts";
import type { History, Operation } from "./history.ts";

/**
 * What ended stays ended. Credentials that were logged out, or rotated, open nothing: at once on nodes that could hear of it, after heal
 * on those that could not; and a node that once refused them never serves them again.
 */
export function checkEnds({ operations, faults }: Pick<History, "operations" | "faults">): Finding {
  const violations: string[] = [];
  const counts = { ends: 0, ghosts: 0, ghostsServedInIsolation: 0, resurrected: 0 };
  const byId = new Map(operations.map((each) => [each.id, each]));
  counts.ends = operations.filter(({ kind, outcome }) => (kind === "logout" || kind === "login") && outcome === "ok").length;
  /** Which nodes have refused which credentials, and since when. */
  const refusals = new Map<string, number>();
  for (const ghost of operations.filter(({ kind, outcome }) => kind === "ghost" && outcome === "ok")) {
    const end = byId.get(ghost.endedBy ?? -1);
    if (end === undefined) throw new Error(`ghost ${ghost.id} has no end`);
    counts.ghosts += 1;
    const place = `${end.id} ${ghost.node}`;
    if (ghost.view?.born !== ghost.session) {
      refusals.set(place, Math.min(refusals.get(place) ?? Infinity, ghost.endedAtMs));
      continue;
    }
    const hadRefused = (refusals.get(place) ?? Infinity) < ghost.beganAtMs;
    if (!hadRefused && mayNotKnow(faults, end, ghost)) {
      counts.ghostsServedInIsolation += 1;
      continue;
    }
    counts.resurrected += 1;
    const lateMs = Math.round(ghost.beganAtMs - end.endedAtMs);
    violations.push(
      `${ghost.session} was served by ${ghost.node} ${lateMs} ms after its ${end.kind}${hadRefused ? ", after it had refused it" : ""}`,
    );
  }
  return { violations, counts };
}

function mayNotKnow(faults: History["faults"], end: Operation, ghost: Operation): boolean {
  if (ghost.beganAtMs <= end.endedAtMs + SPREAD_MS) return true;
  return faults.some(
    ({ isolates, beganAtMs, healedAtMs }) =>
      isolates &&
      end.endedAtMs + SPREAD_MS >= beganAtMs &&
      end.beganAtMs <= healedAtMs + SETTLE_MS &&
      ghost.beganAtMs <= healedAtMs + SETTLE_MS,
  );
}
