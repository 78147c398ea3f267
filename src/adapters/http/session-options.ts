import { SessionError } from "../../engine/index.ts";
import type { EngineOptions, SessionData, SessionEngine } from "../../engine/index.ts";
import { createEngine, nodeRuntime } from "../../runtime/index.ts";

import type { AdapterSettings } from "./adapter-settings.ts";
import { carrierOf } from "./carrier.ts";
import { SessionCookie } from "./cookie.ts";
import { MAX_AGE_MS_MAX } from "./cookie-options.ts";
import type { CookieOptions } from "./cookie-options.ts";
import { KeyRing } from "./key-ring.ts";
import type { Secret } from "./key-ring.ts";
import { Notices } from "./notices.ts";
import type { Notice } from "./notices.ts";
import { resolverChain } from "./resolvers.ts";
import type { Resolver } from "./resolvers.ts";
import type { SessionSurface } from "./session.ts";
import type { Signer } from "./signer.ts";

/** What every adapter takes besides the engine; `Request` is the framework's own. */
export interface RequestOptions<Request> {
  /**
   * Signs the cookie. Of several the first signs and all verify: put a new one in front, also while the application runs, and drop the old
   * one when its cookies are gone. Or an object that signs itself, such as the `Signer` of @fastify/cookie.
   */
  readonly secret?: Secret | readonly Secret[] | Signer | undefined;
  /**
   * Name of the cookie. Default `__Host-sid`, with a Domain or Path `__Secure-sid`; over plain http on loopback the same without prefix.
   */
  readonly name?: string | undefined;
  /** A function is asked for each request, and must answer the same for the same visitor. */
  readonly cookie?: CookieOptions | ((request: Request) => CookieOptions) | undefined;
  /** Where the id comes from and goes to: `cookie()` (default), `header()`, `url()`, or a list of these. */
  readonly resolver?: Resolver | readonly Resolver[];
  /** True: a visitor who writes nothing gets a session all the same. Default false. */
  readonly saveUninitialized?: boolean | undefined;
  /** Send the cookie with every response of a session, and not only when less than half of its `maxAge` is left. Default false. */
  readonly rolling?: boolean | undefined;
  /**
   * Chooses the ids of new sessions: 22 to 256 random characters of base64url; for another text an id of ours is taken, and a notice says so.
   * Default: 32 random bytes and the time, which also tells every node when a session is too old to exist.
   */
  readonly genid?: ((request: Request) => string) | undefined;
  /** Whom a session belongs to, asked whenever its attributes change: `(data) => data.user?.id`. For `revokeAll` and `sessions` of the engine. */
  readonly subject?: (data: SessionData) => string | undefined;
  /** False for requests that must not count as use of the session, such as polling. */
  readonly touch?: (request: Request) => boolean;
  /** True for requests that have no session at all: nothing is loaded, touched or set. */
  readonly skip?: (request: Request) => boolean;
  /** The longest, in milliseconds, that a request waits for a load, a store or an end. Default 10 s. */
  readonly waitMs?: number;
  /** What an operator should know. Default: a process warning, once a code. */
  readonly onNotice?: (notice: Notice) => void;
}

/** Either an engine of your own, which you also close, or the options of one that the adapter makes. */
export type SessionOptions<Request> = RequestOptions<Request> &
  ((EngineOptions & { readonly engine?: undefined }) | { readonly engine: SessionEngine });

/** What an adapter says of itself. */
export interface AdapterTraits {
  readonly adapter: string;
  readonly accessor: string;
  readonly listsCookie?: boolean;
  readonly surface?: SessionSurface;
  /** Whether its requests can be freed of an id in their URL before anybody logs them. */
  readonly takesUrls?: boolean;
}

export interface ResolvedOptions extends AdapterSettings {
  /** True when the adapter made the engine, and so has to close it. */
  readonly ownsEngine: boolean;
}

