import type { Finding } from "./finding.ts";
import type { History, Operation } from "./history.ts";

/** Operations of a browser that is logged in, or was never logged out. It sends them only while it knows that its session lives. */
const LIVE: ReadonlySet<string> = new Set(["set", "push", "add", "read", "final"]);
const OVER: ReadonlySet<string> = new Set(["SESSION_ENDED", "SESSION_ROTATED"]);

/** One id throughout: a living session is never answered with another one, an empty one, or the news that it is over. */
export function checkIdentity({ operations }: Pick<History, "operations">): Finding {
  const violations: string[] = [];
  const counts = { liveAnswers: 0, newIds: 0, blanks: 0 };
  for (const operation of operations) {
    if (!LIVE.has(operation.kind)) continue;
    if (operation.outcome === "ok") counts.liveAnswers += 1;
    const what = troubleOf(operation);
    if (what === undefined) continue;
    counts[what === "got a new id" ? "newIds" : "blanks"] += 1;
    violations.push(`${operation.session}: ${operation.kind} ${operation.id} on ${operation.node} ${what}`);
  }
  return { violations, counts };
}

function troubleOf({ outcome, view, code, session, hasNewId }: Operation): string | undefined {
  if (hasNewId) return "got a new id";
  if (outcome === "ok" && view?.born !== session) return "met an empty session";
  return code !== undefined && OVER.has(code) ? `was refused with ${code}` : undefined;
}
