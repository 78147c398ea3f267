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
  // That it has a successor is as final as an end: forgotten earlier, a copy that never heard of it would bring it back.
  if (ended !== undefined || successor !== undefined) return goneMs;
  return Math.min(goneMs, touchedAtMs + idleTimeoutMs + 2 * epsilonMs + touchDelayMs(idleTimeoutMs));
}

/** From when on the grace of a rotation is over by every clock: what is left of the session then is its end. */
export function rotatedAtMs({ successor, ended }: Envelope, epsilonMs: number): number {
  return successor === undefined || ended !== undefined ? Infinity : successor.atMs + 2 * epsilonMs;
}

/** What a session that nobody uses from now on will be at `discardAtMs`. */
export function fateOf(envelope: Envelope, epsilonMs: number): Fate {
  if (envelope.successor !== undefined) return "rotated";
  return discardAtMs(envelope, epsilonMs) < envelope.deadlineMs + 3 * epsilonMs ? "idle" : "expired";
}
