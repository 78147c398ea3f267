import { stringifySetCookie } from "cookie";
import { SessionError } from "../../engine/index.ts";

export type SameSite = "strict" | "lax" | "none";
export type Priority = "low" | "medium" | "high";

export interface CookieOptions {
  /**
   * `auto` (default): Secure, except on plain http over loopback outside production. `true`: Secure, whatever the connection.
   * `false`: sent over plain http too, where anybody on the way can read it.
   */
  readonly secure?: boolean | "auto" | undefined;
  /** Default `lax`. `true` is `strict`, `false` leaves it to the browser, `auto` is `none` over TLS and `lax` else. `none` needs Secure. */
  readonly sameSite?: SameSite | "auto" | boolean | undefined;
  /** Default none: the host that set it, and no sub-domain. */
  readonly domain?: string | undefined;
  /** Default `/`. */
  readonly path?: string | undefined;
  /** Default true. */
  readonly httpOnly?: boolean | undefined;
  /** Milliseconds. How long a session may go unused, and how long the browser keeps the cookie. At most 30 days. Default: until it closes. */
  readonly maxAge?: number | null | undefined;
  /** The same as an instant, for sessions that begin before it. `maxAge` is what most applications mean. */
  readonly expires?: Date | null | undefined;
  /** One cookie jar for each site that embeds this one (CHIPS). Needs Secure, and `sameSite: "none"`, which is then the default. */
  readonly partitioned?: boolean | undefined;
  readonly priority?: Priority | undefined;
  /** @deprecated Has no effect, as in express-session: the cookie is always signed. */
  readonly signed?: boolean | undefined;
}

/** `CookieOptions` after they were looked through. */
export interface CookieAttributes {
  readonly secure: boolean | "auto";
  readonly sameSite: SameSite | "auto" | undefined;
  readonly domain: string | undefined;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly maxAge: number | undefined;
  readonly expires: Date | undefined;
  readonly partitioned: boolean;
  readonly priority: Priority | undefined;
}

/** DESIGN 3.1: no session lives longer, and so no cookie need. */
export const MAX_AGE_MS_MAX = 30 * 24 * 60 * 60 * 1000;

export const PREFIX = /^__(host|secure)-/i;
const DEFAULT_NAME = "sid";

/** @throws SessionError OPTION_INVALID for what no cookie may have, whatever it is called. */
export function resolveCookieOptions(options: CookieOptions): CookieAttributes {
  const { secure = "auto", domain, path = "/", httpOnly = true, partitioned = false, priority, maxAge, expires } = options;
  const sameSite = sameSiteOf(options.sameSite, partitioned);
  if (!SECURE.has(secure)) refuse('cookie.secure must be true, false or "auto".');
  if (sameSite === "none" && secure === false) {
    refuse('Browsers refuse cookie.sameSite "none" without Secure: leave cookie.secure out, or choose "lax".');
  }
  if (partitioned && (secure === false || sameSite !== "none")) {
    refuse('A partitioned cookie needs Secure and SameSite=None: write partitioned: true, sameSite: "none", and leave cookie.secure out.');
  }
  if (priority !== undefined && !PRIORITIES.has(priority)) refuse('cookie.priority must be "low", "medium" or "high".');
  if (maxAge !== undefined && maxAge !== null && !(Number.isFinite(maxAge) && maxAge > 0)) {
    refuse("cookie.maxAge must be a positive number of milliseconds; leave it out for a cookie without Max-Age.");
  }
  if (expires !== undefined && expires !== null && Number.isNaN(instantOf(expires))) {
    refuse("cookie.expires must be a Date; for a time from now write cookie.maxAge.");
  }
  checkPath(path);
  checkText({ domain, path });
  return {
    secure,
    sameSite,
    domain,
    path,
    httpOnly,
    maxAge: maxAge ?? undefined,
    expires: maxAge === undefined || maxAge === null ? (expires ?? undefined) : undefined,
    partitioned,
    priority,
  };
}

/** The name where none is given: with the prefix that browsers accept together with these attributes. */
export function defaultName({ secure, domain, path }: CookieAttributes): string {
  if (secure === false) return DEFAULT_NAME;
  return `${domain === undefined && path === "/" ? "__Host-" : "__Secure-"}${DEFAULT_NAME}`;
}

/** @throws SessionError OPTION_INVALID for a name that no cookie, or none with these attributes, may have. */
export function checkCookieName(name: string, { secure, domain, path }: CookieAttributes): void {
  const bare = name.replace(PREFIX, "");
  const prefix = PREFIX.exec(name)?.[1]?.toLowerCase();
  if (prefix !== undefined && secure === false) {
    refuse(`A cookie called "${name}" must be Secure: leave cookie.secure out, or call it "${bare}".`);
  }
  if (prefix === "host" && (domain !== undefined || path !== "/")) {
    const next = `leave cookie.domain and cookie.path out, or set the option "name" to "__Secure-${bare}"`;
    refuse(`Browsers refuse a cookie called "${name}" with Domain, or with a Path other than "/": ${next}.`);
  }
  if (bare === "" || /[=~;,\s"\\]/.test(name)) {
    refuse('The option "name" must be a cookie name: letters, digits, "-" and "_".');
  }
  checkText({ name });
}

/** @throws SessionError OPTION_INVALID */
export function sameSiteOf(value: unknown, isPartitioned = false): SameSite | "auto" | undefined {
  if (value === undefined) return isPartitioned ? "none" : "lax";
  if (value === true) return "strict";
  if (value === false) return undefined;
  const text = typeof value === "string" ? value.toLowerCase() : "";
  if (text === "strict" || text === "lax" || text === "none" || text === "auto") return text;
  return refuse('cookie.sameSite must be "strict", "lax", "none", "auto", true or false.');
}

/** @throws SessionError OPTION_INVALID */
export function checkPath(path: string): void {
  if (typeof path !== "string" || !path.startsWith("/")) refuse('cookie.path must begin with "/".');
}

/** @throws SessionError OPTION_INVALID for text that would end the attribute it stands in. */
export function checkText({ name = "n", domain, path }: { name?: string; domain?: string | undefined; path?: string | undefined }): void {
  try {
    stringifySetCookie({ name, value: "", ...(domain === undefined ? {} : { domain }), ...(path === undefined ? {} : { path }) });
  } catch (cause) {
    refuse("name, cookie.domain or cookie.path holds characters that no cookie may have.", cause);
  }
}

/** Milliseconds since the epoch; NaN for what is no date. */
export function instantOf(date: unknown): number {
  return date instanceof Date ? date.getTime() : Number.NaN;
}

const SECURE: ReadonlySet<unknown> = new Set([true, false, "auto"]);

export const PRIORITIES: ReadonlySet<unknown> = new Set(["low", "medium", "high"]);

function refuse(message: string, cause?: unknown): never {
  throw new SessionError("OPTION_INVALID", message, cause === undefined ? undefined : { cause });
}
