import type { Envelope } from "./envelope.ts";

/** `idle` is derived, never stored: a session that nobody used for `idleTimeoutMs`. Only a request that is told so ends it. */
export type Verdict = "alive" | "idle" | "ended";

/** The one rule by which everybody decides (DESIGN 3.1). `nowMs` comes from the engine's clock. */
export function verdict(envelope: Envelope, nowMs: number): Verdict {
  if (envelope.ended !== undefined || nowMs >= envelope.deadlineMs) return "ended";
  if (nowMs >= envelope.touchedAtMs + envelope.idleTimeoutMs) return "idle";
  return "alive";
}
