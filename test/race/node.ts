/**
 * One node of the race suite as a process of its own: `node.ts <adapter> <relay address>`. The secret that it shares with the relay is in
 * CONVERGE_SESSION_SECRET. Prints where it listens; ends on SIGTERM.
 */
import type { Replication } from "../../src/engine/index.ts";
import { relays } from "../../src/sync/index.ts";
import { ADAPTERS } from "./adapters.ts";
import { raceHandlers } from "./handlers.ts";
import { print } from "../support/print.ts";

const [adapter = "", relay = ""] = process.argv.slice(2);
const start = ADAPTERS[adapter];
if (start === undefined) throw new Error(`No adapter "${adapter}": name ${Object.keys(ADAPTERS).join(", ")}.`);
const secret = process.env["CONVERGE_SESSION_SECRET"] ?? "";
let replication: Replication | undefined;
const app = await start({ sync: (host) => (replication = relays([relay], { alone: "serve", secret })(host)) }, raceHandlers());
// Whoever is told that this node listens asks it at once: by then it has met the relay.
await replication?.ready;
process.once("SIGTERM", () => void app.close().finally(() => process.exit()));
print(`${adapter} listening on ${app.url}`);
