import type { KeyRing } from "./key-ring.ts";

/** A session id that one of our secrets signed. `sentAtMs`: only where the browser was told a Max-Age. */
export interface PresentedToken {
  readonly id: string;
  readonly sentAtMs: number | undefined;
}

/** RFC 6265bis section 5.6: user agents may drop a cookie whose name and value together are longer. Nothing else needs more. */
export const TOKEN_BYTES_MAX = 4096;

/**
 * A session id as it travels: `<id>[~<sent, milliseconds, base 36>].<base64 of HMAC-SHA-256(scope "=" text before the dot)>`. The MAC
 * covers the scope, so that a value which came by one way (a cookie of this name, a header, a URL) never passes on another.
 */
export function signToken(keys: KeyRing, scope: string, id: string, sentAtMs: number | undefined): string {
  const text = sentAtMs === undefined ? id : `${id}~${Math.floor(sentAtMs).toString(36)}`;
  return keys.sign(scope, text);
}

/** Undefined for whatever was not signed here, for this scope. */
export function verifyToken(keys: KeyRing, scope: string, value: string): PresentedToken | undefined {
  if (value.length > TOKEN_BYTES_MAX) return undefined;
  const text = keys.verify(scope, value);
  if (text === undefined || text === "") return undefined;
  const tilde = text.lastIndexOf("~");
  if (tilde === -1) return { id: text, sentAtMs: undefined };
  return { id: text.slice(0, tilde), sentAtMs: Number.parseInt(text.slice(tilde + 1), 36) };
}
