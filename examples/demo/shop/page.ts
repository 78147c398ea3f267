import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Html, html } from "./html.ts";
import { type CartView, renderPanel } from "./panel.ts";
import { price, type Product, PRODUCTS } from "./products.ts";
import type { ShopNode } from "./shop.ts";

const STYLE = readFileSync(new URL("page.css", import.meta.url), "utf8");
const SCRIPT = readFileSync(new URL("page.js", import.meta.url), "utf8");
// Outside the templates, which formatters touch: the policy below holds the hash of each to the byte.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const SCRIPT_ELEMENT = new Html(`<script>${SCRIPT}</script>`);
const ICON =
  "data:image/svg+xml," +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#0d9488" stroke-width="4"><path d="M4 6c10 0 8 10 18 10h6M4 26c10 0 8-10 18-10"/></svg>',
  );

/** Nothing from elsewhere, and no script or style but these two. */
const SECURITY_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "img-src data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export interface Page {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The whole page, as the node serves it that was asked. The express-session panel is filled by the script, from `/classic`. */
export function renderPage(node: ShopNode, view: CartView): Page {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Confluence, a demo shop on converge-session</title>
        <link rel="icon" href="${ICON}" />
        ${STYLE_ELEMENT}
      </head>
      <body>
        ${drawings()}
        <header class="top">
          <a class="brand" href="/">
            <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 6c10 0 8 10 18 10h6M4 26c10 0 8-10 18-10" /></svg>
            <span>Confluence <span class="dim">demo shop</span></span>
          </a>
          <a class="button" href="/" target="_blank" rel="noopener">Open a second tab</a>
        </header>
        <main>
          <section class="intro">
            <h1>One cart, three nodes, any number of tabs</h1>
            <p>
              Whatever you add goes to two copies of the same shop. One keeps its sessions with converge-session, on an Express, a Fastify
              and a Koa node that take turns, and two relays. The other keeps them with express-session. Send ten requests at once; then
              kill what you like, and go on.
            </p>
            <div class="actions">
              <button class="primary" id="burst" type="button">Add 10 at once, to both</button>
              <span class="dim" id="status" role="status"></span>
              <noscript>Without JavaScript this page shows the left shop only.</noscript>
            </div>
          </section>
          <section class="cluster" aria-label="What runs">
            <svg id="links" viewBox="0 0 600 100" preserveAspectRatio="none" aria-hidden="true"></svg>
            <ul id="programs"></ul>
          </section>
          <ul class="products" aria-label="Products">
            ${PRODUCTS.map(productCard)}
          </ul>
          <div class="panels">
            <section class="panel ours" data-base="" aria-labelledby="ours-title">
              <header>
                <h2 id="ours-title">converge-session</h2>
                <p class="dim">Three nodes, two relays. Requests merge.</p>
              </header>
              ${score()}${renderPanel(node, view)}
            </section>
            <section class="panel classic" data-base="/classic" aria-labelledby="classic-title">
              <header>
                <h2 id="classic-title">express-session</h2>
                <p class="dim">One process, a store with 5 ms latency. The last response wins.</p>
              </header>
              ${score()}
              <div data-part="served"></div>
              <div data-part="account"></div>
              <p class="empty" data-part="lines">Loading.</p>
              <div data-part="total"></div>
            </section>
          </div>
        </main>
        <footer class="bottom dim">
          Everything runs on this machine, each box a process of its own. Try it: log in here and look at the other tab; log out there; kill
          a relay and two nodes, and add something. The same under load: <code>npm run demo -- --drill</code>.
        </footer>
        ${SCRIPT_ELEMENT}
      </body>
    </html>`;
  return {
    text: page.text,
    headers: { "content-security-policy": SECURITY_POLICY, "referrer-policy": "no-referrer", "x-content-type-options": "nosniff" },
  };
}

function productCard(product: Product): Html {
  return html`<li class="product">
    <svg class="picture ${product.id}" viewBox="0 0 96 96" aria-hidden="true"><use href="#product-${product.id}" /></svg>
    <div class="name">${product.name}</div>
    <div class="price">${price(product.cents)}</div>
    <form method="post" action="/add" data-both>
      <input type="hidden" name="product" value="${product.id}" />
      <button aria-label="Add ${product.name}">Add</button>
    </form>
  </li>`;
}

/** What this tab sent and was told is done, against what the cart holds. Counted by the script. */
function score(): Html {
  return html`<div class="score">
    <div class="bar" aria-hidden="true"><span class="kept"></span><span class="lost"></span></div>
    <p>
      <span>Sent <b data-sent>0</b></span> <span>Kept <b data-kept>0</b></span> <span class="loss">Lost <b data-lost>0</b></span>
    </p>
  </div>`;
}

function drawings(): Html {
  return html`<svg class="visually-hidden" aria-hidden="true">
    ${PRODUCTS.map((product) => html`<symbol id="product-${product.id}" viewBox="0 0 96 96">${product.drawing}</symbol>`)}
  </svg>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
