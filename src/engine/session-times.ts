import type { Fate } from "./cold-table.ts";
import type { Envelope } from "./envelope.ts";

/** How long after its last use a session may still be touched on another node: coalesced touches arrive this late. */
const TOUCH_DELAY_MAX_MS = 60_000;

/** How long a touch may wait until others are told. */
export function touchDelayMs(idleTimeoutMs: number): number {
  return Math.min(idleTimeoutMs / 10, TOUCH_DELAY_MAX_MS);
}

/** From when on nobody needs what is kept of a session. */
export function discardAtMs(envelope: Envelope, epsilonMs: number): number {
  const { ended, deadlineMs, touchedAtMs, idleTimeoutMs, successor } = envelope;
  const goneMs = deadlineMs + 3 * epsilonMs;
  if (ended !== undefined) return goneMs;
  // Who uses it during the grace uses its successor.
  const unusedAtMs = successor?.atMs ?? touchedAtMs + idleTimeoutMs;
  return Math.min(goneMs, unusedAtMs + 2 * epsilonMs + touchDelayMs(idleTimeoutMs));
}

/** What a session that nobody uses from now on will be at `discardAtMs`. */
export function fateOf(envelope: Envelope, epsilonMs: number): Fate {
  if (envelope.successor !== undefined) return "rotated";
  return discardAtMs(envelope, epsilonMs) < envelope.deadlineMs + 3 * epsilonMs ? "idle" : "expired";
}
