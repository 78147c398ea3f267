import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { EventEmitter } from "node:events";
import type { AddressInfo } from "node:net";
import express5 from "express";
import type { Express, NextFunction, Request, RequestHandler, Response } from "express";
import express4 from "express4";
import expressSession from "express-session";
import { describe, onTestFinished } from "vitest";
import * as converge from "../../../src/adapters/express/index.ts";
import { Browser } from "../../support/browser.ts";

/*
 * What every scenario of this folder is written against: a session library for Express, seen from outside. express-session runs the same
 * scenarios, and so proves that they say what people have; where ours differs on purpose, the scenario says both with `pick`.
 */

export interface CookieSurface {
  maxAge: number | Date | null | undefined;
  expires: Date | boolean | null | undefined;
  originalMaxAge: number | null | undefined;
  secure: unknown;
  httpOnly: unknown;
  path: unknown;
  domain: unknown;
  sameSite: unknown;
  partitioned: unknown;
  priority: unknown;
  readonly data: Record<string, unknown>;
  serialize(name: string, value: string): string;
  toJSON(): Record<string, unknown>;
}

type Callback = (error?: unknown) => void;

/** `req.session`, whichever types the program gives it. */
export interface SessionSurface {
  [name: string]: unknown;
  readonly id: string;
  cookie: CookieSurface;
  save(callback?: Callback): unknown;
  reload(callback?: Callback): unknown;
  regenerate(callback?: Callback): unknown;
  destroy(callback?: Callback): unknown;
  touch(): unknown;
  resetMaxAge(): unknown;
}

/** `req.sessionStore`, and what a class of one's own has. */
export interface StoreSurface extends EventEmitter {
  get(id: string, callback: (error: unknown, session?: Record<string, unknown> | null) => void): void;
  set(id: string, session: object, callback?: Callback): void;
  destroy(id: string, callback?: Callback): void;
  touch?(id: string, session: object, callback?: Callback): void;
  all?(callback: (error: unknown, sessions?: object) => void): void;
  length?(callback: (error: unknown, length?: number) => void): void;
  clear?(callback?: Callback): void;
  load(id: string, callback: (error: unknown, session?: SessionSurface) => void): void;
  regenerate(request: unknown, callback: Callback): void;
  createSession(request: unknown, session: object): SessionSurface;
}

/** The options of express-session 1.19, and nothing of ours: this is what an application has in hand. */
export interface PeerOptions {
  readonly secret?: string | readonly string[] | Buffer;
  readonly name?: string;
  readonly genid?: (request: Request) => string;
  readonly proxy?: boolean;
  readonly resave?: boolean;
  readonly rolling?: boolean;
  readonly saveUninitialized?: boolean;
  readonly unset?: "keep" | "destroy";
  readonly store?: unknown;
  readonly cookie?: object | ((request: Request) => object);
}

type Constructor<T> = abstract new (...parameters: never[]) => T;

/** What `import session from "express-session"` gives: a function with its classes on it. */
export interface SessionModule {
  (options?: PeerOptions): RequestHandler;
  readonly Store: new () => StoreSurface;
  readonly MemoryStore: new () => StoreSurface;
  readonly Cookie: new (options?: object) => CookieSurface;
  readonly Session: Constructor<SessionSurface>;
}

export interface Library {
  readonly name: "express-session" | "converge-session";
  /** What an application imports. Undefined parts are findings of the scenario that needs them. */
  readonly module: SessionModule;
  session(options?: PeerOptions): RequestHandler;
  /** What this library is expected to do, where the two differ on purpose. */
  pick<T>(expectations: { readonly peer: T; readonly ours: T }): T;
}

export const SECRET = "a secret of tests, with its thirty-two bytes and more";
export const PEER_COOKIE = "connect.sid";
/** On loopback without TLS. */
export const OUR_COOKIE = "sid";

