import { SessionError } from "../../engine/index.ts";

// What a request's session cannot do, in the words of whoever has to do something about it.

export function rotatedElsewhere(): SessionError {
  return new SessionError(
    "SESSION_ROTATED",
    "This request's session id was replaced a moment ago, by a login for example. Send the request again.",
  );
}

export function notCurrent(accessor: string): SessionError {
  return new SessionError("SESSION_ENDED", `This session is over. Use ${accessor} as it is now.`);
}

/** No conflict with anybody, so no 409: the handler reloads what never was, and trying again changes nothing. */
export function notBegun(accessor: string): SessionError {
  const error = new SessionError("SESSION_ENDED", `Not reloaded: nothing of this session was saved yet. Write to ${accessor}, and save().`);
  return Object.assign(error, { status: 500, statusCode: 500 });
}

export function tooLateToRotate(): SessionError {
  return new SessionError(
    "SESSION_ENDED",
    "Not regenerated: the headers are gone, so no cookie can follow. Call it before the response begins.",
  );
}

export function noCookieToRotate(): SessionError {
  return new SessionError(
    "SESSION_ENDED",
    "Not regenerated: no cookie may be set on this plain-http connection. Set what the notice says.",
  );
}

export function unavailable(cause: unknown): SessionError {
  const message = "The session could not be loaded: neither store nor holders answered. Try again shortly.";
  return new SessionError("SESSION_UNAVAILABLE", message, { cause });
}

export function behindToRotate(): SessionError {
  const message = "Not regenerated: what was written on another node a moment ago is not here yet, and would be lost. Try again shortly.";
  return new SessionError("SESSION_UNAVAILABLE", message);
}

export function notStored(waitMs: number): SessionError {
  return new SessionError(
    "STORE_UNAVAILABLE",
    `The session was not stored within ${waitMs} ms; whether it is, is unknown. Trying again is safe.`,
  );
}
