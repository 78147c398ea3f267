import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RedisStore } from "connect-redis";
import express from "express";
import type { RequestHandler } from "express";
import peerSession from "express-session";
import { createClient } from "redis";
import { sessionFixture } from "./fixture.ts";

// One node of the benchmark, in a process of its own: `bare`, `ours <relay address>` or `peer <redis port>`. It tells its port.

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";
const fixture = sessionFixture();
const [side = "", where = ""] = process.argv.slice(2);

async function middlewareOf(): Promise<RequestHandler | undefined> {
  switch (side) {
    case "bare":
      return undefined;
    case "peer": {
      const client = await createClient({ url: `redis://127.0.0.1:${where}` }).connect();
      return peerSession({ secret: SECRET, name: "sid", resave: false, saveUninitialized: false, store: new RedisStore({ client }) });
    }
    case "ours": {
      // What people run is the build.
      const built = (path: string): string => new URL(`../dist/${path}`, import.meta.url).href;
      const { session } = (await import(built("adapters/express/index.js"))) as typeof import("../src/adapters/express/index.ts");
      const { createEngine } = (await import(built("index.js"))) as typeof import("../src/index.ts");
      const { relays } = (await import(built("sync/index.js"))) as typeof import("../src/sync/index.ts");
      const engine = createEngine({ sync: relays([where], { secret: SECRET, alone: "serve" }) });
      await engine.ready;
      return session({ secret: SECRET, name: "sid", cookie: { secure: false }, engine });
    }
    default:
      throw new Error("name a side: bare, ours, peer");
  }
}

const sessions = await middlewareOf();
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
