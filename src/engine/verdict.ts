import type { EndReason, Envelope } from "./envelope.ts";
import type { SubjectKey } from "./record.ts";

/** `idle` is derived, never stored: a session that nobody used for `idleTimeoutMs`. Only a request that is told so ends it. */
export type Verdict = "alive" | "idle" | "ended";

/** For each subject the instant at or before which a session must have been given to it to be over: registers that only grow. */
export type Revocations = ReadonlyMap<SubjectKey, number>;

/** The one rule by which everybody decides (DESIGN 3.1). `nowMs` comes from the engine's clock. */
export function verdict(envelope: Envelope, revocations: Revocations, nowMs: number): Verdict {
  const { ended, deadlineMs, subject, subjectAtMs, successor, touchedAtMs, idleTimeoutMs } = envelope;
  if (ended !== undefined || nowMs >= deadlineMs) return "ended";
  if (subject !== undefined && subjectAtMs <= (revocations.get(subject) ?? -1)) return "ended";
  if (successor !== undefined && nowMs >= successor.atMs) return "ended";
  if (nowMs >= touchedAtMs + idleTimeoutMs) return "idle";
  return "alive";
}

/** Why a session is over whose end nobody wrote: the first rule of `verdict` that says so. */
export function endReason(envelope: Envelope, revocations: Revocations, nowMs: number): EndReason {
  const { subject, subjectAtMs, successor, ended } = envelope;
  if (ended !== undefined) return ended.reason;
  if (subject !== undefined && subjectAtMs <= (revocations.get(subject) ?? -1)) return "revoked";
  return successor !== undefined && nowMs >= successor.atMs ? "rotated" : "expired";
}
