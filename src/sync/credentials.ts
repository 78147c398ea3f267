import { SessionError } from "../engine/index.ts";
import { DOMAIN_BYTES_MAX } from "./messages/hello.ts";

/** Bytes of the shortest secret: as many as HMAC-SHA-256 gives security for (RFC 2104 section 3, SEC-45). */
const SECRET_BYTES_MIN = 32;
const DEFAULT_DOMAIN = "default";

/** What both sides of a connection must have in common. */
export interface Credentials {
  /** UTF-8 bytes. Used as HMAC key only; never sent, never logged. */
  readonly secret: Uint8Array;
  readonly domain: string;
}

/** @throws SessionError OPTION_INVALID */
export function credentialsOf(options: { readonly secret: string; readonly domain?: string | undefined }): Credentials {
  const secret = Buffer.from(options.secret, "utf8");
  if (secret.length < SECRET_BYTES_MIN) {
    throw new SessionError(
      "OPTION_INVALID",
      `the sync secret must have at least ${SECRET_BYTES_MIN} bytes; make one with: openssl rand -base64 33`,
    );
  }
  const domain = options.domain ?? DEFAULT_DOMAIN;
  if (!/^[\x21-\x7e]+$/.test(domain) || domain.length > DOMAIN_BYTES_MAX) {
    throw new SessionError("OPTION_INVALID", `the sync domain must be 1 to ${DOMAIN_BYTES_MAX} printable ASCII characters without spaces`);
  }
  return { secret, domain };
}
