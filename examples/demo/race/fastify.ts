import createFastify from "fastify";
import { counter, type EngineOptions } from "../../../src/engine/index.ts";
import { session } from "../../../src/adapters/fastify/index.ts";
import { RaceRoutes } from "./routes.ts";
import type { RaceApp, RaceSession } from "./routes.ts";
import { SECRET } from "./secret.ts";

/** The race routes on Fastify with this package's sessions. */
export async function start(options: EngineOptions = {}): Promise<RaceApp> {
  const routes = new RaceRoutes();
  const app = createFastify({ forceCloseConnections: true });
  await app.register(session, { secret: SECRET, attributes: { visits: counter() }, onNotice: () => undefined, ...options });
  app.get("/*", async (request, reply) => {
    const { pathname, searchParams } = new URL(request.url, "http://race");
    const answer = await routes.answer(pathname, searchParams, () => request.session as unknown as RaceSession);
    return "redirect" in answer ? reply.redirect(answer.redirect) : answer.body;
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
}
