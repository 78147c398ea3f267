import type { IncomingMessage } from "node:http";
import type { SessionKey } from "../../engine/index.ts";
import type { Channel, CookieOverrides, SessionCookie, TokenReading } from "./cookie.ts";
import type { KeyRing } from "./key-ring.ts";
import type { Resolver } from "./resolvers.ts";
import { signToken, verifyToken } from "./token.ts";
import { parameterOf } from "./url-parameter.ts";
import { readSeenHeader, seenHeader } from "./seen-header.ts";
import { NOTHING_SEEN } from "./version-token.ts";
import type { IsKnown, SeenReading, Slot, VersionToken } from "./version-token.ts";

/**
 * What the response says of the session, when its headers are written. `isRefresh`: the client has this id already. `seen`: what tells other
 * nodes what it has seen.
 */
export interface ResponseMark {
  readonly setCookie?: string;
  readonly header?: readonly [name: string, value: string];
  readonly isRefresh: boolean;
  readonly seen?: SeenMark | undefined;
}

export interface SeenMark {
  readonly setCookies?: readonly string[];
  readonly header?: readonly [name: string, value: string];
}

/** What a carrier writes. */
interface Outgoing {
  readonly cookie: SessionCookie;
  readonly channel: Channel;
  readonly overrides?: CookieOverrides;
  readonly isRefresh: boolean;
}

interface OutgoingToken extends Outgoing {
  readonly id: string;
  /** Undefined where the browser's end ends it. */
  readonly maxAgeMs: number | undefined;
  readonly nowMs: number;
}

/** What a client is to remember of the session `key`, slot by slot; undefined: to forget. */
interface OutgoingSeen extends Omit<Outgoing, "isRefresh"> {
  readonly key: SessionKey;
  readonly tokens: ReadonlyMap<Slot, VersionToken | undefined>;
}

/** One way by which session ids come and go. */
export interface Carrier {
  /** `custom`: the application's own, by functions. */
  readonly kind: Resolver["kind"] | "custom";
  read(request: IncomingMessage, cookie: SessionCookie, channel: Channel): TokenReading;
  /** Whether a client that has no session yet wants its first one by this way. */
  isWanted(request: IncomingMessage): boolean;
  write(token: OutgoingToken): ResponseMark | undefined;
  clear(outgoing: Outgoing): ResponseMark | undefined;
  /** What the client says that it has seen of the session `key`. */
  readSeen(request: IncomingMessage, cookie: SessionCookie, channel: Channel, key: SessionKey, isKnown: IsKnown): SeenReading;
  writeSeen(seen: OutgoingSeen): SeenMark | undefined;
}

/** As the client asks for it, else by the last: for the session that a request begins. */
export function wantedCarrier(carriers: readonly Carrier[], request: IncomingMessage): Carrier {
  return carriers.find((carrier) => carrier.isWanted(request)) ?? carriers.at(-1) ?? COOKIE;
}

export function carrierOf(resolver: Resolver, keys: KeyRing): Carrier {
  switch (resolver.kind) {
    case "cookie":
      return COOKIE;
    case "header":
      return new HeaderCarrier(resolver.name, keys);
    case "url":
      return new UrlCarrier(resolver.name, keys);
  }
}

const COOKIE: Carrier = {
  kind: "cookie",
  read: (request, cookie, channel) => cookie.read(request.headers.cookie, channel),
  isWanted: () => true,
  write: ({ cookie, channel, id, maxAgeMs, nowMs, overrides, isRefresh }) => {
    const setCookie = cookie.write(channel, id, maxAgeMs, nowMs, overrides);
    return setCookie === undefined ? undefined : { setCookie, isRefresh };
  },
  clear: ({ cookie, channel, overrides, isRefresh }) => {
    const setCookie = cookie.clear(channel, overrides);
    return setCookie === undefined ? undefined : { setCookie, isRefresh };
  },
  readSeen: (request, cookie, channel, key, isKnown) => cookie.readSeen(request.headers.cookie, channel, key, isKnown),
  writeSeen: ({ cookie, channel, overrides, key, tokens }) => {
    const written = [...tokens].map(([slot, token]) => cookie.writeSeen(channel, slot, key, token, overrides));
    const setCookies = written.filter((setCookie) => setCookie !== undefined);
    return setCookies.length === 0 ? undefined : { setCookies };
  },
};

