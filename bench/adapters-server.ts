import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import fastifyPeer from "@fastify/session";
import createFastify from "fastify";
import Koa from "koa";
import koaPeer from "koa-session";
import { sessionFixture } from "./fixture.ts";

// One server of the benchmark of Fastify or Koa, in a process of its own: `<framework> <bare|ours|peer>`. It tells its port, and its CPU time when asked.

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";
const NAME = "sid";
const fixture = sessionFixture();

type Held = Record<string, unknown> & { visits: number };

/** What each path does with its session; the same for both frameworks. */
function visit(path: string, session: Held | undefined): void {
  if (session === undefined) return;
  if (path === "/fill") Object.assign(session, fixture);
  else if (path === "/read") {
    const { user, theme, csrfToken } = session;
    if (user === undefined || theme !== "dark" || csrfToken === undefined) throw new Error("The session is lost.");
  } else {
    session.visits += 1;
    if (!(session.visits > 17)) throw new Error("The session is lost.");
  }
}

async function fastifyListener(side: string): Promise<RequestListener> {
  let listener: RequestListener | undefined;
  const app = createFastify({
    serverFactory: (handler) => {
      listener = handler;
      return createServer(handler);
    },
  });
  if (side === "ours") {
    // What people run is the build.
    const path = new URL("../dist/adapters/fastify/index.js", import.meta.url).href;
    const { session } = (await import(path)) as typeof import("../src/adapters/fastify/index.ts");
    await app.register(session, { secret: SECRET, name: NAME, cookie: { secure: false } });
  } else if (side === "peer") {
    await app.register(fastifyCookie);
    // As its documentation has it for sessions that are not written by readers, which is what ours never does.
    await app.register(fastifyPeer, {
      secret: SECRET,
      cookieName: NAME,
      cookie: { secure: false },
      saveUninitialized: false,
      rolling: false,
    });
  }
  const isBare = side === "bare";
  for (const path of ["/fill", "/read", "/write"]) {
    app.get(path, (request, reply) => {
      visit(path, isBare ? undefined : (request.session as unknown as Held));
      return reply.send("done");
    });
  }
  await app.ready();
  if (listener === undefined) throw new Error("Fastify made no server.");
  return listener;
}

async function koaListener(side: string): Promise<RequestListener> {
  const app = new Koa();
  if (side === "ours") {
    const path = new URL("../dist/adapters/koa/index.js", import.meta.url).href;
    const { session } = (await import(path)) as typeof import("../src/adapters/koa/index.ts");
    app.use(session({ secret: SECRET, name: NAME, cookie: { secure: false } } as never));
  } else if (side === "peer") {
    app.keys = [SECRET];
    const sessions = new Map<string, unknown>();
    const store = {
      get: (key: string) => Promise.resolve(sessions.get(key)),
      set: (key: string, session: unknown) => Promise.resolve(void sessions.set(key, session)),
      destroy: (key: string) => Promise.resolve(void sessions.delete(key)),
    };
    app.use((koaPeer as unknown as (options: object, app: Koa) => Koa.Middleware)({ key: NAME, store }, app));
  }
  const isBare = side === "bare";
  app.use((context) => {
    visit(context.path, isBare ? undefined : (context as unknown as { session: Held }).session);
    context.body = "done";
  });
  const handle = app.callback();
  return (request, response) => void handle(request, response);
}

const [framework = "", side = ""] = process.argv.slice(2);
const listener = framework === "fastify" ? await fastifyListener(side) : await koaListener(side);
const server = createServer(listener);
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on("disconnect", () => process.exit(0));
