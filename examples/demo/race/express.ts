import express from "express";
import { session } from "../../../src/adapters/express/index.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { RACE_ATTRIBUTES, RaceHandlers, type RaceNode, type RaceSession } from "../../../src/testing/index.ts";
import { listen } from "./listen.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Express with this package's sessions. */
export async function start(options: EngineOptions = {}, handlers = new RaceHandlers()): Promise<RaceNode> {
  const sessions = session({ secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });
  const app = express();
  app.use(sessions);
  app.use(async (request, response) => {
    const query = new URL(request.originalUrl, "http://race").searchParams;
    const found = (): RaceSession | undefined => request.session as unknown as RaceSession | undefined;
    const answer = await handlers.answer({ path: request.path, query, session: found });
    if ("redirect" in answer) response.redirect(answer.redirect);
    else response.status(answer.status ?? 200).json(answer.body);
  });
  return listen(app, () => sessions.engine.close());
}
