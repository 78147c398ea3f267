import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import express from "express";
import type { NextFunction, Request, Response } from "express";
import createFastify from "fastify";
import Koa from "koa";
import { session as expressSession } from "../../../src/adapters/express/index.ts";
import { session as fastifySession } from "../../../src/adapters/fastify/index.ts";
import { session as koaSession } from "../../../src/adapters/koa/index.ts";
import type { SessionEngine } from "../../../src/index.ts";

/** What a node is told when it starts. Port 0 is any free one. */
export interface NodeSettings {
  readonly framework: Framework;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
  readonly relays: readonly string[];
  readonly acks: number;
  readonly degraded: "serve" | "fail";
}

export type Framework = "express" | "fastify" | "koa";

interface AppSession {
  [name: string]: unknown;
  readonly key: string;
  regenerate(options: { keep: true }): Promise<void>;
  destroy(): Promise<void>;
}

const KEEP_ALIVE_MS = 120_000;
const SECRET = "chaos only: thirty-two bytes or more, as all nodes share it";
/** The tests speak plain http, also to addresses other than loopback. */
const COOKIE = { name: "sid", cookie: { secure: false }, onNotice: () => undefined } as const;

/** The same small app on each framework. */
export const APPS: Readonly<Record<Framework, (engine: SessionEngine) => Promise<Server>>> = {
  express: async (engine) => {
    const app = express();
    app.disable("etag");
    app.use(expressSession({ secret: SECRET, engine, ...COOKIE }), async (request: Request, response: Response) => {
      response.json(await answer(request.originalUrl, () => request.session as unknown as AppSession));
    });
    app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
      if (response.headersSent) response.destroy();
      else response.status(statusOf(error)).json(failure(error));
    });
    return closing(app);
  },
  fastify: async (engine) => {
    let server: Server | undefined;
    const app = createFastify({ serverFactory: (handler) => (server = closing(handler)) });
    app.setErrorHandler((error, _request, reply) => reply.status(statusOf(error)).send(failure(error)));
    await app.register(fastifySession, { secret: SECRET, engine, ...COOKIE });
    app.all("/*", (request) => answer(request.url, () => request.session));
    await app.ready();
    if (server === undefined) throw new Error("Fastify made no server");
    return server;
  },
  koa: async (engine) => {
    const app = new Koa();
    app.use(async (context, next) => {
      try {
        await next();
      } catch (error) {
        context.status = statusOf(error);
        context.body = failure(error);
      }
    });
    app.use(koaSession({ secret: SECRET, engine, ...COOKIE }));
    app.use(async (context) => {
      context.body = await answer(context.originalUrl, () => context.session);
    });
    return closing(app.callback());
  },
};

/** Answers of a server that is being closed ask the client to leave the connection. */
function closing(listener: (request: IncomingMessage, response: ServerResponse) => unknown): Server {
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader("connection", "close");
    void listener(request, response);
  });
  // Longer than any pause of the load: a connection that breaks says something about the node then.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

/** What the load asks for: `/<kind>?id=…&name=…`. Every answer says which session it was. */
async function answer(url: string, session: () => AppSession | null): Promise<object> {
  const { pathname, searchParams } = new URL(url, "http://node");
  const id = searchParams.get("id") ?? "";
  const data = session();
  if (data === null) return {};
  switch (pathname) {
    case "/create":
      data["born"] = searchParams.get("session");
      break;
    case "/set":
      data[searchParams.get("name") ?? "r0"] = Number(id);
      break;
    case "/push":
      data["log"] = [...((data["log"] as string[] | undefined) ?? []), id];
      break;
    case "/add":
      data["visits"] = Number(data["visits"] ?? 0) + 1;
      break;
    case "/login":
      await data.regenerate({ keep: true });
      return head(session());
    case "/logout":
      await data.destroy();
      return {};
    case "/read": {
      const { cookie: _cookie, ...view } = data;
      return { key: data["born"] === undefined ? undefined : data.key, view };
    }
    default:
      throw new Error(`the app has no ${pathname}`);
  }
  return head(data);
}

function head(data: AppSession | null): object {
  return data === null ? {} : { key: data.key, view: { born: data["born"] } };
}

function statusOf(error: unknown): number {
  return error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 500;
}

function failure(error: unknown): object {
  return { code: error instanceof Error && "code" in error ? error.code : String(error) };
}
