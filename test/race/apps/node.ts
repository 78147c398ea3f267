import type { IncomingMessage, ServerResponse } from "node:http";
import { session } from "../../../src/adapters/node/index.ts";
import type { EngineOptions } from "../../../src/engine/index.ts";
import { RACE_ATTRIBUTES } from "../../../src/testing/index.ts";
import type { RaceHandlers, RaceNode, RaceSession } from "../../../src/testing/index.ts";
import { SECRET, serve } from "./serve.ts";

export function startNode(options: EngineOptions, handlers: RaceHandlers): Promise<RaceNode> {
  const sessions = session({ secret: SECRET, attributes: RACE_ATTRIBUTES, onNotice: () => undefined, ...options });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "/", "http://race");
    if (path === "/writes") {
      json(response, 200, { writes: sessions.engine.stats().commits });
      return;
    }
    const visitor = (await sessions(request, response)) as unknown as RaceSession;
    const said = await handlers.answer({ path, query, session: () => visitor });
    if ("redirect" in said) response.writeHead(302, { location: said.redirect }).end();
    else json(response, said.status ?? 200, said.body);
  };

  return serve(
    (request, response) =>
      void answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else json(response, (error as { status?: number }).status ?? 500, { error: String(error) });
      }),
    () => sessions.engine.close(),
  );
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
