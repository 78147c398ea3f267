import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { RequestHandler } from "express";
import peerSession from "express-session";
import { sessionFixture } from "./fixture.ts";

// One server of the benchmark, in a process of its own: `bare`, `ours` or `peer`. It tells its port, and its CPU time when asked.

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";
const fixture = sessionFixture();

async function middlewareOf(side: string): Promise<RequestHandler | undefined> {
  switch (side) {
    case "bare":
      return undefined;
    case "peer":
      return peerSession({ secret: SECRET, name: "sid", resave: false, saveUninitialized: false });
    case "ours": {
      // What people run is the build.
      const path = new URL("../dist/adapters/express/index.js", import.meta.url).href;
      const { session } = (await import(path)) as typeof import("../src/adapters/express/index.ts");
      return session({ secret: SECRET, name: "sid", cookie: { secure: false } });
    }
    default:
      throw new Error("name a side: bare, ours, peer");
  }
}

const sessions = await middlewareOf(process.argv[2] ?? "");
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

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on("disconnect", () => process.exit(0));
