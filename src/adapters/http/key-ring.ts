import { createHmac, createSecretKey, hash, KeyObject, timingSafeEqual } from "node:crypto";
import { sign, unsign } from "cookie-signature";
import { SessionError } from "../../engine/index.ts";
import type { Notices } from "./notices.ts";
import { RecentSet } from "./recent-set.ts";
import { isSigner, SignerKeys } from "./signer.ts";
import type { Signer } from "./signer.ts";

/** A text, or bytes or a secret key from a key store. */
export type Secret = string | Uint8Array | KeyObject;

/** HMAC-SHA-256 has no more to give to a longer key, and guessing a shorter one offline is the cheapest attack on a cookie. */
const SECRET_BYTES_ADVISED = 32;

/** A hash costs a tenth of a MAC and its comparison: browsers bring the same cookie along with every request. At most 2 MB. */
const VERIFIED_COUNT = 8192;

const HOW_TO_MAKE_ONE =
  "make one with: node -e \"console.log(require('node:crypto').randomBytes(32).toString('base64url'))\" and keep it outside the code";

/**
 * The secrets of a deployment: the first signs, all verify, so that one can be rotated without logging anybody out. A list is looked at
 * again whenever it is used: an application may rotate its secrets in it while it runs.
 */
export class KeyRing {
  readonly #notices: Notices;
  readonly #signer: SignerKeys | undefined;
  readonly #source: readonly unknown[];
  /** What was in the list when the keys below were made of it. */
  #seen: readonly unknown[] = [];
  /** As keys, which Node need not convert for each MAC. `#verified`: SHA-256 of what they signed, for raw ids stay in their requests. */
  #secrets: readonly KeyObject[] = [];
  readonly #verified = new RecentSet(VERIFIED_COUNT);

  /** @throws SessionError OPTION_INVALID without a secret, or with an empty one. One below 32 bytes is a notice. */
  constructor(secret: Secret | readonly Secret[] | Signer | undefined, notices: Notices) {
    this.#notices = notices;
    this.#source = Array.isArray(secret) ? secret : secret === undefined ? [] : [secret];
    if (isSigner(secret)) this.#signer = new SignerKeys(secret);
    else this.#current();
  }

  /** `text` followed by a dot and its MAC; what a signer makes of it may look otherwise. About 4 µs. */
  sign(scope: string, text: string): string {
    if (this.#signer !== undefined) return this.#signer.sign(scope, text);
    return sign(`${scope}=${text}`, this.#first).slice(scope.length + 1);
  }

  /** The text that some secret of the ring signed for this scope, or undefined. Compares in constant time. */
  verify(scope: string, signed: string): string | undefined {
    if (this.#signer !== undefined) return this.#signer.verify(scope, signed);
    // A MAC for nothing is what a flood of made-up cookies costs.
    if (!signed.includes(".")) return undefined;
    const secrets = this.#current();
    const candidate = `${scope}=${signed}`;
    const digest = hash("sha256", candidate, "binary");
    if (this.#verified.has(digest)) return signed.slice(0, signed.lastIndexOf("."));
    for (const secret of secrets) {
      const text = unsign(candidate, secret);
      if (text === false) continue;
      this.#verified.add(digest);
      return text.slice(scope.length + 1);
    }
    return undefined;
  }

  /** HMAC-SHA-256 of `bytes`, by the first secret. */
  mac(bytes: Uint8Array): Uint8Array {
    return macOf(bytes, this.#first);
  }

  /** Whether `mac`, not empty, is what some secret of the ring gives for `bytes`, or the beginning of that. Compares in constant time. */
  isMac(bytes: Uint8Array, mac: Uint8Array): boolean {
    if (mac.length === 0) return false;
    const secrets = this.#current();
    const digest = hash("sha256", Buffer.concat([Buffer.of(mac.length), bytes, mac]), "binary");
    if (this.#verified.has(digest)) return true;
    if (!secrets.some((secret) => isEqual(macOf(bytes, secret).subarray(0, mac.length), mac))) return false;
    this.#verified.add(digest);
    return true;
  }

  get #first(): KeyObject {
    const [first] = this.#current();
    if (first === undefined) throw missing();
    return first;
  }

  #current(): readonly KeyObject[] {
    if (this.#signer !== undefined) return this.#signer.keys;
    const source = this.#source;
    if (source.length > 0 && source.length === this.#seen.length && source.every((secret, index) => secret === this.#seen[index])) {
      return this.#secrets;
    }
    if (source.length === 0) throw missing();
    this.#verified.clear();
    this.#secrets = source.map((secret) => this.#keyOf(secret));
    this.#seen = [...source];
    return this.#secrets;
  }

  #keyOf(secret: unknown): KeyObject {
    if (!isSecret(secret))
      throw new SessionError("OPTION_INVALID", `The option "secret" is text, bytes or a secret key; ${HOW_TO_MAKE_ONE}.`);
    const bytes = byteLength(secret);
    if (bytes === 0) throw new SessionError("OPTION_INVALID", `An entry of the option "secret" is empty; ${HOW_TO_MAKE_ONE}.`);
    if (bytes < SECRET_BYTES_ADVISED) {
      this.#notices.notify("weak-secret", `A session secret is shorter than ${SECRET_BYTES_ADVISED} bytes; ${HOW_TO_MAKE_ONE}.`);
    }
    if (typeof secret === "string") return createSecretKey(secret, "utf8");
    return secret instanceof Uint8Array ? createSecretKey(secret) : secret;
  }
}

function missing(): SessionError {
  return new SessionError("OPTION_INVALID", `The option "secret" is missing or an empty list; ${HOW_TO_MAKE_ONE}.`);
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
