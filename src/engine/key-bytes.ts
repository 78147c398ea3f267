import type { SessionKey } from "./record.ts";
import { SessionError } from "./errors.ts";

/** A session key on the wire and on disk: the 16 bytes that its 22 characters stand for. */
export const KEY_BYTES = 16;

/** The digits of base64url (RFC 4648 section 5), by their value. */
export const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const KEY_CHARACTERS = 22;
const NOT_A_DIGIT = 0xff;
/** Only where keys are taken apart: a bundle without `keyToBytes` can leave it out. */
const VALUES = /* @__PURE__ */ sextetTable();

/**
 * The 16 bytes of a key (base64url without padding, RFC 4648 section 5).
 * @throws SessionError INVARIANT_BROKEN for a string that is no key; keys come from this process, never from a peer, as text.
 */
export function keyToBytes(key: SessionKey): Uint8Array {
  const bytes = new Uint8Array(KEY_BYTES);
  let pending = 0;
  let pendingBits = 0;
  let position = 0;
  for (let index = 0; index < key.length && key.length === KEY_CHARACTERS; index += 1) {
    const sextet = VALUES[key.charCodeAt(index)] ?? NOT_A_DIGIT;
    if (sextet === NOT_A_DIGIT) throw notAKey();
    pending = (pending << 6) | sextet;
    pendingBits += 6;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[position] = (pending >> pendingBits) & 0xff;
      position += 1;
      pending &= (1 << pendingBits) - 1;
    }
  }
  // 22 characters carry 132 bits: the last four must be zero, or two texts would name one key.
  if (position !== KEY_BYTES || pending !== 0) throw notAKey();
  return bytes;
}

/** The key that 16 bytes stand for. `bytes` must have exactly that many. */
export function keyFromBytes(bytes: Uint8Array): SessionKey {
  let key = "";
  let pending = 0;
  let pendingBits = 0;
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= 6) {
      pendingBits -= 6;
      key += BASE64URL.charAt((pending >> pendingBits) & 0x3f);
    }
    pending &= (1 << pendingBits) - 1;
  }
  return key + BASE64URL.charAt((pending << (6 - pendingBits)) & 0x3f);
}

function sextetTable(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_A_DIGIT);
  for (let value = 0; value < BASE64URL.length; value += 1) table[BASE64URL.charCodeAt(value)] = value;
  return table;
}

function notAKey(): SessionError {
  return new SessionError(
    "INVARIANT_BROKEN",
    "a session key is 22 characters of base64url; take it from keyOf(id), never from an id itself",
  );
}
