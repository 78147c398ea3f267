import express from "express";
import { session } from "../../../src/adapters/express/index.ts";
import { counter, type EngineOptions } from "../../../src/engine/index.ts";
import { listen } from "./listen.ts";
import { RaceRoutes } from "./routes.ts";
import type { RaceApp, RaceSession } from "./routes.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Express with this package's sessions. */
export async function start(options: EngineOptions = {}): Promise<RaceApp> {
  const routes = new RaceRoutes();
  const sessions = session({ secret: SECRET, attributes: { visits: counter() }, onNotice: () => undefined, ...options });
  const app = express();
  app.use(sessions);
  app.use(async (request, response) => {
    const query = new URL(request.originalUrl, "http://race").searchParams;
    const answer = await routes.answer(request.path, query, () => request.session as unknown as RaceSession | undefined);
    if ("redirect" in answer) response.redirect(answer.redirect);
    else response.json(answer.body);
  });
  return listen(app, () => sessions.engine.close());
}
