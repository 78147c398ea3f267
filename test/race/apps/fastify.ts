import fastifyCookie from "@fastify/cookie";
import peerSession from "@fastify/session";
import createFastify from "fastify";
import type { FastifyInstance } from "fastify";
import { session as ownSession } from "../../../src/adapters/fastify/index.ts";
import type { EngineOptions, SessionEngine } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { RACE_ATTRIBUTES } from "../../../src/testing/index.ts";
import type { RaceHandlers, RaceNode } from "../../../src/testing/index.ts";
import { CopyingStore } from "../copying-store.ts";
import type { PeerSetup } from "../rows.ts";
import { SECRET } from "./serve.ts";

export async function startFastify(options: EngineOptions, handlers: RaceHandlers): Promise<RaceNode> {
  const engine = createEngine({ attributes: RACE_ATTRIBUTES, ...options }) as SessionEngine;
  const register = async (app: FastifyInstance): Promise<void> => {
    await app.register(ownSession, { secret: SECRET, engine, onNotice: () => undefined });
  };
  const node = await start(register, () => engine.stats().commits, handlers);
  return { ...node, close: () => node.close().then(() => engine.close()) };
}

export async function startFastifySession(setup: PeerSetup, writeLatencyMs: number, handlers: RaceHandlers): Promise<RaceNode> {
  const store = new CopyingStore(writeLatencyMs);
  const options = setup === "default" ? {} : { rolling: false, saveUninitialized: false };
  const register = async (app: FastifyInstance): Promise<void> => {
    await app.register(fastifyCookie);
    await app.register(peerSession, { secret: SECRET, cookie: { secure: false }, ...options, store: classicStore(store) });
  };
  return start(register, () => store.writes, handlers);
}

async function start(register: (app: FastifyInstance) => Promise<void>, writes: () => number, handlers: RaceHandlers): Promise<RaceNode> {
  const app = createFastify({ forceCloseConnections: true });
  // Outside of the sessions: whoever looks must not be one of them.
  app.get("/writes", () => ({ writes: writes() }));
  await app.register(async (scope) => {
    await register(scope);
    scope.get("/*", async (request, reply) => {
      const { pathname: path, searchParams: query } = new URL(request.url, "http://race");
      const answer = await handlers.answer({ path, query, session: () => request.session });
      return "redirect" in answer ? reply.redirect(answer.redirect) : reply.status(answer.status ?? 200).send(answer.body);
    });
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
}

type Callback = (error: unknown, session?: unknown) => void;

function classicStore(store: CopyingStore): never {
  return {
    get: (id: string, callback: Callback) => void store.read(id).then((session) => callback(null, session), callback),
    set: (id: string, session: unknown, callback: Callback) => void store.write(id, session).then(() => callback(null), callback),
    destroy: (id: string, callback: Callback) => void store.remove(id).then(() => callback(null), callback),
  } as never;
}
