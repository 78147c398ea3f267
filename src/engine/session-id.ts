import { encodeUtf8 } from "lib0/string";
import { SessionError } from "./errors.ts";
import { BASE64URL, KEY_BYTES, keyFromBytes } from "./key-bytes.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";

const RANDOM_BYTES = 32;
const BIRTH_BYTES = 6;
/** 51 characters of base64url; the last one carries four bits of the birth time and two that are zero. */
const ISSUED = /^[\w-]{50}[AEIMQUYcgkosw048]$/;
/** Bits 252 … 305 of an id: the end of the random part (4 bits), the birth time (48), padding (2). */
const BIRTH_START = 42;

/**
 * A new id: base64url without padding (RFC 4648 section 5) of `[32 random bytes][u48 birth, big-endian milliseconds]`, 51
 * characters. A bearer secret: it belongs in the cookie and the request only.
 */
export function issueSessionId(nowMs: number, runtime: Runtime): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48) {
    throw new SessionError("INVARIANT_BROKEN", "a birth time is whole milliseconds since the epoch; check the clock");
  }
  const random = runtime.randomBytes(RANDOM_BYTES);
  if (random.length !== RANDOM_BYTES) {
    throw new SessionError("INVARIANT_BROKEN", "Runtime.randomBytes gave too few or too many bytes");
  }
  const bytes = new Uint8Array(RANDOM_BYTES + BIRTH_BYTES);
  bytes.set(random);
  for (let at = bytes.length - 1, rest = nowMs; at >= RANDOM_BYTES; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return keyFromBytes(bytes);
}

/**
 * Birth time of an id that `issueSessionId` made, in milliseconds since the epoch; undefined for an id of another shape (a
 * custom `genid`, an old store). It is as trustworthy as the cookie's signature.
 */
export function bornAtMs(id: string): number | undefined {
  if (!ISSUED.test(id)) return undefined;
  // 54 bits do not fit a safe integer: the four that belong to the random part go first.
  let bits = BASE64URL.indexOf(id.charAt(BIRTH_START)) & 0b11;
  for (const digit of id.slice(BIRTH_START + 1, -1)) bits = bits * 64 + BASE64URL.indexOf(digit);
  return bits * 16 + (BASE64URL.indexOf(id.slice(-1)) >> 2);
}

/** What everybody but the browser calls the session: base64url of the first 16 bytes of SHA-256("sid\0" + id), 22 characters. */
export function sessionKey(id: string, runtime: Runtime): SessionKey {
  return keyFromBytes(runtime.sha256(encodeUtf8(`sid\0${id}`)).subarray(0, KEY_BYTES));
}
