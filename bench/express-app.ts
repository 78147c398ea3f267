import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { RequestHandler } from "express";
import { sessionFixture } from "./fixture.ts";

/** One server of a benchmark: fills a session, reads three of its attributes, or writes one. It tells its port to the parent, and ends with it. */
export function serveBench(sessions: RequestHandler | undefined): void {
  const fixture = sessionFixture();
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (sessions !== undefined) app.use(sessions);

  app.get("/fill", (request, response) => {
    if (sessions !== undefined) Object.assign(request.session, fixture);
    response.send("done");
  });

  app.get("/read", (request, response) => {
    if (sessions !== undefined) {
      const { user, theme, csrfToken } = request.session as unknown as Record<string, unknown>;
      if (user === undefined || theme !== "dark" || csrfToken === undefined) throw new Error("The session is lost.");
    }
    response.send("done");
  });

  app.get("/write", (request, response) => {
    if (sessions !== undefined) {
      const session = request.session as unknown as { visits: number };
      session.visits += 1;
      if (!(session.visits > 17)) throw new Error("The session is lost.");
    }
    response.send("done");
  });

  const server = createServer(app);
  server.keepAliveTimeout = 120_000;
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
  process.on("disconnect", () => process.exit(0));
}
