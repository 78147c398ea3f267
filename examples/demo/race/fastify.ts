import createFastify from "fastify";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { session } from "../../../src/adapters/fastify/index.ts";
import { RACE_ATTRIBUTES, RaceHandlers, type RaceNode } from "../../../src/testing/index.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Fastify with this package's sessions. */
export async function start(options: EngineOptions = {}, handlers = new RaceHandlers()): Promise<RaceNode> {
  const app = createFastify({ forceCloseConnections: true });
  await app.register(session, { secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });
  app.get("/*", async (request, reply) => {
    const { pathname: path, searchParams: query } = new URL(request.url, "http://race");
    const answer = await handlers.answer({ path, query, session: () => request.session });
    return "redirect" in answer ? reply.redirect(answer.redirect) : reply.status(answer.status ?? 200).send(answer.body);
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
}