const WAIT_MS = 10_000;
const HOUR_MS = 3_600_000;
/** DESIGN 3.1: an absolute timeout is 12 h unless set. */
const ABSOLUTE_TIMEOUT_MS = 12 * HOUR_MS;
/** A `cookie` function gives a few different answers; one that gives more has each looked through anew. */
const COOKIES_REMEMBERED = 64;

/** @throws SessionError OPTION_INVALID */
export function resolveOptions<Request>(options: SessionOptions<Request>, traits: AdapterTraits): ResolvedOptions {
  const { secret, saveUninitialized = false, rolling = false, waitMs = WAIT_MS, genid, subject, onNotice } = options;
  if (!Number.isFinite(waitMs) || waitMs <= 0 || waitMs > 24 * HOUR_MS) {
    throw new SessionError("OPTION_INVALID", "waitMs must be a positive number of milliseconds, at most a day.");
  }
  if (genid !== undefined && typeof genid !== "function") {
    throw new SessionError("OPTION_INVALID", "genid must be a function that returns an id, such as () => crypto.randomUUID().");
  }
  if (subject !== undefined && typeof subject !== "function") {
    throw new SessionError("OPTION_INVALID", "subject must be a function, such as (data) => data.user?.id.");
  }
  const { accessor, adapter, listsCookie = false, surface, takesUrls = false } = traits;
  const notices = new Notices(onNotice);
  const keys = new KeyRing(secret, notices);
  const chain = resolverChain(options.resolver);
  if (chain.some(({ kind }) => kind === "url")) {
    if (!takesUrls)
      throw new SessionError("OPTION_INVALID", `url() works with the Express adapter only; use header() or cookie() with ${adapter}.`);
    notices.notify(
      "url-resolver",
      "Session ids travel in URLs, which end up in histories, bookmarks and the logs of proxies; header() and cookie() keep them out of there.",
    );
  }
  const cookieOf = cookiesOf(options, keys, notices);
  const maxAgeMs = typeof options.cookie === "function" ? undefined : (options.cookie?.maxAge ?? undefined);
  if (maxAgeMs !== undefined && maxAgeMs > MAX_AGE_MS_MAX) {
    notices.notify("max-age-capped", "No session lives longer than 30 days: cookie.maxAge counts as 2,592,000,000 milliseconds.");
  }
  const engine = options.engine ?? createEngine(engineOptions(options, maxAgeMs));
  return {
    engine,
    ownsEngine: options.engine === undefined,
    cookieOf,
    carriers: chain.map((resolver) => carrierOf(resolver, keys)),
    notices,
    adapter,
    accessor,
    listsCookie,
    surface,
    saveUninitialized,
    rolling,
    genid,
    subject,
    waitMs,
    setTimer: (delayMs, run) => nodeRuntime.setTimer(delayMs, run),
  };
}

function cookiesOf<Request>({ cookie = {}, name }: SessionOptions<Request>, keys: KeyRing, notices: Notices): AdapterSettings["cookieOf"] {
  const isProduction = process.env["NODE_ENV"] === "production";
  if (typeof cookie !== "function") {
    const always = new SessionCookie(name, cookie, keys, notices, isProduction);
    return () => always;
  }
  const known = new Map<string, SessionCookie>();
  return (request) => {
    const options = cookie(request as Request);
    const text = JSON.stringify(options);
    const before = known.get(text);
    if (before !== undefined) return before;
    const next = new SessionCookie(name, options, keys, notices, isProduction);
    if (known.size < COOKIES_REMEMBERED) known.set(text, next);
    return next;
  };
}

/** `cookie.maxAge` is the idle timeout; one beyond the default absolute timeout moves that too, as "remember me" means it. */
function engineOptions(options: EngineOptions, maxAge: number | undefined): EngineOptions {
  if (maxAge === undefined) return options;
  const maxAgeMs = Math.min(maxAge, MAX_AGE_MS_MAX);
  const { absoluteTimeoutMs = Math.max(maxAgeMs, ABSOLUTE_TIMEOUT_MS), idleTimeoutMs = Math.min(maxAgeMs, absoluteTimeoutMs) } = options;
  return { ...options, idleTimeoutMs, absoluteTimeoutMs };
}
