/** Node A of the demo: the shop on Express with converge-session. `express.ts <name> <relay address>…`; secrets as `environment.ts` says. */
import { session } from "../../../src/adapters/express/index.ts";
import { startExpressShop } from "./express-shop.ts";
import { startEngine } from "./engine.ts";
import { nodeArguments, onStop, quietly, SESSION_SECRET } from "./environment.ts";

const { name, relays } = nodeArguments();
const engine = startEngine(relays);
const url = await startExpressShop({
  node: { name, framework: "Express", pid: process.pid, base: "" },
  sessions: session({ secret: SESSION_SECRET, engine, touch: (request) => request.path !== "/panel", onNotice: quietly }),
  label: (request) => request.session.key.slice(0, 8),
});
onStop(() => engine.close());
await engine.ready;
console.log(`${name} listening on ${url}`);
