import { type Finding, SETTLE_MS, TOLERATED_SHARE, type Tolerance } from "./finding.ts";
import type { History } from "./history.ts";

/** Answers that a node may give while its holders are away: it says so, instead of guessing. */
const HONEST: ReadonlySet<string> = new Set(["SESSION_UNAVAILABLE", "ACKS_MISSING"]);

/**
 * Errors of the server: a 5xx that is not an honest "I cannot know" is wrong at any time, and so is a request that gets no answer, unless its
 * node is down; without a fault honest refusals are, too, beyond a few. None of them counts as success anywhere.
 */
export function checkAvailability(
  { operations, faults }: Pick<History, "operations" | "faults">,
  tolerance: Tolerance = "strict",
): Finding {
  const violations: string[] = [];
  const counts = { answers: 0, honestRefusals: 0, refusalsWithoutFault: 0, serverErrors: 0, unanswered: 0 };
  for (const { id, kind, node, status, code, outcome, beganAtMs, toldAtMs } of operations) {
    if (outcome === "ok") {
      counts.answers += 1;
      continue;
    }
    // Codes of the session that are not about the server are the affair of `checkIdentity`.
    if (status !== 0 && status < 500) continue;
    const isHonest = status === 503 && HONEST.has(code ?? "");
    if (isHonest) counts.honestRefusals += 1;
    else if (status === 0) counts.unanswered += 1;
    else counts.serverErrors += 1;
    const within = faults.filter((fault) => beganAtMs <= fault.healedAtMs + SETTLE_MS && toldAtMs >= fault.beganAtMs);
    // Who is killed, stopped or draining breaks connections, and its frameworks may answer for it.
    const isDown = within.some((fault) => fault.nodes.includes(node));
    if (isDown || (isHonest && within.length > 0)) continue;
    if (isHonest) {
      counts.refusalsWithoutFault += 1;
      continue;
    }
    violations.push(`${kind} ${id} on ${node}: ${status === 0 ? "no answer" : status} ${code ?? ""}`);
  }
  if (counts.refusalsWithoutFault > counts.answers * TOLERATED_SHARE[tolerance])
    violations.push(`${counts.refusalsWithoutFault} requests were refused without a fault, of ${counts.answers}`);
  return { violations, counts };
}
