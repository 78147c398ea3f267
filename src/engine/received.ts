import { ABSOLUTE_TIMEOUT_MAX_MS } from "./engine-options.ts";
import type { Envelope } from "./envelope.ts";

/**
 * What counts of an envelope that a peer sent: of a session that ended, that it did. `registerMs`: what is known to be revoked of its subject;
 * 0 for nothing. A touch that is dated ahead of this clock by more than ε is refused, not clamped: clamping walks it forward for ever.
 */
export function receivedEnvelope(envelope: Envelope, registerMs: number, nowMs: number, epsilonMs: number): Envelope {
  const { ended, deadlineMs, createdAtMs, touchedAtMs, subjectAtMs } = envelope;
  // No session that lives now lives longer than this: an end need not be remembered beyond, whatever a peer says.
  if (ended !== undefined) return { ...envelope, deadlineMs: Math.min(deadlineMs, nowMs + ABSOLUTE_TIMEOUT_MAX_MS) };
  const beforeMs = Math.min(createdAtMs, nowMs);
  // Given out by a clock that is too fast: a revocation of today must reach it. One that is given out after a revocation that lies ahead of
  // the clock does, too, and the next revocation reaches it.
  const isGivenAhead = subjectAtMs > Math.max(nowMs + epsilonMs, registerMs + 1);
  return {
    ...envelope,
    touchedAtMs: touchedAtMs > nowMs + epsilonMs ? beforeMs : touchedAtMs,
    subjectAtMs: isGivenAhead ? beforeMs : subjectAtMs,
  };
}
