import { createHash, createSecretKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { SessionError } from "../../engine/index.ts";

/** What signs cookies instead of a secret, as `Signer` of @fastify/cookie does, or a key store of one's own. */
export interface Signer {
  sign(value: string): string;
  unsign(input: string): { readonly valid: boolean; readonly value: string | null };
}

export function isSigner(value: unknown): value is Signer {
  if (typeof value !== "object" || value === null) return false;
  const { sign, unsign } = value as Partial<Signer>;
  return typeof sign === "function" && typeof unsign === "function";
}

/** What may stand in a cookie's value (RFC 6265 section 4.1.1). */
const COOKIE_VALUE = /^[\w!#$%&'()*+./:<=>?@[\]^`{|}~-]+$/;

const PROBE = "converge-session";

/** Signs by a signer: text that starts with the scope it is for, which is left out where it can be read in what comes back. */
export class SignerKeys {
  /** What other MACs are made with: made of a signature, so that it is the same on all nodes, and unknown to whoever has no secret. */
  readonly keys: readonly [KeyObject];
  readonly #signer: Signer;

  /** @throws SessionError OPTION_INVALID for one that does not know its own signature, or gives another one each time. */
  constructor(signer: Signer) {
    this.#signer = signer;
    const signed = signer.sign(PROBE);
    if (typeof signed !== "string" || !COOKIE_VALUE.test(signed) || signed === PROBE || signer.sign(PROBE) !== signed)
      throw refused("sign() must always give the same text for the same text, of characters that a cookie may have");
    if (this.#unsigned(signed) !== PROBE) throw refused("unsign(sign(text)) must give { valid: true, value: text }");
    if (this.#unsigned(PROBE) !== undefined) throw refused("unsign() must give { valid: false } for text that nobody signed");
    this.keys = [createSecretKey(createHash("sha256").update(signed).digest())];
  }

  sign(scope: string, text: string): string {
    const signed = this.#signer.sign(`${scope}=${text}`);
    return signed.startsWith(`${scope}=`) ? signed.slice(scope.length + 1) : signed;
  }

  verify(scope: string, signed: string): string | undefined {
    for (const whole of [`${scope}=${signed}`, signed]) {
      const text = this.#unsigned(whole);
      if (text?.startsWith(`${scope}=`) === true) return text.slice(scope.length + 1);
    }
    return undefined;
  }

  #unsigned(signed: string): string | undefined {
    const { valid, value } = this.#signer.unsign(signed);
    return valid && typeof value === "string" ? value : undefined;
  }
}

function refused(what: string): SessionError {
  return new SessionError("OPTION_INVALID", `The option "secret": ${what}, as the Signer of @fastify/cookie does; or give secrets.`);
}
