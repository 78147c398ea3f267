/**
 * One node of the races as a process of its own: `node.ts <express|fastify|koa> [relay address]`. The secret that it shares with the relay is in
 * CONVERGE_SESSION_SECRET. Prints where it listens; ends on SIGTERM.
 */
import type { EngineOptions, Replication } from "../../../src/engine/index.ts";
import { relays } from "../../../src/sync/index.ts";
import { start as startExpress } from "./express.ts";
import { start as startFastify } from "./fastify.ts";
import { isFramework, type RaceFramework } from "./frameworks.ts";
import { start as startKoa } from "./koa.ts";
import type { RaceNode } from "../../../src/testing/index.ts";

const START: Readonly<Record<RaceFramework, (options: EngineOptions) => Promise<RaceNode>>> = {
  express: startExpress,
  fastify: startFastify,
  koa: startKoa,
};

const [framework = "express", relay] = process.argv.slice(2);
if (!isFramework(framework)) throw new Error(`No race app for "${framework}": name ${Object.keys(START).join(", ")}.`);
const secret = process.env["CONVERGE_SESSION_SECRET"] ?? "";
let replication: Replication | undefined;
const sync: EngineOptions["sync"] = (host) => (replication = relays([String(relay)], { alone: "serve", secret })(host));
const app = await START[framework](relay === undefined ? {} : { sync });
// Whoever is told that this node listens may kill it at once: by then it has met the relay.
await replication?.ready;
process.once("SIGTERM", () => void app.close().finally(() => process.exit()));
console.log(`${framework} listening on ${app.url}`);
