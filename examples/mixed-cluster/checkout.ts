import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import { session } from "converge-session/koa";
import { escape, page } from "../html.ts";
import { engine, secret, serveOn } from "./shared.ts";

interface Shopper {
  readonly user?: string;
  cart?: string[];
  orders?: number;
}

const app = new Koa();
app.use(session({ secret, engine }, app));

app.use((context) => {
  const shopper = context.session as Shopper | null;
  const { user, cart = [], orders = 0 } = shopper ?? {};
  if (user === undefined || shopper === null) {
    context.status = 401;
    context.body = page("Checkout (Koa)", '<p>Nobody is logged in. <a href="/">Log in</a></p>');
  } else if (context.method === "POST") {
    shopper.orders = orders + 1;
    delete shopper.cart;
    context.redirect("/checkout");
  } else {
    const form = '<form method="post" action="/checkout"><button>Order</button></form>';
    context.body = page("Checkout (Koa)", `<p>${escape(user)} orders ${cart.length} things, and has ordered ${orders} times.</p>${form}`);
  }
});

const handle = app.callback();
const server = createServer((request, response) => void handle(request, response)).listen(
  0,
  "127.0.0.1",
  () => void serveOn((server.address() as AddressInfo).port),
);
