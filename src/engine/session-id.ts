import { SessionError } from "./errors.ts";
import { BASE64URL, KEY_BYTES, keyFromBytes } from "./key-bytes.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";

const RANDOM_BYTES = 32;
const BIRTH_BYTES = 6;
const LIFE_BYTES = 2;
const MINUTE_MS = 60_000;
/** 54 characters of base64url; the last one carries two bits of the life and four that are zero. */
const ISSUED = /^[\w-]{53}[AQgw]$/;
/** Bits 252 … 323 of an id: the end of the random part (4 bits), the birth time (48), the life (16), padding (4). */
const BIRTH_START = 42;

/** What an issued id tells of its session: when it was born, and from when on it is over for certain. */
export interface IdAge {
  readonly bornAtMs: number;
  readonly overAtMs: number;
}

/**
 * A new id: base64url without padding (RFC 4648 section 5) of `[32 random bytes][u48 birth, milliseconds][u16 life, minutes, rounded up]`,
 * numbers big-endian, 54 characters. A bearer secret: it belongs in the cookie and the request only.
 */
export function issueSessionId(nowMs: number, lifeMs: number, runtime: Runtime): string {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs >= 2 ** 48) {
    throw new SessionError("INVARIANT_BROKEN", "a birth time is whole milliseconds since the epoch; check the clock");
  }
  const lifeMinutes = Math.ceil(lifeMs / MINUTE_MS);
  if (!(lifeMinutes > 0 && lifeMinutes < 2 ** 16)) throw new SessionError("INVARIANT_BROKEN", "a session lives for a minute to 45 days");
  const random = runtime.randomBytes(RANDOM_BYTES);
  if (random.length !== RANDOM_BYTES) {
    throw new SessionError("INVARIANT_BROKEN", "Runtime.randomBytes gave too few or too many bytes");
  }
  const bytes = new Uint8Array(RANDOM_BYTES + BIRTH_BYTES + LIFE_BYTES);
  bytes.set(random);
  writeNumber(bytes, RANDOM_BYTES, BIRTH_BYTES, nowMs);
  writeNumber(bytes, RANDOM_BYTES + BIRTH_BYTES, LIFE_BYTES, lifeMinutes);
  return keyFromBytes(bytes);
}

/**
 * The age of an id that `issueSessionId` made; undefined for an id of another shape (a custom `genid`, an old store). It is as trustworthy
 * as the cookie's signature.
 */
export function ageOf(id: string): IdAge | undefined {
  if (!ISSUED.test(id)) return undefined;
  // More than 53 bits do not fit a safe integer: the four that belong to the random part go first, and the life is read by itself.
  let birth = BASE64URL.indexOf(id.charAt(BIRTH_START)) & 0b11;
  for (const digit of id.slice(BIRTH_START + 1, BIRTH_START + 8)) birth = birth * 64 + BASE64URL.indexOf(digit);
  let rest = 0;
  for (const digit of id.slice(BIRTH_START + 8)) rest = rest * 64 + BASE64URL.indexOf(digit);
  const bornAtMs = birth * 16 + Math.floor(rest / 2 ** 20);
  const lifeMinutes = Math.floor(rest / 2 ** 4) % 2 ** 16;
  return { bornAtMs, overAtMs: bornAtMs + lifeMinutes * MINUTE_MS };
}

/** What everybody but the browser calls the session: base64url of the first 16 bytes of SHA-256("sid\0" + id), 22 characters. */
export function sessionKey(id: string, runtime: Runtime): SessionKey {
  return keyFromBytes(runtime.sha256(`sid\0${id}`).subarray(0, KEY_BYTES));
}

function writeNumber(bytes: Uint8Array, start: number, length: number, value: number): void {
  for (let at = start + length - 1, rest = value; at >= start; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
}
