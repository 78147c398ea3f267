/** Node B of the demo: the shop on Fastify with converge-session. `fastify.ts <name> <relay address>…`; secrets as `environment.ts` says. */
import createFastify from "fastify";
import { session } from "../../../src/adapters/fastify/index.ts";
import { FORM_BYTES_MAX, PANEL_HEADER, Shop, type ShopSession } from "../shop/shop.ts";
import { startEngine } from "./engine.ts";
import { nodeArguments, onStop, quietly, SESSION_SECRET } from "./environment.ts";
import { failureOf } from "./failure.ts";

const { name, relays } = nodeArguments();
const engine = startEngine(relays);
const shop = new Shop({ name, framework: "Fastify", pid: process.pid, base: "" });
const app = createFastify({ forceCloseConnections: true, bodyLimit: FORM_BYTES_MAX });
app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
app.setErrorHandler((error, _request, reply) => {
  const { status, text } = failureOf(error);
  return reply.status(status).type("text/plain; charset=utf-8").send(text);
});
await app.register(session, { secret: SESSION_SECRET, engine, touch: (request) => request.url !== "/panel", onNotice: quietly });
app.all("/*", async (request, reply) => {
  const answer = await shop.answer(
    {
      method: request.method,
      path: new URL(request.url, "http://shop").pathname,
      form: new URLSearchParams(typeof request.body === "string" ? request.body : ""),
      wantsPanel: request.headers[PANEL_HEADER] !== undefined,
    },
    {
      get session() {
        return request.session as unknown as ShopSession | null;
      },
      label: () => request.session.key.slice(0, 8),
    },
  );
  return reply.status(answer.status).headers(answer.headers).send(answer.body);
});
const url = await app.listen({ host: "127.0.0.1", port: 0 });
onStop(() => app.close().then(() => engine.close()));
await engine.ready;
console.log(`${name} listening on ${url}`);
