/** Node C of the demo: the shop on Koa with converge-session. `koa.ts <name> <relay address>…`; secrets as `environment.ts` says. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { session } from "../../../src/adapters/koa/index.ts";
import { FORM_BYTES_MAX, PANEL_HEADER, Shop, type ShopSession } from "../shop/shop.ts";
import { startEngine } from "./engine.ts";
import { nodeArguments, onStop, quietly, SESSION_SECRET } from "./environment.ts";
import { failureOf } from "./failure.ts";
import { formOf } from "./form.ts";

const { name, relays } = nodeArguments();
const engine = startEngine(relays);
const shop = new Shop({ name, framework: "Koa", pid: process.pid, base: "" });
const app = new Koa();
app.on("error", () => undefined);
app.use(async (context, next) => {
  try {
    await next();
  } catch (error) {
    const { status, text } = failureOf(error);
    Object.assign(context, { status, type: "text/plain", body: text });
  }
});
app.use(session({ secret: SESSION_SECRET, engine, touch: (context) => context.path !== "/panel", onNotice: quietly }));
app.use(async (context) => {
  const answer = await shop.answer(
    {
      method: context.method,
      path: context.path,
      form: await formOf(context.req, FORM_BYTES_MAX),
      wantsPanel: context.get(PANEL_HEADER) !== "",
    },
    {
      get session() {
        return context.session as unknown as ShopSession | null;
      },
      label: () => context.session?.key.slice(0, 8) ?? "",
    },
  );
  context.status = answer.status;
  context.set(answer.headers);
  context.body = answer.body;
});
const listener = app.callback();
const server = createServer((request, response) => void listener(request, response));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
onStop(async () => {
  server.closeAllConnections();
  await engine.close();
});
await engine.ready;
console.log(`${name} listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
