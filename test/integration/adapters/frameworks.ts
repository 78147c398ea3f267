import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { NextFunction, Request, Response as ExpressResponse } from "express";
import express4 from "express4";
import createFastify from "fastify";
import Koa from "koa";
import { session as expressSession } from "../../../src/adapters/express/index.ts";
import { session as fastifySession } from "../../../src/adapters/fastify/index.ts";
import type { RequestOptions, SessionObject } from "../../../src/adapters/http/index.ts";
import { session as koaSession } from "../../../src/adapters/koa/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";

/** One request as the routes of these tests see it, whatever the framework. */
export interface Exchange {
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the application finds: undefined or null where there is none. */
  readonly found: SessionObject | null | undefined;
  /** The same, where there must be one. */
  readonly session: SessionObject;
  readonly assign: (value: unknown) => void;
  readonly status: (code: number) => void;
  readonly header: (name: string, value: string) => void;
  readonly redirect: (url: string) => void;
}

/** Resolves to the JSON body; to undefined after `redirect`, or when it answered through `response` itself. */
type Route = (exchange: Exchange) => unknown;
export type Routes = Readonly<Record<string, Route>>;

export type TestOptions = Omit<RequestOptions<{ readonly url: string }>, "secret"> & {
  readonly engine: SessionEngine;
  readonly secret?: string | readonly string[];
  /** As the framework understands it: the peer's X-Forwarded-Proto counts. */
  readonly trustProxy?: boolean;
};

export interface Running {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

export interface Framework {
  readonly name: "express" | "express 4" | "fastify" | "koa" | "koa 2";
  start(options: TestOptions, routes: Routes): Promise<Running>;
}

export const SECRET = "a secret of tests, with its thirty-two bytes and more";

/** Routes that answer through `response`, and so go around what a framework does with a body. */
const RAW = "/raw";

/** The session of a request, whichever types the program gives that property. */
interface Holder {
  session: unknown;
}

function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
  holder: Holder,
  answers: Pick<Exchange, "status" | "header" | "redirect">,
): Exchange {
  const found = (): SessionObject | null | undefined => holder.session as SessionObject | null | undefined;
  return {
    ...answers,
    request,
    response,
    query: new URL(url, "http://test").searchParams,
    get found() {
      return found();
    },
    get session() {
      const session = found();
      if (session === null || session === undefined) throw new Error("This request has no session.");
      return session;
    },
    assign: (value) => {
      holder.session = value;
    },
  };
}

const expressFramework: Framework = {
  name: "express",
  start: (options, routes) => startExpress(express(), options, routes),
};

/** Its types are those of Express 5 here: what the adapter and these routes use is the same in both. */
const expressFourFramework: Framework = {
  name: "express 4",
  start: (options, routes) => startExpress(express4() as unknown as express.Express, options, routes),
};

async function startExpress(app: express.Express, { trustProxy, ...options }: TestOptions, routes: Routes): Promise<Running> {
  app.set("trust proxy", trustProxy === true);
  app.set("env", "test");
  app.use(expressSession({ secret: SECRET, ...options }));
  app.use((request: Request, response: ExpressResponse, next: NextFunction) => {
    const answer = async (): Promise<void> => {
      const exchange = exchangeOf(request, response, request.url, request, {
        status: (code) => void response.status(code),
        header: (name, value) => void response.setHeader(name, value),
        redirect: (url) => void response.redirect(url),
      });
      const route = routes[request.path];
      if (route === undefined) throw new Error(`No route ${request.path}`);
      const body = await route(exchange);
      if (body !== undefined) response.json(body);
    };
    // Express 4 does not look at promises.
    answer().catch(next);
  });
  return listen(createServer(app));
}

