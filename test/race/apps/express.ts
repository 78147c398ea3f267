import express from "express";
import type { RequestHandler } from "express";
import peerSession, { Store } from "express-session";
import type { SessionData } from "express-session";
import { session as ownSession } from "../../../src/adapters/express/index.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { RACE_ATTRIBUTES } from "../../../src/testing/index.ts";
import type { RaceHandlers, RaceNode, RaceSession } from "../../../src/testing/index.ts";
import { CopyingStore } from "../copying-store.ts";
import type { PeerSetup } from "../rows.ts";
import { SECRET, serve } from "./serve.ts";
import type { Library } from "./serve.ts";

export function startExpress(options: EngineOptions, handlers: RaceHandlers): Promise<RaceNode> {
  const sessions = ownSession({ secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });
  return start({ middleware: sessions, writes: () => sessions.engine.stats().commits, close: () => sessions.engine.close() }, handlers);
}

export function startExpressSession(setup: PeerSetup, writeLatencyMs: number, handlers: RaceHandlers): Promise<RaceNode> {
  const store = new CopyingStore(writeLatencyMs);
  const options = setup === "default" ? { resave: true, saveUninitialized: true } : { resave: false, saveUninitialized: false };
  const middleware = peerSession({ secret: SECRET, ...options, store: new ClassicStore(store) });
  return start({ middleware, writes: () => store.writes, close: () => Promise.resolve() }, handlers);
}

function start({ middleware, writes, close }: Library<RequestHandler>, handlers: RaceHandlers): Promise<RaceNode> {
  const app = express();
  // Before the sessions: whoever looks must not be one of them.
  app.get("/writes", (_request, response) => void response.json({ writes: writes() }));
  app.use(middleware);
  app.use(async (request, response) => {
    const query = new URL(request.originalUrl, "http://race").searchParams;
    const found = (): RaceSession | undefined => request.session as unknown as RaceSession | undefined;
    const answer = await handlers.answer({ path: request.path, query, session: found });
    if ("redirect" in answer) response.redirect(answer.redirect);
    else response.status(answer.status ?? 200).json(answer.body);
  });
  app.use(((error: Error & { status?: number }, _request, response, next) => {
    if (response.headersSent) next(error);
    else response.status(error.status ?? 500).json({ error: error.message });
  }) as express.ErrorRequestHandler);
  return serve(app, close);
}

class ClassicStore extends Store {
  readonly #store: CopyingStore;

  constructor(store: CopyingStore) {
    super();
    this.#store = store;
  }

  override get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    this.#store.read(id).then((session) => callback(null, session as SessionData | undefined), callback);
  }

  override set(id: string, session: SessionData, callback?: (error?: unknown) => void): void {
    void this.#store.write(id, session, endOf(session)).then(() => callback?.(), callback);
  }

  override destroy(id: string, callback?: (error?: unknown) => void): void {
    void this.#store.remove(id).then(() => callback?.(), callback);
  }

  override touch(id: string, session: SessionData, callback?: () => void): void {
    void this.#store.touch(id, endOf(session)).then(callback, callback);
  }
}

/** As connect-redis has it. */
function endOf({ cookie }: SessionData): number | undefined {
  return cookie.expires === undefined || cookie.expires === null ? undefined : new Date(cookie.expires).getTime();
}