const NONE: TokenReading = { kind: "none" };

class HeaderCarrier implements Carrier {
  readonly kind = "header";
  readonly #name: string;
  readonly #keys: KeyRing;

  constructor(name: string, keys: KeyRing) {
    this.#name = name;
    this.#keys = keys;
  }

  read(request: IncomingMessage, _cookie: SessionCookie, channel: Channel): TokenReading {
    const value = request.headers[this.#name.toLowerCase()];
    const token = typeof value === "string" ? verifyToken(this.#keys, this.#scope(channel), value) : undefined;
    return token === undefined ? NONE : { kind: "presented", token };
  }

  isWanted(request: IncomingMessage): boolean {
    return request.headers[this.#name.toLowerCase()] !== undefined;
  }

  write({ cookie, channel, id, maxAgeMs, nowMs, isRefresh }: OutgoingToken): ResponseMark | undefined {
    if (!cookie.maySend(channel)) return undefined;
    const value = signToken(this.#keys, this.#scope(channel), id, maxAgeMs === undefined ? undefined : nowMs);
    return { header: [this.#name, value], isRefresh };
  }

  clear({ channel, isRefresh }: Outgoing): ResponseMark | undefined {
    return channel === "closed" ? undefined : { header: [this.#name, ""], isRefresh };
  }

  readSeen(request: IncomingMessage, _cookie: SessionCookie, channel: Channel, key: SessionKey, isKnown: IsKnown): SeenReading {
    return readSeenHeader(this.#keys, request, this.#scope(channel), key, isKnown);
  }

  writeSeen({ channel, key, tokens }: OutgoingSeen): SeenMark | undefined {
    return channel === "closed" ? undefined : { header: seenHeader(this.#keys, this.#scope(channel), key, tokens) };
  }

  /** With a space in it, which no cookie's name has. */
  #scope(channel: Channel): string {
    return `${channel === "open" ? "open header" : "header"} ${this.#name.toLowerCase()}`;
  }
}

/** Reads only: the links of the next page carry the id, and `UrlCarrier.token` is what they carry. */
export class UrlCarrier implements Carrier {
  readonly kind = "url";
  readonly parameter: string;
  readonly #keys: KeyRing;

  constructor(parameter: string, keys: KeyRing) {
    this.parameter = parameter;
    this.#keys = keys;
  }

  read(request: IncomingMessage, _cookie: SessionCookie, channel: Channel): TokenReading {
    const value = parameterOf(request.url ?? "", this.parameter);
    // Whoever can make a browser follow a link of his own must not give it his session (fixation).
    const site = request.headers["sec-fetch-site"];
    if (value === undefined || (site !== undefined && site !== "same-origin")) return NONE;
    const token = verifyToken(this.#keys, this.#scope(channel), value);
    return token === undefined ? NONE : { kind: "presented", token };
  }

  isWanted(): boolean {
    return false;
  }

  token(channel: Channel, id: string, sentAtMs: number | undefined): string {
    return signToken(this.#keys, this.#scope(channel), id, sentAtMs);
  }

  write(): undefined {
    return undefined;
  }

  clear(): undefined {
    return undefined;
  }

  /** A client that can keep neither cookies nor headers cannot keep this, either. */
  readSeen(): SeenReading {
    return NOTHING_SEEN;
  }

  writeSeen(): undefined {
    return undefined;
  }

  #scope(channel: Channel): string {
    return `${channel === "open" ? "open url" : "url"} ${this.parameter}`;
  }
}
