import { SessionError } from "./errors.ts";
import { KEY_BYTES, keyFromBytes } from "./key-bytes.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import { encodeUtf8 } from "./text-codec.ts";

const RANDOM_BYTES = 32;
const BIRTH_BYTES = 6;
/** 51 characters of base64url; the last one carries four bits of the birth time and two that are zero. */
const ISSUED = /^[A-Za-z0-9_-]{50}[AEIMQUYcgkosw048]$/;
/** Bits 252 … 305 of an id: the end of the random part (4 bits), the birth time (48), padding (2). */
const BIRTH_START = 42;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * A new id: base64url without padding (RFC 4648 section 5) of `[32 random bytes][u48 birth, big-endian milliseconds]`, 51
 * characters. A bearer secret: it belongs in the cookie and the request only.
 */
export function issueSessionId(nowMs: number, runtime: Runtime): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48) {
    throw new SessionError("INVARIANT_BROKEN", "a birth time is whole milliseconds since the epoch; check the clock of this machine");
  }
  const random = runtime.randomBytes(RANDOM_BYTES);
  if (random.length !== RANDOM_BYTES)
    throw new SessionError("INVARIANT_BROKEN", "Runtime.randomBytes gave another number of bytes than asked");
  const bytes = new Uint8Array(RANDOM_BYTES + BIRTH_BYTES);
  bytes.set(random);
  const view = new DataView(bytes.buffer);
  view.setUint16(RANDOM_BYTES, Math.floor(nowMs / 2 ** 32));
  view.setUint32(RANDOM_BYTES + 2, nowMs % 2 ** 32);
  return keyFromBytes(bytes);
}

/**
 * Birth time of an id that `issueSessionId` made, in milliseconds since the epoch; undefined for an id of another shape (a
 * custom `genid`, an old store). It is as trustworthy as the cookie's signature.
 */
export function bornAtMs(id: string): number | undefined {
  if (!ISSUED.test(id)) return undefined;
  // 54 bits do not fit a safe integer: the four that belong to the random part go first.
  let bits = ALPHABET.indexOf(id.charAt(BIRTH_START)) & 0b11;
  for (let index = BIRTH_START + 1; index < id.length - 1; index += 1) bits = bits * 64 + ALPHABET.indexOf(id.charAt(index));
  return bits * 16 + (ALPHABET.indexOf(id.charAt(id.length - 1)) >> 2);
}

/** What everybody but the browser calls the session: base64url of the first 16 bytes of SHA-256("sid\0" + id), 22 characters. */
export function sessionKey(id: string, runtime: Runtime): SessionKey {
  return keyFromBytes(runtime.sha256(encodeUtf8(`sid\0${id}`)).subarray(0, KEY_BYTES));
}
