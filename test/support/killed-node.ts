/*
 * A node that is killed in the tick in which it wrote: `killed-node.ts <relay address>`, with the secret in CONVERGE_SESSION_SECRET.
 * Prints the key and the number of writes, then writes and dies.
 */
import { createEngine } from "../../src/runtime/index.ts";
import { relays } from "../../src/sync/index.ts";

const WRITE_COUNT = 20;

const engine = createEngine({
  sync: relays([process.argv[2] ?? ""], { alone: "serve", secret: process.env["CONVERGE_SESSION_SECRET"] ?? "" }),
});
await engine.ready;
const id = engine.issueId();
const first = engine.draft();
first.identify(id);
first.set("visits", 0);
first.commit();
// What was printed has left the process when the callback is called.
await new Promise<void>((resolve) => process.stdout.write(`wrote ${engine.keyOf(id)} ${WRITE_COUNT}\n`, () => resolve()));

for (let visits = 1; visits <= WRITE_COUNT; visits += 1) {
  const session = engine.checkOutHot(engine.keyOf(id));
  session?.set("visits", visits);
  session?.commit();
}
process.kill(process.pid, "SIGKILL");
