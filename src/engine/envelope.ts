import type { SessionKey } from "./record.ts";

/** Why a session is over. `expired`: a request was told so. `rotated`: the id was replaced by `regenerate`. */
export type EndReason = "destroyed" | "rotated" | "expired" | "revoked";

export interface End {
  readonly reason: EndReason;
  readonly atMs: number;
}

/**
 * When a session lives. Kept outside Yjs and joined by maximum, field by field (DESIGN 3.1).
 * All times are milliseconds since the epoch.
 */
export interface Envelope {
  readonly key: SessionKey;
  /** Birth; fixed. */
  readonly createdAtMs: number;
  /** Absolute end; fixed, at most 30 days after birth. */
  readonly deadlineMs: number;
  /** How long a session may go unused; joined by `idleTimeoutStamp`, then by value. */
  readonly idleTimeoutMs: number;
  readonly idleTimeoutStamp: number;
  /** Last request seen by any node; joined by maximum. */
  readonly touchedAtMs: number;
  /** Once set it wins over everything, and the document is dropped. */
  readonly ended: End | undefined;
}

/** Field by field the greater; an end wins over everything, of two the earlier (then the lesser reason) is the one told. */
export function joinEnvelopes(left: Envelope, right: Envelope): Envelope {
  const idle = compareIdle(left, right) >= 0 ? left : right;
  return {
    key: left.key,
    createdAtMs: Math.min(left.createdAtMs, right.createdAtMs),
    deadlineMs: Math.min(left.deadlineMs, right.deadlineMs),
    idleTimeoutMs: idle.idleTimeoutMs,
    idleTimeoutStamp: idle.idleTimeoutStamp,
    touchedAtMs: Math.max(left.touchedAtMs, right.touchedAtMs),
    ended: joinEnds(left.ended, right.ended),
  };
}

function compareIdle(left: Envelope, right: Envelope): number {
  return left.idleTimeoutStamp - right.idleTimeoutStamp || left.idleTimeoutMs - right.idleTimeoutMs;
}

function joinEnds(left: End | undefined, right: End | undefined): End | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.atMs !== right.atMs) return left.atMs < right.atMs ? left : right;
  return left.reason <= right.reason ? left : right;
}

export function sameEnvelope(left: Envelope, right: Envelope): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
