import Koa from "koa";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { session } from "../../../src/adapters/koa/index.ts";
import { RACE_ATTRIBUTES, RaceHandlers, type RaceNode } from "../../../src/testing/index.ts";
import { listen } from "./listen.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Koa with this package's sessions. */
export async function start(options: EngineOptions = {}, handlers = new RaceHandlers()): Promise<RaceNode> {
  const sessions = session({ secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });
  const app = new Koa();
  app.use(sessions);
  app.use(async (context) => {
    const { path, URL } = context;
    const answer = await handlers.answer({ path, query: URL.searchParams, session: () => context.session });
    if ("redirect" in answer) context.redirect(answer.redirect);
    else {
      context.status = answer.status ?? 200;
      context.body = answer.body;
    }
  });
  return listen(app.callback(), () => sessions.engine.close());
}
