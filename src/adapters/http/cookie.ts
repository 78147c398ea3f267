import { stringifySetCookie } from "cookie";
import { SessionError } from "../../engine/index.ts";
import { cookieValues } from "./cookie-header.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Notices } from "./notices.ts";

export interface CookieOptions {
  /**
   * `auto` (default): Secure, except on plain http over loopback outside production. `true`: Secure, whatever the connection.
   * `false`: sent over plain http too, where anybody on the way can read it.
   */
  readonly secure?: boolean | "auto";
  /** Default `lax`. `none` needs Secure. */
  readonly sameSite?: "strict" | "lax" | "none";
  /** Default none: the host that set it, and no sub-domain. */
  readonly domain?: string;
  /** Default `/`. */
  readonly path?: string;
  /** Default true. */
  readonly httpOnly?: boolean;
  /** Milliseconds. How long a session may go unused, and how long the browser keeps the cookie. Default: until it closes. */
  readonly maxAge?: number;
}

/**
 * How the cookie travels on one connection.
 * - secure: over TLS, with Secure and the prefixed name.
 * - open: without Secure, under a name without prefix.
 * - closed: over plain http that is not ours to trust: read, never set.
 */
export type Channel = "secure" | "open" | "closed";

/** What a request says of itself. `isLoopback`: the peer and the Host header are both this machine, and no proxy says otherwise. */
export interface Connection {
  readonly isSecure: boolean;
  readonly isLoopback: boolean;
}

/** A cookie that one of our secrets signed. `sentAtMs`: only in a cookie with Max-Age. */
export interface PresentedCookie {
  readonly id: string;
  readonly sentAtMs: number | undefined;
}

export type CookieReading = { readonly kind: "none" | "ambiguous" } | { readonly kind: "presented"; readonly cookie: PresentedCookie };

/** A tossed cookie costs one MAC each; an honest browser sends one, or two while a Path or Domain is changed. */
const CANDIDATE_COUNT_MAX = 4;
/** RFC 6265bis section 5.6: user agents may drop a cookie whose name and value together are longer. */
const NAME_AND_VALUE_BYTES_MAX = 4096;
const DEFAULT_NAME = "__Host-sid";
const PREFIX = /^__(host|secure)-/i;

/**
 * The session cookie of one middleware: its name and attributes, signed and read back.
 * Value: `<id>[~<sent, milliseconds, base 36>].<base64 of HMAC-SHA-256(name "=" text before the dot)>`; the MAC covers the name, so a
 * cookie of another name (or of the connection without TLS) never passes for this one.
 */
export class SessionCookie {
  readonly maxAgeMs: number | undefined;
  readonly path: string;
  readonly #keys: KeyRing;
  readonly #notices: Notices;
  readonly #names: Readonly<Record<Channel, string>>;
  readonly #secure: boolean | "auto";
  readonly #isProduction: boolean;
  readonly #attributes: { readonly domain?: string; readonly httpOnly: boolean; readonly sameSite: "strict" | "lax" | "none" };

  /** @throws SessionError OPTION_INVALID for a combination that browsers refuse, and for text that no cookie may hold. */
  constructor(name: string | undefined, options: CookieOptions, keys: KeyRing, notices: Notices, isProduction: boolean) {
    const { secure = "auto", sameSite = "lax", domain, path = "/", httpOnly = true, maxAge } = options;
    const chosen = name ?? (secure === false ? DEFAULT_NAME.replace(PREFIX, "") : DEFAULT_NAME);
    const bare = chosen.replace(PREFIX, "");
    this.maxAgeMs = maxAge;
    this.path = path;
    this.#keys = keys;
    this.#notices = notices;
    this.#secure = secure;
    this.#isProduction = isProduction;
    this.#attributes = { httpOnly, sameSite, ...(domain === undefined ? {} : { domain }) };
    this.#names = { secure: chosen, closed: chosen, open: secure === false ? chosen : bare };
    validate(chosen, bare, {
      secure,
      sameSite,
      path,
      ...(domain === undefined ? {} : { domain }),
      ...(maxAge === undefined ? {} : { maxAge }),
    });
    if (secure !== false && bare === chosen) {
      const advice = `The session cookie "${chosen}" has no __Host- or __Secure- prefix, so a sub-domain can overwrite it; call it "__Host-${chosen}".`;
      notices.notify("unprefixed-name", advice);
    }
  }

