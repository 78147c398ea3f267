import Koa from "koa";
import { counter, type EngineOptions } from "../../../src/engine/index.ts";
import { session } from "../../../src/adapters/koa/index.ts";
import { listen } from "./listen.ts";
import { RaceRoutes } from "./routes.ts";
import type { RaceApp } from "./routes.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Koa with this package's sessions. */
export async function start(options: EngineOptions = {}): Promise<RaceApp> {
  const routes = new RaceRoutes();
  const sessions = session({ secret: SECRET, attributes: { visits: counter() }, onNotice: () => undefined, ...options });
  const app = new Koa();
  app.use(sessions);
  app.use(async (context) => {
    const answer = await routes.answer(context.path, context.URL.searchParams, () => context.session);
    if ("redirect" in answer) context.redirect(answer.redirect);
    else context.body = answer.body;
  });
  return listen(app.callback(), () => sessions.engine.close());
}
