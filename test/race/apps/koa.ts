import Koa from "koa";
import peerSession from "koa-session";
import { session as ownSession } from "../../../src/adapters/koa/index.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { RACE_ATTRIBUTES } from "../../../src/testing/index.ts";
import type { RaceHandlers, RaceNode, RaceSession } from "../../../src/testing/index.ts";
import { CopyingStore } from "../copying-store.ts";
import type { PeerSetup } from "../rows.ts";
import { SECRET, serve } from "./serve.ts";
import type { Library } from "./serve.ts";

export function startKoa(options: EngineOptions, handlers: RaceHandlers): Promise<RaceNode> {
  const sessions = ownSession({ secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });
  const writes = (): number => sessions.engine.stats().commits;
  return start(new Koa(), { middleware: sessions, writes, close: () => sessions.engine.close() }, handlers);
}

export function startKoaSession(setup: PeerSetup, writeLatencyMs: number, handlers: RaceHandlers): Promise<RaceNode> {
  const store = new CopyingStore(writeLatencyMs);
  const app = new Koa();
  app.keys = [SECRET];
  const middleware = (peerSession as unknown as (options: object, app: Koa) => Koa.Middleware)(
    {
      // Its sliding sessions; what it does by default has no cell in which a reader could lose anything.
      rolling: setup === "default",
      store: {
        get: (id: string) => store.read(id),
        set: (id: string, session: unknown) => store.write(id, session),
        destroy: (id: string) => store.remove(id),
      },
    },
    app,
  );
  return start(app, { middleware, writes: () => store.writes, close: () => Promise.resolve() }, handlers);
}

function start(app: Koa, { middleware, writes, close }: Library<Koa.Middleware>, handlers: RaceHandlers): Promise<RaceNode> {
  app.silent = true;
  app.use(async (context, next) => {
    try {
      await next();
    } catch (error) {
      context.status = (error as { status?: number }).status ?? 500;
      context.body = { error: String(error) };
    }
  });
  // Before the sessions: whoever looks must not be one of them.
  app.use((context, next) => {
    if (context.path !== "/writes") return next();
    context.body = { writes: writes() };
    return undefined;
  });
  app.use(middleware);
  app.use(async (context) => {
    const { path, URL } = context;
    const held = context as unknown as { session: RaceSession | null };
    const answer = await handlers.answer({
      path,
      query: URL.searchParams,
      session: () => held.session,
      end: () => Promise.resolve(void (held.session = null)),
      regenerate: async () => {
        // koa-session keeps the data under the new id; a login wants none of the visitor's.
        held.session = {};
        await (held.session as unknown as { regenerate(): Promise<void> }).regenerate();
      },
    });
    if ("redirect" in answer) context.redirect(answer.redirect);
    else {
      context.status = answer.status ?? 200;
      context.body = answer.body;
    }
  });
  const handle = app.callback();
  return serve((request, response) => void handle(request, response), close);
}
