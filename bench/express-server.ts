import type { RequestHandler } from "express";
import peerSession from "express-session";
import { serveBench } from "./express-app.ts";

// One server of the benchmark, in a process of its own: `bare`, `ours` or `peer`. It tells its port, and its CPU time when asked.

const SECRET = "a secret of benchmarks, with its thirty-two bytes and more";

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

serveBench(await middlewareOf(process.argv[2] ?? ""));

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