const fastifyFramework: Framework = {
  name: "fastify",
  start: async ({ trustProxy = false, ...options }, routes) => {
    const app = createFastify({ trustProxy, forceCloseConnections: true });
    await app.register(fastifySession, { secret: SECRET, ...options });
    for (const [path, route] of Object.entries(routes)) {
      app.all(path, async (request, reply) => {
        const exchange = exchangeOf(request.raw, reply.raw, request.url, request, {
          status: (code) => void reply.status(code),
          header: (name, value) => void reply.header(name, value),
          redirect: (url) => void reply.redirect(url),
        });
        if (path.startsWith(RAW)) {
          reply.hijack();
          await route(exchange);
          return undefined;
        }
        const body = await route(exchange);
        return body === undefined ? reply : reply.send(body);
      });
    }
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}`, server: app.server, close: () => app.close() };
  },
};

/** It has no types of its own here: what the adapter and these routes use is the same in both. */
export const Koa2 = createRequire(import.meta.url)("koa2") as typeof Koa;

function koaFramework(name: "koa" | "koa 2", Application: typeof Koa): Framework {
  return { name, start: (options, routes) => startKoa(new Application({ proxy: options.trustProxy === true }), options, routes) };
}

async function startKoa(app: Koa, { trustProxy: _known, ...options }: TestOptions, routes: Routes): Promise<Running> {
  app.silent = true;
  app.use(koaSession({ secret: SECRET, ...options }));
  app.use(async (context) => {
    const exchange = exchangeOf(context.req, context.res, context.url, context, {
      status: (code) => void (context.status = code),
      header: (name, value) => void context.set(name, value),
      redirect: (url) => void context.redirect(url),
    });
    const route = routes[context.path];
    if (route === undefined) throw new Error(`No route ${context.path}`);
    if (context.path.startsWith(RAW)) {
      context.respond = false;
      // Koa begins with 404.
      context.res.statusCode = 200;
    }
    const body = await route(exchange);
    if (body !== undefined) context.body = body as object;
  });
  const answer = app.callback();
  return listen(createServer((request, response) => void answer(request, response)));
}

export const FRAMEWORKS: readonly Framework[] = [
  expressFramework,
  expressFourFramework,
  fastifyFramework,
  koaFramework("koa", Koa),
  koaFramework("koa 2", Koa2),
];

/** The attributes alone: Express lists the cookie among a session's properties, as express-session does. */
export function contentOf(session: SessionObject): Record<string, unknown> {
  const { cookie: _cookie, ...attributes } = session;
  return attributes;
}

async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${port}`, server, close };
}

/** A browser, as far as one cookie goes. */
export class Visitor {
  readonly url: string;
  /** `sid=…`, as it is sent. */
  cookie: string | undefined;

  constructor(url: string, cookie?: string) {
    this.url = url;
    this.cookie = cookie;
  }

  /** Keeps the cookie of the response, as a browser does on headers. */
  async send(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.sendWithoutKeeping(path, init);
    const setCookie = response.headers.getSetCookie().find((value) => /^(__Host-)?\w+=/.test(value) && !value.startsWith("own="));
    if (setCookie !== undefined) {
      const pair = setCookie.slice(0, setCookie.indexOf(";"));
      this.cookie = pair.endsWith("=") ? undefined : pair;
    }
    return response;
  }

  sendWithoutKeeping(path: string, init: RequestInit = {}): Promise<Response> {
    const cookie: Record<string, string> = this.cookie === undefined ? {} : { cookie: this.cookie };
    const headers = { ...cookie, ...(init.headers as Record<string, string> | undefined) };
    return fetch(this.url + path, { redirect: "manual", ...init, headers });
  }

  async json(path: string): Promise<unknown> {
    const response = await this.send(path);
    return response.json();
  }
}

/** A door that a route waits behind, so that two requests overlap by order and not by time. */
export class Gate {
  #arrived: (() => void) | undefined;
  #opened: (() => void) | undefined;
  /** Resolves when a route stands before the gate. */
  readonly reached = new Promise<void>((resolve) => (this.#arrived = resolve));
  readonly #passage = new Promise<void>((resolve) => (this.#opened = resolve));

  wait(): Promise<void> {
    this.#arrived?.();
    return this.#passage;
  }

  open(): void {
    this.#opened?.();
  }
}
