import { stringifySetCookie } from "cookie";
import type { SessionKey } from "../../engine/index.ts";
import { cookiesBeside, cookieValues } from "./cookie-header.ts";
import { checkCookieName, defaultName, PREFIX, resolveCookieOptions } from "./cookie-options.ts";
import type { CookieAttributes, CookieOptions, Priority, SameSite } from "./cookie-options.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Notices } from "./notices.ts";
import { signToken, TOKEN_BYTES_MAX, verifyToken } from "./token.ts";
import type { PresentedToken } from "./token.ts";
import { isSlot, NOTHING_SEEN, readSlots, signVersion } from "./version-token.ts";
import type { IsKnown, SeenReading, Slot, VersionToken } from "./version-token.ts";

/**
 * How the session id travels on one connection.
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

export type TokenReading = { readonly kind: "none" | "ambiguous" } | { readonly kind: "presented"; readonly token: PresentedToken };

/** What one session's cookie has instead of what the options say; `maxAge: null`: it goes when the browser closes. */
export interface CookieOverrides {
  readonly secure?: boolean;
  readonly sameSite?: SameSite | false;
  readonly domain?: string | null;
  readonly path?: string;
  readonly httpOnly?: boolean;
  readonly partitioned?: boolean;
  readonly priority?: Priority | null;
  readonly maxAge?: null;
}

/** How long a browser tells what it has seen: by then every process that can be reached has it, and of the others nobody knows when. */
const SEEN_SECONDS = 60;

/** All cookies of a session, with their names, stay below 8 KiB: nine companions, and an id of 256 characters. */
const COMPANION_NAME_BYTES_MAX = 700;

/** A tossed cookie costs one MAC each; an honest browser sends one, or two while a Path or Domain is changed. */
const CANDIDATE_COUNT_MAX = 4;

/** The session cookie of one middleware (or, where `cookie` is a function, of one request): name and attributes, signed and read back. */
export class SessionCookie {
  readonly attributes: CookieAttributes;
  readonly #keys: KeyRing;
  readonly #notices: Notices;
  readonly #names: Readonly<Record<Channel, string>>;
  readonly #isPrefixed: boolean;
  readonly #isProduction: boolean;

  /** @throws SessionError OPTION_INVALID for a combination that browsers refuse, and for text that no cookie may hold. */
  constructor(name: string | undefined, options: CookieOptions, keys: KeyRing, notices: Notices, isProduction: boolean) {
    this.attributes = resolveCookieOptions(options);
    const { secure } = this.attributes;
    const chosen = name ?? defaultName(this.attributes);
    checkCookieName(chosen, this.attributes);
    const bare = chosen.replace(PREFIX, "");
    this.#keys = keys;
    this.#notices = notices;
    this.#isProduction = isProduction;
    this.#isPrefixed = bare !== chosen;
    this.#names = { secure: chosen, closed: chosen, open: secure === false ? chosen : bare };
    if (secure !== false && bare === chosen) {
      const advice = `The session cookie "${chosen}" has no __Host- or __Secure- prefix, so a sub-domain can overwrite it; call it "__Host-${chosen}".`;
      notices.notify("unprefixed-name", advice);
    }
  }

  get path(): string {
    return this.attributes.path;
  }

  /** How long a session that begins at `nowMs` may go unused; undefined where only the browser's end ends its cookie. */
  maxAgeMs(nowMs: number): number | undefined {
    const { maxAge, expires } = this.attributes;
    return maxAge ?? (expires === undefined ? undefined : Math.max(expires.getTime() - nowMs, 1));
  }

  get isPersistent(): boolean {
    return this.attributes.maxAge !== undefined || this.attributes.expires !== undefined;
  }

  channel(connection: Connection): Channel {
    const { secure } = this.attributes;
    if (secure === false) return "open";
    if (connection.isSecure) return "secure";
    return secure === "auto" && connection.isLoopback && !this.#isProduction ? "open" : "closed";
  }

