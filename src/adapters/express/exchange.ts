import type { ServerResponse } from "node:http";
import type { Request } from "express";
import { SessionError } from "../../engine/index.ts";
import { gateResponse, UrlCarrier, withParameter } from "../http/index.ts";
import type { GateKeeper, RequestSession, ResolvedOptions, SessionObject } from "../http/index.ts";
import type { ClassicStore } from "./store.ts";

/** What all requests of one middleware share. */
export interface ExpressSettings extends ResolvedOptions {
  readonly store: ClassicStore;
  readonly isUnsetDestroying: boolean;
}

type Next = (error?: unknown) => void;

const EXCHANGE = Symbol("exchange");

type Held = Request & { [EXCHANGE]?: Exchange };

/** What stands behind `req.session`; undefined where no middleware of this package took the request. */
export function exchangeOf(request: object): Exchange | undefined {
  return (request as Held)[EXCHANGE];
}

/**
 * One request with its session and its response. Everything in it is private: a request is often logged whole. A request that never asks for
 * its session pays for no more than this object.
 */
export class Exchange implements GateKeeper {
  readonly #settings: ExpressSettings;
  readonly #requestSession: RequestSession;
  readonly #request: Held;
  readonly #response: ServerResponse;
  readonly #next: Next;
  #isGated = false;
  /** What the application set the session to instead of one, which is then what it reads. */
  #letGoAs: { readonly value: null | undefined } | undefined;

  constructor(settings: ExpressSettings, requestSession: RequestSession, request: Request, response: ServerResponse, next: Next) {
    this.#settings = settings;
    this.#requestSession = requestSession;
    this.#request = request;
    this.#response = response;
    this.#next = next;
  }

  /** Gives the request its `session`, `sessionID` and `sessionStore`. */
  attach(): void {
    const request = this.#request;
    unshare(request, "url");
    request[EXCHANGE] = this;
    Object.defineProperty(request, "session", SESSION);
    Object.defineProperty(request, "sessionID", SESSION_ID);
    Object.defineProperty(request, "sessionStore", SESSION_STORE);
    // `delete req.session` calls nobody: the gate has to look whether it is still there.
    if (this.#requestSession.concernsResponse || this.#settings.isUnsetDestroying) this.#gate();
  }

  get session(): SessionObject | null | undefined {
    if (this.#letGoAs !== undefined) return this.#letGoAs.value;
    this.#gate();
    return this.#requestSession.session;
  }

  set session(value: unknown) {
    this.#gate();
    this.#letGoAs = value === null || value === undefined ? { value } : undefined;
    if (this.#letGoAs === undefined) {
      if (typeof value !== "object") throw new SessionError("VALUE_REFUSED", "req.session can be set to an object or null only.");
      this.#requestSession.replace(value as object);
    } else if (this.#settings.isUnsetDestroying) {
      void this.#requestSession.destroy(false);
    } else {
      this.#requestSession.abandon();
    }
  }

  get sessionID(): string | undefined {
    // As in express-session: there also after `destroy`, and after the session was set to null.
    this.#gate();
    return this.#requestSession.id;
  }

  get sessionStore(): ClassicStore {
    return this.#settings.store;
  }

  beginAnew(): void {
    this.#letGoAs = undefined;
    this.#gate();
    this.#requestSession.beginAnew();
  }

  /** See `SessionMiddleware.encodeUrl`. */
  encodeUrl(link: string): string {
    const { carrier, channel } = this.#requestSession;
    const session = this.#letGoAs === undefined ? this.#requestSession.session : undefined;
    if (!(carrier instanceof UrlCarrier) || session === undefined || Object.keys(session).every((name) => name === "cookie")) return link;
    const { host = "localhost" } = this.#request.headers;
    const origin = `${channel === "secure" ? "https" : "http"}://${host}`;
    this.keepUrlPrivate();
    this.#gate();
    return withParameter(link, origin, this.#request.originalUrl, carrier.parameter, carrier.token(channel, session.id, undefined));
  }

  /** The id in this page's URL, or in its links, goes neither to other sites, nor into the log of ours by a `Referer`, nor into a cache. */
  keepUrlPrivate(): void {
    if (this.#response.headersSent) return;
    if (this.#response.getHeader("referrer-policy") === undefined) this.#response.setHeader("Referrer-Policy", "strict-origin");
    if (this.#response.getHeader("cache-control") === undefined) this.#response.setHeader("Cache-Control", "no-store");
  }

  // GateKeeper

  commit(): void | Promise<void> {
    // `delete req.session` says the same as `req.session = null`.
    if (this.#letGoAs === undefined && !Object.hasOwn(this.#request, "session")) this.session = undefined;
    return this.#requestSession.commit();
  }

  commitLate(): void | Promise<void> {
    return this.#requestSession.commitLate();
  }

  mark(): ReturnType<GateKeeper["mark"]> {
    return this.#requestSession.mark();
  }

  fail(error: unknown): void {
    this.#next(error);
  }

  get notices(): GateKeeper["notices"] {
    return this.#settings.notices;
  }

  get setTimer(): GateKeeper["setTimer"] {
    return this.#settings.setTimer;
  }

  #gate(): void {
    if (this.#isGated) return;
    this.#isGated = true;
    unshare(this.#response, "req");
    gateResponse(this.#response, this);
  }
}

/**
 * Express gives each request and response another prototype, and with it a hidden class of its own: every property that is added from then on copies
 * the list of all of them, and no inline cache ever hits. Removing one and putting it back makes V8 keep them in a table instead. Of a
 * request that reads its session this takes a quarter off (Node 20.20: 75 to 55 µs, bare Express 39).
 */
function unshare<Name extends string>(object: { [_ in Name]?: unknown }, name: Name): void {
  if (!Object.hasOwn(object, name)) return;
  const value = object[name];
  delete object[name];
  object[name] = value;
}

// Shared by all requests: V8 then knows them by one shape.
const SESSION: PropertyDescriptor = {
  configurable: true,
  get(this: Held) {
    return this[EXCHANGE]?.session;
  },
  set(this: Held, value: unknown) {
    const exchange = this[EXCHANGE];
    if (exchange !== undefined) exchange.session = value;
  },
};

const SESSION_ID: PropertyDescriptor = {
  configurable: true,
  get(this: Held) {
    return this[EXCHANGE]?.sessionID;
  },
};

const SESSION_STORE: PropertyDescriptor = {
  configurable: true,
  get(this: Held) {
    return this[EXCHANGE]?.sessionStore;
  },
};
