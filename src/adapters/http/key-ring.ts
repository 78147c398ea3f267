import { createHmac, createSecretKey, KeyObject, timingSafeEqual } from "node:crypto";
import { sign, unsign } from "cookie-signature";
import { SessionError } from "../../engine/index.ts";
import type { Notices } from "./notices.ts";

/** A text, or bytes or a secret key from a key store. */
export type Secret = string | Uint8Array | KeyObject;

/** HMAC-SHA-256 has no more to give to a longer key, and guessing a shorter one offline is the cheapest attack on a cookie. */
const SECRET_BYTES_ADVISED = 32;

const HOW_TO_MAKE_ONE =
  "make one with: node -e \"console.log(require('node:crypto').randomBytes(32).toString('base64url'))\" and keep it outside the code";

/** The secrets of a deployment: the first signs, all verify, so that one can be rotated without logging anybody out. */
export class KeyRing {
  /** As keys, which Node need not convert for each MAC. */
  readonly #secrets: readonly [KeyObject, ...KeyObject[]];

  /** @throws SessionError OPTION_INVALID without a secret, or with an empty one. One below 32 bytes is a notice. */
  constructor(secret: Secret | readonly Secret[] | undefined, notices: Notices) {
    const secrets: readonly unknown[] = Array.isArray(secret) ? secret : secret === undefined ? [] : [secret];
    if (secrets.length === 0)
      throw new SessionError("OPTION_INVALID", `The option "secret" is missing or an empty list; ${HOW_TO_MAKE_ONE}.`);
    const keys = secrets.map((each) => {
      if (!isSecret(each))
        throw new SessionError("OPTION_INVALID", `The option "secret" is text, bytes or a secret key; ${HOW_TO_MAKE_ONE}.`);
      const bytes = byteLength(each);
      if (bytes === 0) throw new SessionError("OPTION_INVALID", `An entry of the option "secret" is empty; ${HOW_TO_MAKE_ONE}.`);
      if (bytes < SECRET_BYTES_ADVISED) {
        notices.notify("weak-secret", `A session secret is shorter than ${SECRET_BYTES_ADVISED} bytes; ${HOW_TO_MAKE_ONE}.`);
      }
      return keyOf(each);
    });
    this.#secrets = keys as [KeyObject, ...KeyObject[]];
  }

  /** `text` followed by a dot and its MAC. About 4 µs. */
  sign(text: string): string {
    return sign(text, this.#secrets[0]);
  }

  /** The text that some secret of the ring signed, or undefined. Compares in constant time. */
  verify(signed: string): string | undefined {
    for (const secret of this.#secrets) {
      const text = unsign(signed, secret);
      if (text !== false) return text;
    }
    return undefined;
  }

  /** HMAC-SHA-256 of `bytes`, by the first secret. */
  mac(bytes: Uint8Array): Uint8Array {
    return macOf(bytes, this.#secrets[0]);
  }

  /** Whether `mac`, not empty, is what some secret of the ring gives for `bytes`, or the beginning of that. Compares in constant time. */
  isMac(bytes: Uint8Array, mac: Uint8Array): boolean {
    return mac.length > 0 && this.#secrets.some((secret) => isEqual(macOf(bytes, secret).subarray(0, mac.length), mac));
  }
}

function macOf(bytes: Uint8Array, secret: KeyObject): Uint8Array {
  return createHmac("sha256", secret).update(bytes).digest();
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}

function isSecret(value: unknown): value is Secret {
  return typeof value === "string" || value instanceof Uint8Array || (value instanceof KeyObject && value.type === "secret");
}

function byteLength(secret: Secret): number {
  if (typeof secret === "string") return Buffer.byteLength(secret);
  return secret instanceof Uint8Array ? secret.byteLength : (secret.symmetricKeySize ?? 0);
}

function keyOf(secret: Secret): KeyObject {
  if (typeof secret === "string") return createSecretKey(secret, "utf8");
  return secret instanceof Uint8Array ? createSecretKey(secret) : secret;
}
