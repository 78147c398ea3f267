/**
 * `npm run example -- shop`: a shop on Koa. Two tabs that add to the cart at the same time both count, and an order goes out once, however often
 * the button is pressed.
 */
import type { IncomingMessage } from "node:http";
import Koa from "koa";
import { counter, map } from "converge-session";
import { type KoaSession, session } from "converge-session/koa";
import { escape, page } from "../html.ts";
import { listen } from "../listen.ts";

interface Visitor {
  /** How many of each, by the name of the product. */
  cart?: Record<string, number>;
  orderCount?: number;
  note?: string;
}

const PRODUCTS = ["kettle", "teapot", "cup"];
const WEEK_MS = 7 * 86_400_000;
const FORM_BYTES_MAX = 4096;

const app = new Koa();
app.keys = [process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes"];
const sessions = session({ maxAge: WEEK_MS, attributes: { cart: map(counter()), orderCount: counter() } }, app);
app.use(sessions);

app.use(async (context) => {
  // Nothing of this shop is outside the session.
  if (context.session === null) return;
  const visitor = context.session as KoaSession & Visitor;
  if (context.method === "GET" && context.path === "/") {
    const { note } = visitor;
    delete visitor.note;
    context.type = "html";
    context.body = page("Tea shop", shelf(visitor.cart ?? {}, visitor.orderCount ?? 0, note));
    return;
  }
  if (context.method !== "POST") return;
  const form = await formOf(context.req);
  const product = form.get("product") ?? "";
  switch (context.path) {
    case "/add":
      if (PRODUCTS.includes(product)) visitor.cart = { ...visitor.cart, [product]: (visitor.cart?.[product] ?? 0) + 1 };
      break;
    case "/remove":
      if (visitor.cart !== undefined) delete visitor.cart[product];
      break;
    case "/order": {
      // The page says which order its button stands for: whoever presses it twice, in whatever tabs, gets one.
      const number = form.get("number") ?? "";
      const isFirst = visitor.populated && /^\d{1,6}$/.test(number) && (await sessions.engine.claim(visitor.key, `order ${number}`));
      if (!isFirst) break;
      visitor.cart = {};
      visitor.orderCount = (visitor.orderCount ?? 0) + 1;
      visitor.note = "Thank you, your order is on its way.";
      break;
    }
    case "/leave":
      context.session = null;
      break;
    default:
      return;
  }
  // Written before the redirect goes out: the next page cannot come too early for it.
  context.redirect("/");
});

listen((request, response) => void app.callback()(request, response));

function shelf(cart: Readonly<Record<string, number>>, orderCount: number, note: string | undefined): string {
  const shelves = PRODUCTS.map((product) => `<li>${product} ${button("/add", "Add", { product })}</li>`).join("");
  const lines = Object.entries(cart).map(
    ([product, quantity]) => `<li>${quantity} × ${escape(product)} ${button("/remove", "Remove", { product })}</li>`,
  );
  const order = button("/order", "Order", { number: String(orderCount) });
  return `${note === undefined ? "" : `<p class="note">${escape(note)}</p>`}<ul>${shelves}</ul>
<h2>Your cart</h2>${lines.length === 0 ? "<p>It is empty.</p>" : `<ul>${lines.join("")}</ul>${order}`}
<p>${orderCount} orders so far. ${button("/leave", "Forget me", {})}</p>`;
}

function button(action: string, text: string, fields: Readonly<Record<string, string>>): string {
  const hidden = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`);
  return `<form method="post" action="${action}" style="display:inline">${hidden.join("")}<button>${text}</button></form>`;
}

/** A body parser would do this. */
async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const chunk of request) {
    text += (chunk as Buffer).toString();
    if (text.length > FORM_BYTES_MAX) return new URLSearchParams();
  }
  return new URLSearchParams(text);
}
