import { SessionError } from "../../engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../engine/index.ts";
import { createEngine, nodeRuntime } from "../../runtime/index.ts";

import type { AdapterSettings } from "./adapter-settings.ts";
import { SessionCookie } from "./cookie.ts";
import type { CookieOptions } from "./cookie.ts";
import { KeyRing } from "./key-ring.ts";
import type { Secret } from "./key-ring.ts";
import { Notices } from "./notices.ts";
import type { Notice } from "./notices.ts";

/** What every adapter takes besides the engine; `Request` is the framework's own. */
export interface RequestOptions<Request> {
  /** Signs the cookie. Of several the first signs and all verify: put a new one in front, and drop the old one when its cookies are gone. */
  readonly secret?: Secret | readonly Secret[];
  /** Name of the cookie. Default `__Host-sid`; over plain http on loopback the same without prefix. */
  readonly name?: string;
  readonly cookie?: CookieOptions;
  /** True: a visitor who writes nothing gets a session all the same. Default false. */
  readonly saveUninitialized?: boolean;
  /** With `cookie.maxAge`: send the cookie with every response, and not only when less than half of its life is left. Default false. */
  readonly rolling?: boolean;
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

export interface AdapterNames {
  readonly adapter: string;
  readonly accessor: string;
}

export interface ResolvedOptions extends AdapterSettings {
  /** True when the adapter made the engine, and so has to close it. */
  readonly ownsEngine: boolean;
}

const WAIT_MS = 10_000;
const HOUR_MS = 3_600_000;
/** DESIGN 3.1: an absolute timeout is 12 h unless set, and at most 30 days. */
const ABSOLUTE_TIMEOUT_MS = 12 * HOUR_MS;
const ABSOLUTE_TIMEOUT_MS_MAX = 30 * 24 * HOUR_MS;

/** @throws SessionError OPTION_INVALID */
export function resolveOptions<Request>(options: SessionOptions<Request>, names: AdapterNames): ResolvedOptions {
  const { secret, name, cookie = {}, saveUninitialized = false, rolling = false, waitMs = WAIT_MS, onNotice } = options;
  if (!Number.isFinite(waitMs) || waitMs <= 0 || waitMs > 24 * HOUR_MS) {
    throw new SessionError("OPTION_INVALID", "waitMs must be a positive number of milliseconds, at most a day.");
  }
  const notices = new Notices(onNotice);
  const keys = new KeyRing(secret, notices);
  const isProduction = process.env["NODE_ENV"] === "production";
  const sessionCookie = new SessionCookie(name, cookie, keys, notices, isProduction);
  const engine = options.engine ?? createEngine(engineOptions(options, cookie.maxAge));
  return {
    ...names,
    engine,
    ownsEngine: options.engine === undefined,
    cookie: sessionCookie,
    notices,
    saveUninitialized,
    rolling,
    waitMs,
    setTimer: (delayMs, run) => nodeRuntime.setTimer(delayMs, run),
  };
}

/** `cookie.maxAge` is the idle timeout; one beyond the default absolute timeout moves that too, as "remember me" means it. */
function engineOptions(options: EngineOptions, maxAgeMs: number | undefined): EngineOptions {
  if (maxAgeMs === undefined) return options;
  const { idleTimeoutMs = maxAgeMs, absoluteTimeoutMs = Math.min(Math.max(maxAgeMs, ABSOLUTE_TIMEOUT_MS), ABSOLUTE_TIMEOUT_MS_MAX) } =
    options;
  return { ...options, idleTimeoutMs, absoluteTimeoutMs };
}