  channel(connection: Connection): Channel {
    if (this.#secure === false) return "open";
    if (connection.isSecure) return "secure";
    return this.#secure === "auto" && connection.isLoopback && !this.#isProduction ? "open" : "closed";
  }

  /** Of several cookies of our name the one that was signed here; of two that were, for different sessions, none (CVE-2023-29019). */
  read(header: string | undefined, channel: Channel): CookieReading {
    if (header === undefined) return { kind: "none" };
    const name = this.#names[channel];
    let found: PresentedCookie | undefined;
    for (const value of cookieValues(header, name, CANDIDATE_COUNT_MAX)) {
      const cookie = this.#verified(name, value);
      if (cookie === undefined) continue;
      if (found !== undefined && found.id !== cookie.id) return { kind: "ambiguous" };
      found ??= cookie;
    }
    return found === undefined ? { kind: "none" } : { kind: "presented", cookie: found };
  }

  /** A `Set-Cookie` value; undefined where the connection or the size forbids one, which a notice then explains. */
  write(channel: Channel, id: string, maxAgeMs: number | undefined, nowMs: number): string | undefined {
    if (!this.maySend(channel)) return undefined;
    const name = this.#names[channel];
    const text = maxAgeMs === undefined ? id : `${id}~${Math.floor(nowMs).toString(36)}`;
    const signed = this.#keys.sign(`${name}=${text}`);
    if (Buffer.byteLength(signed) - 1 > NAME_AND_VALUE_BYTES_MAX) {
      this.#notices.notify(
        "cookie-too-large",
        `The session cookie is larger than ${NAME_AND_VALUE_BYTES_MAX} bytes and was not sent; shorten its name.`,
      );
      return undefined;
    }
    const header = { name, value: signed.slice(name.length + 1), ...this.#attributesOn(channel) };
    return stringifySetCookie(maxAgeMs === undefined ? header : { ...header, maxAge: Math.floor(maxAgeMs / 1000) }, AS_IT_IS);
  }

  /** The `Set-Cookie` value that makes the browser forget it. */
  clear(channel: Channel): string | undefined {
    if (channel === "closed") return undefined;
    const gone = { name: this.#names[channel], value: "", expires: new Date(0), maxAge: 0 };
    return stringifySetCookie({ ...gone, ...this.#attributesOn(channel) }, AS_IT_IS);
  }

  /** Whether a session that begins on this connection could be found again. If not, a notice says what to set. */
  maySend(channel: Channel): boolean {
    if (channel === "closed") {
      this.#notices.notify(
        "cookie-withheld",
        "A session cookie was not sent because the connection is plain http. Behind a TLS proxy, make the framework trust it " +
          '(Express: app.set("trust proxy", 1); Fastify: trustProxy; Koa: app.proxy); without TLS, set cookie.secure to false.',
      );
      return false;
    }
    if (channel === "open" && this.#secure === "auto") {
      this.#notices.notify(
        "loopback-cookie",
        `Plain http on loopback: the session cookie is called "${this.#names.open}" and has no Secure. In production it is "${this.#names.secure}", with Secure.`,
      );
    }
    return true;
  }

  #verified(name: string, value: string): PresentedCookie | undefined {
    if (value.length > NAME_AND_VALUE_BYTES_MAX || !value.includes(".")) return undefined;
    const text = this.#keys.verify(`${name}=${value}`)?.slice(name.length + 1);
    if (text === undefined || text === "") return undefined;
    const tilde = text.lastIndexOf("~");
    if (tilde === -1) return { id: text, sentAtMs: undefined };
    return { id: text.slice(0, tilde), sentAtMs: Number.parseInt(text.slice(tilde + 1), 36) };
  }

  #attributesOn(channel: Channel) {
    const { domain, httpOnly, sameSite } = this.#attributes;
    const secure = channel === "secure";
    // Browsers refuse SameSite=None without Secure; on loopback Lax is what a developer can still work with.
    return {
      secure,
      httpOnly,
      sameSite: sameSite === "none" && !secure ? ("lax" as const) : sameSite,
      path: this.path,
      ...(domain === undefined ? {} : { domain }),
    };
  }
}

/** Ids and MACs consist of characters that a cookie value may hold; escaping would only make two spellings of one value. */
const AS_IT_IS = { encode: (value: string) => value };

function validate(name: string, bare: string, options: CookieOptions): void {
  const { secure, sameSite, domain, path, maxAge } = options;
  const prefix = PREFIX.exec(name)?.[1]?.toLowerCase();
  if (prefix !== undefined && secure === false) {
    throw new SessionError("OPTION_INVALID", `A cookie called "${name}" must be Secure: leave cookie.secure out, or call it "${bare}".`);
  }
  if (prefix === "host" && (domain !== undefined || path !== "/")) {
    const next = `leave cookie.domain and cookie.path out, or set the option "name" to "__Secure-${bare}"`;
    throw new SessionError(
      "OPTION_INVALID",
      `Browsers refuse a cookie called "${name}" with Domain, or with a Path other than "/": ${next}.`,
    );
  }
  if (sameSite === "none" && secure === false) {
    throw new SessionError(
      "OPTION_INVALID",
      'Browsers refuse cookie.sameSite "none" without Secure: leave cookie.secure out, or choose "lax".',
    );
  }
  if (sameSite !== undefined && !["strict", "lax", "none"].includes(sameSite)) {
    throw new SessionError("OPTION_INVALID", 'cookie.sameSite must be "strict", "lax" or "none".');
  }
  if (maxAge !== undefined && (!Number.isFinite(maxAge) || maxAge <= 0)) {
    throw new SessionError(
      "OPTION_INVALID",
      "cookie.maxAge must be a positive number of milliseconds; leave it out for a cookie without Max-Age.",
    );
  }
  if (path !== undefined && !path.startsWith("/")) throw new SessionError("OPTION_INVALID", 'cookie.path must begin with "/".');
  if (bare === "" || /[=~;,\s"\\]/.test(name)) {
    throw new SessionError("OPTION_INVALID", 'The option "name" must be a cookie name: letters, digits, "-" and "_".');
  }
  try {
    stringifySetCookie({ name, value: "", ...(domain === undefined ? {} : { domain }), ...(path === undefined ? {} : { path }) });
  } catch (cause) {
    throw new SessionError("OPTION_INVALID", "name, cookie.domain or cookie.path holds characters that no cookie may have.", { cause });
  }
}
