import type { AddressInfo } from "node:net";
import createFastify from "fastify";
import { session } from "converge-session/fastify";
import { escape, page } from "../html.ts";
import { engine, secret, serveOn } from "./shared.ts";

interface Shopper {
  readonly user?: string;
  cart?: string[];
}

const app = createFastify();
await app.register(session, { secret, engine });
app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
  done(null, Object.fromEntries(new URLSearchParams(String(body))));
});

app.get("/cart", (request, reply) => {
  const { user = "nobody", cart = [] } = request.session as Shopper;
  const items = cart.map((item) => `<li>${escape(item)}</li>`).join("");
  const form = '<form method="post" action="/cart"><input name="item" placeholder="a thing"> <button>Add</button></form>';
  const links = '<a href="/checkout">Checkout</a> <a href="/">Login</a>';
  return reply.type("text/html").send(page("Cart (Fastify)", `<p>The cart of ${escape(user)}</p><ul>${items}</ul>${form}${links}`));
});

app.post("/cart", (request, reply) => {
  const { item = "" } = (request.body ?? {}) as { item?: string };
  const shopper = request.session as Shopper;
  // Two tabs may add at the same time: both things are in the cart.
  shopper.cart = [...(shopper.cart ?? []), item];
  return reply.redirect("/cart");
});

await app.listen({ port: 0, host: "127.0.0.1" });
await serveOn((app.server.address() as AddressInfo).port);
