import { SessionError } from "../../engine/index.ts";
import type { OpenSession } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { IncomingRequest } from "./begin-request.ts";
import { MAX_AGE_MS_MAX } from "./cookie-options.ts";
import { HeldSession } from "./held-session.ts";
import type { RequestSession } from "./request-session.ts";
import { SUBJECT_ATTRIBUTE, subjectOf } from "./session.ts";
import type { RegenerateOptions } from "./session.ts";

/** A change of id: what is taken over, and for how long the old id leads to the new session. */
export interface Rotation {
  readonly keep: boolean | readonly string[];
  readonly graceMs: number;
  /** "Remember me": how long the new one may live, instead of as long as the old one. */
  readonly lifeMs?: number;
}

const GRACE_MS_MAX = 600_000;

/** 22 characters of base64url are 132 bits (SEC: at least 128); more than 256 characters are no id any more. */
const CHOSEN_ID = /^[\w-]{22,256}$/;
const CHOSEN_IDS = '22 to 256 letters, digits, "-" or "_", drawn at random, as crypto.randomUUID() draws them';

/** @throws SessionError OPTION_INVALID */
export function rotationOf({ keep = false, graceMs = 0 }: RegenerateOptions): Rotation {
  if (!(graceMs >= 0 && graceMs <= GRACE_MS_MAX) || (graceMs > 0 && keep !== true)) {
    throw new SessionError(
      "OPTION_INVALID",
      `regenerate({ keep: true, graceMs }): 0 to ${GRACE_MS_MAX} milliseconds, and only where everything is kept.`,
    );
  }
  return { keep, graceMs };
}

/** Whether anything of the old session goes on in the new one. */
export function takesOver({ keep }: Rotation): boolean {
  return keep === true || (keep !== false && keep.length > 0);
}

/** DESIGN 7: so long do requests with the old id go on after "remember me". */
const PROLONG_GRACE_MS = 60_000;

/** "Remember me": only another envelope can have a later end. Parallel requests with the old id go on in it. */
export function prolonging(lifeMs: number): Rotation {
  return { keep: true, graceMs: PROLONG_GRACE_MS, lifeMs };
}

/**
 * A session that does not exist yet. What goes on with everything (`keep: true`) has the same owner and cookie, and the same end unless
 * it is to live longer: only a Max-Age moves that.
 */
export function newDraft(settings: AdapterSettings, request: RequestSession, old?: HeldSession, rotation?: Rotation): HeldSession {
  if (old === undefined || rotation === undefined || rotation.keep === false) return freshDraft(settings, request);
  if (rotation.keep !== true || old.open.isNew) {
    const fresh = freshDraft(settings, request);
    const names = rotation.keep === true ? old.open.names() : rotation.keep;
    copy(old.open, fresh.open, names);
    return fresh;
  }
  const { deadlineMs } = old.open.envelope;
  const open = settings.engine.draft({ from: old.open, absoluteTimeoutMs: rotation.lifeMs ?? Math.max(deadlineMs - old.nowMs, 1) });
  const fresh = new HeldSession(settings, request, open, undefined, old.isPersistent);
  open.setIdleTimeout(old.idleTimeoutMs);
  if (old.subject !== undefined) fresh.setSubject(old.subject.value);
  return fresh;
}

function freshDraft(settings: AdapterSettings, request: RequestSession): HeldSession {
  let open = settings.engine.draft();
  if (request.cookieSettings.isPersistent) {
    const { createdAtMs, deadlineMs, idleTimeoutMs } = open.envelope;
    const maxAgeMs = Math.min(request.cookieSettings.maxAgeMs(createdAtMs) ?? idleTimeoutMs, MAX_AGE_MS_MAX);
    if (maxAgeMs > deadlineMs - createdAtMs) open = settings.engine.draft({ absoluteTimeoutMs: maxAgeMs });
    if (maxAgeMs !== idleTimeoutMs) open.setIdleTimeout(maxAgeMs);
  }
  return new HeldSession(settings, request, open, undefined);
}

function copy(from: OpenSession, to: OpenSession, names: readonly string[]): void {
  for (const name of names) if (from.has(name)) to.set(name, from.get(name));
  if (names.includes(SUBJECT_ATTRIBUTE)) to.setSubject(subjectOf(from.get(SUBJECT_ATTRIBUTE)));
}

/** Whether another session goes on in place of this one. */
export function isRotated({ envelope }: OpenSession): boolean {
  return envelope.ended?.reason === "rotated" || envelope.successor !== undefined;
}

/** By the option `genid`, else the engine's. */
export function newIdOf({ engine, genid, notices }: AdapterSettings, { source }: IncomingRequest, lifeMs: number): string {
  if (genid === undefined) return engine.issueId({ absoluteTimeoutMs: lifeMs });
  const id: unknown = genid(source as never);
  if (typeof id !== "string") throw new SessionError("OPTION_INVALID", `genid must return a text: ${CHOSEN_IDS}.`);
  if (CHOSEN_ID.test(id)) return id;
  notices.notify("id-not-used", `What genid returned was not used as an id, but one of ours. It may return ${CHOSEN_IDS}.`);
  return engine.issueId({ absoluteTimeoutMs: lifeMs });
}
