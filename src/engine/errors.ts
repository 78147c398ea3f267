/** Every code a caller can meet; docs/errors.md has a section for each. Closed: a test holds both lists together. */
export const SESSION_ERROR_CODES = [
  "ATTRIBUTE_NAME_REFUSED",
  "VALUE_REFUSED",
  "LIMIT_EXCEEDED",
  "TOO_MANY_SESSIONS",
  "SESSION_UNAVAILABLE",
  "ACKS_MISSING",
  "SESSION_ROTATED",
  "SESSION_ENDED",
  "STORE_UNAVAILABLE",
  "STORE_FULL",
  "STORE_CORRUPT",
  "CLAIM_UNAVAILABLE",
  "STORE_CLOSED",
  "ENGINE_CLOSED",
  "RECORD_CORRUPT",
  "OPTION_INVALID",
  "INVARIANT_BROKEN",
] as const;

export type SessionErrorCode = (typeof SESSION_ERROR_CODES)[number];

/**
 * The one error class of this package. `message` says what to do next and never holds an id, a key or a value.
 * Inside a message, attribute names and paths may stand: they come from the application's code.
 */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: SessionErrorCode;
  /** The HTTP status by which frameworks answer when this error reaches their error path. A plain property: Koa writes to it. */
  readonly status: number;
  /** The same under the name that Fastify reads. */
  readonly statusCode: number;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = statusOf(code);
    this.statusCode = this.status;
  }
}

/** For encoded data that nobody can have written. `what` names the rule that was broken, never the bytes. */
export function corrupt(what: string, cause?: unknown): SessionError {
  return new SessionError("RECORD_CORRUPT", `encoded session data is broken (${what}); drop this copy and fetch another`, { cause });
}

const UNAVAILABLE: ReadonlySet<SessionErrorCode> = new Set([
  "SESSION_UNAVAILABLE",
  "ACKS_MISSING",
  "STORE_UNAVAILABLE",
  "STORE_FULL",
  "CLAIM_UNAVAILABLE",
  "TOO_MANY_SESSIONS",
]);

function statusOf(code: SessionErrorCode): number {
  if (code === "SESSION_ROTATED" || code === "SESSION_ENDED") return 409;
  return UNAVAILABLE.has(code) ? 503 : 500;
}
