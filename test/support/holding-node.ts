import { createEngine } from "../../src/runtime/index.ts";
import { relays } from "../../src/sync/index.ts";

// A node that holds one session and wants its changes, until it is stopped: `holding-node.ts <relay> <key>`.
const [address = "", key = ""] = process.argv.slice(2);
const engine = createEngine({ sync: relays([address], { alone: "serve", secret: process.env["CONVERGE_SESSION_SECRET"] ?? "" }) });
await engine.ready;
const opened = await engine.checkOut(key);
process.stdout.write(`holds it: ${opened.kind}\n`);
// Something that keeps the process alive: the links do not.
setInterval(() => undefined, 60_000);
