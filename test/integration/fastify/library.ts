import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import peerSession from "@fastify/session";
import createFastify from "fastify";
import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest, FastifyServerOptions } from "fastify";
import { describe, onTestFinished } from "vitest";
import * as converge from "../../../src/adapters/fastify/index.ts";
import { Browser } from "../../support/browser.ts";

/*
 * What the scenarios of this folder are written against: a session plugin for Fastify, seen from outside. @fastify/session runs the same
 * scenarios, and so proves that they say what people have; where ours differs on purpose, the scenario says both with `pick`.
 */

type Callback = (error?: unknown) => void;

/** `request.session`, whichever types the program gives it. */
export interface SessionSurface {
  [name: string]: unknown;
  readonly sessionId: string;
  readonly encryptedSessionId: string;
  cookie: Record<string, unknown> & { maxAge: number | null; expires: Date | null; originalMaxAge: number | null };
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  options(options: object): void;
  touch(): unknown;
  isModified(): boolean;
  isSaved(): boolean;
  save(callback?: Callback): unknown;
  reload(callback?: Callback): unknown;
  destroy(callback?: Callback): unknown;
  regenerate(keep?: readonly string[] | Callback, callback?: Callback): unknown;
}

/** The options of @fastify/session 11, and nothing of ours. */
export interface PeerOptions {
  readonly secret?: unknown;
  readonly algorithm?: string;
  readonly cookieName?: string;
  readonly cookiePrefix?: string;
  readonly cookie?: object;
  readonly store?: unknown;
  readonly saveUninitialized?: boolean;
  readonly rolling?: boolean;
  readonly idGenerator?: (request: FastifyRequest) => string;
}

/** `request.sessionStore`. */
export interface StoreSurface {
  get(id: string, callback: (error: unknown, session?: Record<string, unknown> | null) => void): void;
  set(id: string, session: object, callback: Callback): void;
  destroy(id: string, callback: Callback): void;
}

export interface Library {
  readonly name: "@fastify/session" | "converge-session" | "converge-session with @fastify/cookie";
  /** What `app.register` is given. */
  readonly plugin: FastifyPluginCallback<PeerOptions>;
  /** Cookies are those of plain http without prefix, so that both can be looked at in the same way. */
  register(app: FastifyInstance, options?: PeerOptions): Promise<void>;
  pick<T>(expectations: { readonly peer: T; readonly ours: T }): T;
}

export const SECRET = "a secret of tests, with its thirty-two bytes and more";
export const COOKIE = "sessionId";

const DEFAULTS = { secret: SECRET, cookieName: COOKIE, cookie: { secure: false }, saveUninitialized: false, rolling: false };

function resolved({ cookie, ...options }: PeerOptions): PeerOptions {
  return { ...DEFAULTS, ...options, cookie: { ...DEFAULTS.cookie, ...cookie } };
}

const peerPlugin = peerSession as unknown as Library["plugin"];

const peer: Library = {
  name: "@fastify/session",
  plugin: peerPlugin,
  register: async (app, options = {}) => {
    await app.register(fastifyCookie);
    await app.register(peerPlugin, resolved(options));
  },
  pick: (expectations) => expectations.peer,
};

const ourPlugin = converge.session as unknown as Library["plugin"];

const ours: Library = {
  name: "converge-session",
  plugin: ourPlugin,
  register: async (app, options = {}) => {
    await app.register(ourPlugin, { ...resolved(options), onNotice: () => undefined } as PeerOptions);
  },
  pick: (expectations) => expectations.ours,
};

const oursBeside: Library = {
  ...ours,
  name: "converge-session with @fastify/cookie",
  register: async (app, options = {}) => {
    await app.register(fastifyCookie);
    await ours.register(app, options);
  },
};

/** Each scenario for both libraries, ours alone and beside @fastify/cookie. */
export function describeLibraries(title: string, scenarios: (library: Library) => void): void {
  for (const library of [peer, ours, oursBeside]) {
    describe(`${title}: ${library.name}`, () => {
      scenarios(library);
    });
  }
}

/** The same for ours only. */
export function describeOurs(title: string, scenarios: (library: Library) => void): void {
  for (const library of [ours, oursBeside]) {
    describe(`${title}: ${library.name}`, () => {
      scenarios(library);
    });
  }
}

export function sessionOf(request: unknown): SessionSurface {
  return (request as { session: SessionSurface }).session;
}

export function storeOf(request: unknown): StoreSurface {
  return (request as { sessionStore: StoreSurface }).sessionStore;
}

/** Sets what `request.session` is, whatever its type. */
export function assign(request: unknown, value: unknown): void {
  (request as { session: unknown }).session = value;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Read anew each time: regenerate and reload put another object there. */
  readonly session: SessionSurface;
  readonly query: Record<string, string>;
}

export type Handlers = Readonly<Record<string, (exchange: Exchange) => unknown>>;

export function addRoutes(app: FastifyInstance, handlers: Handlers): void {
  for (const [url, handler] of Object.entries(handlers)) {
    app.get(url, async (request, reply) => {
      const answer = await handler({
        request,
        reply,
        query: request.query as Record<string, string>,
        get session() {
          return sessionOf(request);
        },
      });
      return answer === undefined ? reply : reply.send(answer);
    });
  }
}

export interface Site {
  readonly app: FastifyInstance;
  readonly server: Server;
  readonly url: string;
  readonly browser: Browser;
}

/** An application on a free port, with a browser; both are gone when the test is over. */
export async function startSite(build: (app: FastifyInstance) => unknown, options: FastifyServerOptions = {}): Promise<Site> {
  const app = createFastify({ forceCloseConnections: true, ...options });
  onTestFinished(() => app.close());
  await build(app);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { app, server: app.server, url, browser: new Browser(url) };
}

export function startHandlers(library: Library, handlers: Handlers, options: PeerOptions = {}): Promise<Site> {
  return startSite(async (app) => {
    await library.register(app, options);
    addRoutes(app, handlers);
  });
}

/** A method that takes a callback, as a promise. */
export function called(start: (callback: Callback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error(`not an Error: ${typeof error}`));
    });
  });
}
