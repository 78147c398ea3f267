import { stringifySetCookie } from "cookie";
import { SessionError } from "../../engine/index.ts";
import type { CookieOverrides, EffectiveAttributes } from "./cookie.ts";
import { checkPath, checkText, instantOf, PRIORITIES, sameSiteOf } from "./cookie-options.ts";
import type { Priority, SameSite } from "./cookie-options.ts";

/** `JSON.stringify(session.cookie)`, in the shape in which express-session stores it. */
export interface CookieData {
  readonly originalMaxAge: number | null;
  readonly partitioned: boolean | undefined;
  readonly priority: Priority | undefined;
  readonly expires: Date | null;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly domain: string | undefined;
  readonly path: string;
  readonly sameSite: SameSite | undefined;
}

/**
 * `req.session.cookie`: what one session's cookie says. Whatever is set here goes out with this response, stays with the session (on
 * every node, until `regenerate()`), and wins over the option `cookie`. Browsers keep the attributes that they were last sent.
 */
export interface SessionCookieView {
  /**
   * Milliseconds that this session lives if nobody uses it; null for a cookie without Max-Age. Setting it sets the session's idle timeout
   * with the next commit and sends the cookie again. A longer time than the session has left until its absolute end ("remember me") gives it
   * a new id and a later end with the response, at most 30 days after it first began. Zero and less end it with the response.
   */
  get maxAge(): number | null;
  set maxAge(value: number | Date | null | false | undefined);
  /** The same as an instant. False or null: until the browser closes. */
  get expires(): Date | null;
  set expires(value: Date | null | false | undefined);
  /** The idle timeout, however much of it has passed. */
  get originalMaxAge(): number | null;
  set originalMaxAge(value: number | null | undefined);
  /** With a `__Host-` or `__Secure-` name a cookie is Secure whatever this says, as browsers refuse it otherwise; so with domain and path. */
  secure: boolean;
  httpOnly: boolean;
  get sameSite(): SameSite | undefined;
  set sameSite(value: SameSite | boolean | undefined);
  get domain(): string | undefined;
  set domain(value: string | null | undefined);
  path: string;
  partitioned: boolean | undefined;
  get priority(): Priority | undefined;
  set priority(value: Priority | null | undefined);
  readonly data: CookieData;
  /** A `Set-Cookie` value with these attributes, for a cookie of the application's own. It is not signed. */
  serialize(name: string, value: string): string;
  toJSON(): CookieData;
}

/** What stands behind the view. */
export interface CookieOwner {
  readonly accessor: string;
  /** As it would be sent now. */
  readonly effectiveCookie: EffectiveAttributes;
  readonly isPersistent: boolean;
  readonly idleTimeoutMs: number;
  /** Milliseconds left, as of the last use. */
  readonly lifeLeftMs: number;
  readonly nowMs: number;
  readonly touchedAtMs: number;
  overrideCookie(overrides: CookieOverrides): void;
  /** Null: until the browser closes. 0 and less: the session is over with this response. */
  setMaxAge(maxAgeMs: number | null): void;
}

/** Made when it is first asked for. */
export class LiveCookie implements SessionCookieView {
  readonly #owner: CookieOwner;

  constructor(owner: CookieOwner) {
    this.#owner = owner;
    // Its own and enumerable: applications copy cookies by their properties.
    Object.defineProperties(this, OWN_PROPERTIES);
  }

  get maxAge(): number | null {
    return this.#owner.isPersistent ? this.#owner.lifeLeftMs : null;
  }

  set maxAge(value: number | Date | null | false | undefined) {
    if (value instanceof Date) this.expires = value;
    else if (value === null || value === undefined || value === false) this.#owner.setMaxAge(null);
    else if (typeof value === "number" && Math.abs(value) < Infinity) this.#owner.setMaxAge(value);
    else this.#refuse("maxAge", "must be a number of milliseconds, or null");
  }

  get expires(): Date | null {
    return this.#owner.isPersistent ? new Date(this.#owner.touchedAtMs + this.#owner.lifeLeftMs) : null;
  }

  set expires(value: Date | null | false | undefined) {
    const instant = instantOf(value);
    if (value === null || value === undefined || value === false) this.#owner.setMaxAge(null);
    else if (Number.isNaN(instant)) this.#refuse("expires", "must be a Date, or false for a cookie that goes with the browser");
    else this.#owner.setMaxAge(instant - this.#owner.nowMs);
  }

