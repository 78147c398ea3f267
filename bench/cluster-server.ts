import { RedisStore } from "connect-redis";
import type { RequestHandler } from "express";
import peerSession from "express-session";
import { createClient } from "redis";
import { serveBench } from "./express-app.ts";

// One node of the benchmark, in a process of its own: `bare`, `ours <relay address>` or `peer <redis port>`. It tells its port.

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";
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

serveBench(await middlewareOf());