const peer: Library = {
  name: "express-session",
  module: expressSession as unknown as SessionModule,
  session: (options = {}) => peer.module({ secret: SECRET, resave: false, saveUninitialized: false, ...options }),
  pick: (expectations) => expectations.peer,
};

const ours: Library = {
  name: "converge-session",
  module: converge.session as unknown as SessionModule,
  session: (options = {}) => {
    const all = { secret: SECRET, resave: false, saveUninitialized: false, onNotice: () => undefined, ...options };
    const middleware = converge.session(all as unknown as converge.ExpressSessionOptions);
    onTestFinished(() => middleware.engine.close());
    return middleware;
  },
  pick: (expectations) => expectations.ours,
};

export interface Setup {
  readonly library: Library;
  readonly express: typeof express5;
  readonly expressVersion: 4 | 5;
}

/** Each scenario, for both libraries on both versions of Express. */
export function describeLibraries(title: string, scenarios: (setup: Setup) => void): void {
  const versions = [
    { express: express5, expressVersion: 5 as const },
    { express: express4 as unknown as typeof express5, expressVersion: 4 as const },
  ];
  for (const library of [peer, ours]) {
    for (const version of versions) {
      describe(`${title}: ${library.name} on Express ${version.expressVersion}`, () => {
        scenarios({ library, ...version });
      });
    }
  }
}

export function sessionOf(request: unknown): SessionSurface {
  return (request as { session: SessionSurface }).session;
}

/** What is there instead of a session: `null` and `undefined` are not the same to an application. */
export function kindOf(session: unknown): string {
  return session === null ? "null" : typeof session;
}

/** One parameter of the query, as text. */
export function queryOf(request: Request, name: string): string {
  const value = request.query[name];
  return typeof value === "string" ? value : "";
}

export function storeOf(request: unknown): StoreSurface {
  return (request as { sessionStore: StoreSurface }).sessionStore;
}

export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  readonly next: NextFunction;
  /** Read anew each time: regenerate and reload put another object there. */
  readonly session: SessionSurface;
}

/** A route that answers with the JSON of what it resolves to, unless that is undefined; rejections are errors on Express 4, too. */
export function route(handler: (exchange: Exchange) => unknown): RequestHandler {
  return (request, response, next) => {
    const exchange = {
      request,
      response,
      next,
      get session() {
        return sessionOf(request);
      },
    };
    const run = async (): Promise<void> => {
      const body = await handler(exchange);
      if (body !== undefined) response.json(body);
    };
    run().catch(next);
  };
}

/** A method that takes a callback, as a promise: what an application on express-session writes around it. */
export function called(start: (callback: Callback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error(`not an Error: ${typeof error}`));
    });
  });
}

export interface Site {
  readonly url: string;
  readonly server: Server;
  readonly browser: Browser;
  /** What reached Express' error path. */
  readonly errors: unknown[];
}

/** An application on a free port, with a browser; both are gone when the test is over. */
export async function startSite(setup: Setup, build: (app: Express) => void): Promise<Site> {
  const app = setup.express();
  const errors: unknown[] = [];
  build(app);
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    errors.push(error);
    if (response.headersSent) {
      next(error);
      return;
    }
    const { status = 500, message = "" } = error as { status?: number; message?: string };
    response.status(status).json({ error: message });
  });
  // Express prints what it passes to its own last handler.
  app.set("env", "test");
  return { ...(await listen(createServer(app))), errors };
}

/** GET routes by path, behind one session middleware. */
export type Handlers = Readonly<Record<string, (exchange: Exchange) => unknown>>;

export function startHandlers(setup: Setup, handlers: Handlers, options: PeerOptions = {}): Promise<Site> {
  return startSite(setup, (app) => {
    app.use(setup.library.session(options));
    for (const [path, handler] of Object.entries(handlers)) app.get(path, route(handler));
  });
}

export async function listen(server: Server): Promise<Omit<Site, "errors">> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return { url, server, browser: new Browser(url) };
}

/** The plain `(req, res, next)` that `ws` and socket.io call a middleware as. */
export type PlainMiddleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