  get originalMaxAge(): number | null {
    return this.#owner.isPersistent ? this.#owner.idleTimeoutMs : null;
  }

  set originalMaxAge(value: number | null | undefined) {
    this.maxAge = value;
  }

  get httpOnly(): boolean {
    return this.#owner.effectiveCookie.httpOnly;
  }

  set httpOnly(value: unknown) {
    this.#override("httpOnly", Boolean(value));
  }

  get secure(): boolean {
    return this.#owner.effectiveCookie.secure;
  }

  set secure(value: unknown) {
    this.#override("secure", Boolean(value));
  }

  get sameSite(): SameSite | undefined {
    return this.#owner.effectiveCookie.sameSite;
  }

  set sameSite(value: SameSite | boolean | undefined) {
    const sameSite = sameSiteOf(value ?? false);
    if (sameSite === "auto") this.#refuse("sameSite", 'must be "strict", "lax", "none", true or false');
    else this.#override("sameSite", sameSite ?? false);
  }

  get domain(): string | undefined {
    return this.#owner.effectiveCookie.domain;
  }

  set domain(value: string | null | undefined) {
    checkText({ domain: value ?? undefined });
    this.#override("domain", value ?? null);
  }

  get path(): string {
    return this.#owner.effectiveCookie.path;
  }

  set path(value: string) {
    checkPath(value);
    checkText({ path: value });
    this.#override("path", value);
  }

  get partitioned(): boolean | undefined {
    return this.#owner.effectiveCookie.partitioned;
  }

  set partitioned(value: boolean | undefined) {
    this.#override("partitioned", Boolean(value));
  }

  get priority(): Priority | undefined {
    return this.#owner.effectiveCookie.priority;
  }

  set priority(value: Priority | null | undefined) {
    if (value !== null && value !== undefined && !PRIORITIES.has(value)) this.#refuse("priority", 'must be "low", "medium" or "high"');
    this.#override("priority", value ?? null);
  }

  get data(): CookieData {
    const { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite } = this;
    return { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite };
  }

  serialize(name: string, value: string): string {
    const { expires } = this;
    return stringifySetCookie({ name, value, ...this.#owner.effectiveCookie, ...(expires === null ? {} : { expires }) });
  }

  toJSON(): CookieData {
    return this.data;
  }

  #override<Name extends keyof CookieOverrides & keyof EffectiveAttributes>(name: Name, value: CookieOverrides[Name]): void {
    const current = this.#owner.effectiveCookie[name];
    if (current === value || (!current && !value)) return;
    this.#owner.overrideCookie({ [name]: value });
  }

  #refuse(name: string, what: string): never {
    throw new SessionError("OPTION_INVALID", `${this.#owner.accessor}.cookie.${name} ${what}; destroy() ends a session.`);
  }
}

/** In the order in which express-session has them. */
const LISTED = ["path", "expires", "originalMaxAge", "httpOnly", "secure", "domain", "sameSite", "partitioned", "priority"] as const;

const OWN_PROPERTIES: PropertyDescriptorMap = Object.fromEntries(
  LISTED.map((name) => [name, { ...Object.getOwnPropertyDescriptor(LiveCookie.prototype, name), enumerable: true }]),
);

/** Takes over what another cookie says: of another session, or as JSON gave it back. Used for `req.session.cookie = …`. */
export function assignCookie(target: SessionCookieView, source: object): void {
  if (target === source) return;
  const from = source as Partial<Record<keyof SessionCookieView, unknown>>;
  const expires = typeof from.expires === "string" ? new Date(from.expires) : from.expires;
  const lifetime = from.originalMaxAge ?? from.maxAge ?? expires;
  if (lifetime === undefined || lifetime === null) {
    if ("originalMaxAge" in from || "expires" in from) target.maxAge = null;
  } else target.maxAge = lifetime as number;
  for (const name of ["httpOnly", "secure", "sameSite", "domain", "path", "partitioned", "priority"] as const) {
    if (from[name] !== undefined && from[name] !== "auto") Reflect.set(target, name, from[name]);
  }
}
