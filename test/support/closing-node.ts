/*
 * A node that closes its engine and then has nothing left to do: `closing-node.ts <relay address>`, with the secret in
 * CONVERGE_SESSION_SECRET. It must end by itself.
 */
import { createEngine } from "../../src/runtime/index.ts";
import { relays } from "../../src/sync/index.ts";

const engine = createEngine({
  sync: relays([process.argv[2] ?? ""], { alone: "serve", secret: process.env["CONVERGE_SESSION_SECRET"] ?? "" }),
});
await engine.ready;
const session = engine.draft();
session.identify(engine.issueId());
session.set("visits", 1);
session.commit();
session.touch();
await engine.close();
process.stdout.write("closed\n");
