/**
 * A node of the chaos tests: `node.ts <NodeSettings as JSON>`, with the secret of nodes and relays in CONVERGE_SESSION_SECRET. Prints
 * `ready <address of the app> <address of the admin port>`. SIGTERM drains it.
 */
import type { Server } from "node:http";
import { counter, createEngine, list } from "../../src/index.ts";
import { relays } from "../../src/sync/index.ts";
import { print } from "../support/print.ts";
import { LOST_WRITE_LINE, startAdmin } from "./cluster/admin-server.ts";
import { APPS, type NodeSettings } from "./cluster/node-app.ts";

/** Requests under way when it is told to stop get this long. */
const DRAIN_MS = 3_000;

const settings = JSON.parse(process.argv[2] ?? "") as NodeSettings;
const engine = createEngine({
  attributes: { visits: counter(), log: list<string>() },
  sync: relays(settings.relays, {
    secret: process.env["CONVERGE_SESSION_SECRET"] ?? "",
    alone: "refuse",
    acks: settings.acks,
    degraded: settings.degraded,
    log: (line) => process.stderr.write(`${line}\n`),
  }),
});
// For the checkers, also after it is killed.
engine.on("lost-write", () => process.stderr.write(`${LOST_WRITE_LINE}\n`));
const admin = await startAdmin(engine, settings.host, settings.adminPort);
const app = await APPS[settings.framework](engine);
await new Promise<void>((resolve) => app.listen(settings.port, settings.host, resolve));
await engine.ready;
process.once("SIGTERM", () => {
  void drained(app)
    .then(() => engine.close())
    .finally(() => process.exit());
});
print(`ready ${addressOf(app)} ${addressOf(admin)}`);

async function drained(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed.finally(() => clearTimeout(timer));
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  return `http://${address.address}:${address.port}`;
}