  /** What a value that stood in this cookie on this channel says; undefined for one that was not signed here. */
  verify(channel: Channel, value: string): PresentedToken | undefined {
    const name = this.#names[channel];
    const token = verifyToken(this.#keys, name, value);
    // Clients that keep cookies decoded encode them when they send them: light-my-request, behind Fastify's `inject`, among them.
    return token === undefined && value.includes("%") ? verifyToken(this.#keys, name, decoded(value)) : token;
  }

  /** Of several cookies of our name the one that was signed here; of two that were, for different sessions, none (CVE-2023-29019). */
  read(header: string | undefined, channel: Channel): TokenReading {
    if (header === undefined) return NONE;
    const name = this.#names[channel];
    let found: PresentedToken | undefined;
    for (const value of cookieValues(header, name, CANDIDATE_COUNT_MAX)) {
      const token = this.verify(channel, value);
      if (token === undefined) continue;
      if (found !== undefined && found.id !== token.id) return { kind: "ambiguous" };
      found ??= token;
    }
    return found === undefined ? NONE : { kind: "presented", token: found };
  }

  /** A `Set-Cookie` value; undefined where the connection or the size forbids one, which a notice then explains. */
  write(
    channel: Channel,
    id: string,
    maxAgeMs: number | undefined,
    nowMs: number,
    overrides: CookieOverrides = NO_OVERRIDES,
  ): string | undefined {
    if (!this.maySend(channel)) return undefined;
    const name = this.#names[channel];
    const value = signToken(this.#keys, name, id, maxAgeMs === undefined ? undefined : nowMs);
    if (Buffer.byteLength(name) + Buffer.byteLength(value) > TOKEN_BYTES_MAX) {
      this.#notices.notify(
        "cookie-too-large",
        `The session cookie is larger than ${TOKEN_BYTES_MAX} bytes and was not sent; shorten its name.`,
      );
      return undefined;
    }
    const header = { name, value, ...this.effective(channel, overrides) };
    return stringifySetCookie(maxAgeMs === undefined ? header : { ...header, maxAge: Math.floor(maxAgeMs / 1000) }, AS_IT_IS);
  }

  /** What the cookie's value is for `id`, but for the time at which it is sent. */
  sign(channel: Channel, id: string): string {
    return signToken(this.#keys, this.#names[channel], id, undefined);
  }

  /** The `Set-Cookie` value that makes the browser forget it. */
  clear(channel: Channel, overrides: CookieOverrides = NO_OVERRIDES): string | undefined {
    if (channel === "closed") return undefined;
    const gone = { name: this.#names[channel], value: "", expires: new Date(0), maxAge: 0 };
    return stringifySetCookie({ ...gone, ...this.effective(channel, overrides) }, AS_IT_IS);
  }

  /** What the companions of this cookie say that the browser has seen of the session `key`. */
  readSeen(header: string | undefined, channel: Channel, key: SessionKey, isKnown?: IsKnown): SeenReading {
    const prefix = `${this.#names[channel]}-`;
    if (header === undefined || !header.includes(prefix)) return NOTHING_SEEN;
    const found = cookiesBeside(header, prefix).flatMap(([last, value]) => (isSlot(last) ? ([[last, value]] as const) : []));
    return readSlots(this.#keys, (slot) => prefix + slot, key, found, isKnown);
  }

  /** The `Set-Cookie` value of one companion, with the attributes of this cookie; without a token one that makes the browser forget it. */
  writeSeen(
    channel: Channel,
    slot: Slot,
    key: SessionKey,
    token: VersionToken | undefined,
    overrides: CookieOverrides = NO_OVERRIDES,
  ): string | undefined {
    const name = `${this.#names[channel]}-${slot}`;
    if (channel === "closed") return undefined;
    const attributes = this.effective(channel, overrides);
    if (token === undefined) return stringifySetCookie({ name, value: "", expires: new Date(0), maxAge: 0, ...attributes }, AS_IT_IS);
    if (Buffer.byteLength(name) > COMPANION_NAME_BYTES_MAX) {
      this.#notices.notify(
        "cookie-too-large",
        `The name of the session cookie is too long for what tells other nodes what a browser has seen; keep it below ${COMPANION_NAME_BYTES_MAX} bytes.`,
      );
      return undefined;
    }
    return stringifySetCookie({ name, value: signVersion(this.#keys, name, key, token), maxAge: SEEN_SECONDS, ...attributes }, AS_IT_IS);
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
    if (channel === "open" && this.attributes.secure === "auto") {
      this.#notices.notify(
        "loopback-cookie",
        `Plain http on loopback: the session cookie is called "${this.#names.open}" and has no Secure. In production it is "${this.#names.secure}", with Secure.`,
      );
    }
    return true;
  }

  /** What the cookie of one session says on this connection. Of its own wishes those are left out that would make browsers refuse it. */
  effective(channel: Channel, overrides: CookieOverrides = NO_OVERRIDES): EffectiveAttributes {
    const { attributes } = this;
    const isHost = this.#isPrefixed && /^__host-/i.test(this.#names[channel]);
    const secure =
      channel === "secure" ? this.#isPrefixed || overrides.secure !== false : attributes.secure === false && overrides.secure === true;
    const wished = overrides.sameSite === undefined ? attributes.sameSite : overrides.sameSite === false ? undefined : overrides.sameSite;
    const sameSite = wished === "auto" ? (secure ? "none" : "lax") : wished;
    const domain = isHost || overrides.domain === null ? undefined : (overrides.domain ?? attributes.domain);
    const priority = overrides.priority === null ? undefined : (overrides.priority ?? attributes.priority);
    return {
      secure,
      httpOnly: overrides.httpOnly ?? attributes.httpOnly,
      // Browsers refuse SameSite=None without Secure; on loopback Lax is what a developer can still work with.
      ...(sameSite === undefined ? {} : { sameSite: sameSite === "none" && !secure ? ("lax" as const) : sameSite }),
      path: isHost ? "/" : (overrides.path ?? attributes.path),
      ...(domain === undefined ? {} : { domain }),
      ...(priority === undefined ? {} : { priority }),
      ...(secure && sameSite === "none" && (overrides.partitioned ?? attributes.partitioned) ? { partitioned: true } : {}),
    };
  }
}

export interface EffectiveAttributes {
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite?: SameSite;
  readonly path: string;
  readonly domain?: string;
  readonly priority?: Priority;
  readonly partitioned?: true;
}

/** As it is where it is no percent-encoding. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

const NONE: TokenReading = { kind: "none" };
const NO_OVERRIDES: CookieOverrides = {};

/** Ids and MACs consist of characters that a cookie value may hold; escaping would only make two spellings of one value. */
const AS_IT_IS = { encode: (value: string) => value };
