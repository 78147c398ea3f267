import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { session } from "converge-session/express";
import { escape, page } from "../html.ts";
import { engine, secret, serveOn } from "./shared.ts";

const app = express();
app.use(session({ secret, engine }));
app.use(express.urlencoded({ extended: false }));

app.get("/", (request, response) => {
  const { user } = request.session as { user?: string };
  const form =
    user === undefined
      ? '<form method="post" action="/login"><input name="user" placeholder="your name"> <button>Log in</button></form>'
      : `<p>Hello, <b>${escape(user)}</b>. <a href="/cart">Cart</a> <a href="/checkout">Checkout</a></p><form method="post" action="/logout"><button>Log out</button></form>`;
  response.send(page("Login (Express)", form));
});

app.post("/login", async (request, response) => {
  const { user = "" } = (request.body ?? {}) as { user?: string };
  // Another id for whoever logs in; what was in the cart before stays.
  await request.session.regenerate({ keep: ["cart"] });
  Object.assign(request.session, { user: user.trim() === "" ? "somebody" : user.trim() });
  response.redirect("/cart");
});

app.post("/logout", async (request, response) => {
  await request.session.destroy();
  response.redirect("/");
});

const server = createServer(app).listen(0, "127.0.0.1", () => void serveOn((server.address() as AddressInfo).port));
