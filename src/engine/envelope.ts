import type { SessionKey, SubjectKey } from "./record.ts";

/** Why a session is over. `expired`: a request was told so. `rotated`: the id was replaced by `regenerate`. `revoked`: see `revokeAll`. */
export type EndReason = "destroyed" | "rotated" | "expired" | "revoked";

export interface End {
  readonly reason: EndReason;
  readonly atMs: number;
}

/** The session that goes on in place of this one, which is over (`rotated`) from `atMs` on. */
export interface Successor {
  readonly key: SessionKey;
  readonly atMs: number;
}

/**
 * When a session lives. Kept outside Yjs and joined by maximum, field by field (DESIGN 3.1).
 * All times are milliseconds since the epoch. Of a session that ended only `key`, `deadlineMs` and `ended` are kept (`endEnvelope`).
 */
export interface Envelope {
  readonly key: SessionKey;
  /** Birth; fixed. */
  readonly createdAtMs: number;
  /**
   * Key and birth of the first of the sessions that this one goes on from (`draft({ from })`), its own where it goes on from none; fixed.
   * Bounds every deadline of them, names what was claimed in them, and is where their stamps count from.
   */
  readonly firstKey: SessionKey;
  readonly firstCreatedAtMs: number;
  /** Absolute end; fixed, at most 30 days after `firstCreatedAtMs`. */
  readonly deadlineMs: number;
  /** How long a session may go unused; joined by `idleTimeoutStamp`, then by value. */
  readonly idleTimeoutMs: number;
  readonly idleTimeoutStamp: number;
  /** Last request seen by any node; joined by maximum. */
  readonly touchedAtMs: number;
  /** Whom the session belongs to, as a keyed hash; joined by `subjectAtMs`, then by value. */
  readonly subject: SubjectKey | undefined;
  /** When that was said; 0 for never. A revocation of the subject at or after this instant ends the session. */
  readonly subjectAtMs: number;
  /** Set during the grace of a rotation; of two the earlier counts. */
  readonly successor: Successor | undefined;
  /** Once set it wins over everything, and the document is dropped. */
  readonly ended: End | undefined;
}

/** Field by field the greater; an end wins over everything, of two the earlier (then the lesser reason) is the one told. */
export function joinEnvelopes(left: Envelope, right: Envelope): Envelope {
  const ended = earlier(left.ended, right.ended, (end) => end.reason);
  // An end is remembered for as long as anybody says that the session could live.
  if (ended !== undefined) return endEnvelope({ key: left.key, deadlineMs: Math.max(left.deadlineMs, right.deadlineMs) }, ended);
  const idle = compareIdle(left, right) >= 0 ? left : right;
  const owned = compareSubjects(left, right) >= 0 ? left : right;
  return {
    key: left.key,
    createdAtMs: Math.min(left.createdAtMs, right.createdAtMs),
    firstKey: left.firstKey <= right.firstKey ? left.firstKey : right.firstKey,
    firstCreatedAtMs: Math.min(left.firstCreatedAtMs, right.firstCreatedAtMs),
    deadlineMs: Math.min(left.deadlineMs, right.deadlineMs),
    idleTimeoutMs: idle.idleTimeoutMs,
    idleTimeoutStamp: idle.idleTimeoutStamp,
    touchedAtMs: Math.max(left.touchedAtMs, right.touchedAtMs),
    subject: owned.subject,
    subjectAtMs: owned.subjectAtMs,
    successor: earlier(left.successor, right.successor, (successor) => successor.key),
    ended: undefined,
  };
}

/** What is left of a session that ended: enough to tell everybody until nobody can have it any more. */
export function endEnvelope({ key, deadlineMs }: Pick<Envelope, "key" | "deadlineMs">, ended: End): Envelope {
  return {
    key,
    createdAtMs: 0,
    firstKey: key,
    firstCreatedAtMs: 0,
    deadlineMs,
    idleTimeoutMs: 0,
    idleTimeoutStamp: 0,
    touchedAtMs: 0,
    subject: undefined,
    subjectAtMs: 0,
    successor: undefined,
    ended,
  };
}

export function sameEnvelope(left: Envelope, right: Envelope): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

/** Whether two living copies of a session agree in what never changes. */
export function sameBirth(left: Envelope, right: Envelope): boolean {
  return (
    left.createdAtMs === right.createdAtMs &&
    left.deadlineMs === right.deadlineMs &&
    left.firstKey === right.firstKey &&
    left.firstCreatedAtMs === right.firstCreatedAtMs
  );
}

function compareIdle(left: Envelope, right: Envelope): number {
  return left.idleTimeoutStamp - right.idleTimeoutStamp || left.idleTimeoutMs - right.idleTimeoutMs;
}

function compareSubjects(left: Envelope, right: Envelope): number {
  const [ours, theirs] = [left.subject ?? "", right.subject ?? ""];
  return left.subjectAtMs - right.subjectAtMs || (ours < theirs ? -1 : Number(ours > theirs));
}

function earlier<T extends { readonly atMs: number }>(left: T | undefined, right: T | undefined, name: (of: T) => string): T | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.atMs !== right.atMs) return left.atMs < right.atMs ? left : right;
  return name(left) <= name(right) ? left : right;
}
