import { html, type Html } from "./html.ts";
import { price, productOf, PRODUCTS } from "./products.ts";
import type { CartLine, ShopNode } from "./shop.ts";

/** What a panel shows of a session; all empty where there is none. */
export interface CartView {
  readonly label: string;
  readonly user: string;
  readonly visits: number;
  readonly lines: readonly CartLine[];
}

/** The parts of a panel that come from a session. The page's script replaces those that changed. */
export function renderPanel(node: ShopNode, view: CartView): Html {
  return html`${servedPart(node, view)}${accountPart(node, view)}${linesPart(node, view)}${totalPart(node, view)}`;
}

function servedPart(node: ShopNode, view: CartView): Html {
  return html`<dl class="facts" data-part="served">
    <div>
      <dt>Answered by</dt>
      <dd><span class="badge" data-node="${node.name}">${node.name}</span> <span class="dim">${node.framework}, pid ${node.pid}</span></dd>
    </div>
    <div>
      <dt>Session</dt>
      <dd data-session="${view.label}">${view.label === "" ? html`<span class="dim">none</span>` : html`<code>${view.label}</code>`}</dd>
    </div>
    <div>
      <dt>Visits</dt>
      <dd data-visits>${view.visits}</dd>
    </div>
  </dl>`;
}

function accountPart(node: ShopNode, view: CartView): Html {
  if (view.user === "") {
    return html`<form class="account" method="post" action="${node.base}/login" data-part="account" data-user="">
      <label class="visually-hidden" for="name${node.base}">Your name</label>
      <input id="name${node.base}" name="name" placeholder="Your name" maxlength="40" autocomplete="off" />
      <button class="quiet">Log in</button>
    </form>`;
  }
  return html`<form class="account" method="post" action="${node.base}/logout" data-part="account" data-user="${view.user}">
    <span>Logged in as <strong>${view.user}</strong></span>
    <button class="quiet">Log out</button>
  </form>`;
}

function linesPart(node: ShopNode, { lines }: CartView): Html {
  if (lines.length === 0) return html`<p class="empty" data-part="lines">The cart is empty.</p>`;
  return html`<ul class="lines" data-part="lines" tabindex="0" aria-label="Cart">
    ${lines.map((line) => linePart(node, line))}
  </ul>`;
}

function linePart(node: ShopNode, line: CartLine): Html {
  const product = productOf(line.product) ?? PRODUCTS[0];
  if (product === undefined) return html``;
  const hidden = html`<input type="hidden" name="line" value="${line.id}" />`;
  return html`<li data-line="${line.id}">
    <svg class="thumb ${product.id}" viewBox="0 0 96 96" aria-hidden="true"><use href="#product-${product.id}" /></svg>
    <div class="what">
      <span>${product.name}</span>
      <form method="post" action="${node.base}/note" data-on-change>
        ${hidden}<input
          name="note"
          value="${line.note}"
          maxlength="80"
          placeholder="Add a note"
          aria-label="Note for ${product.name}"
          autocomplete="off"
        />
      </form>
    </div>
    <form class="quantity" method="post" action="${node.base}/quantity" data-on-change>
      ${hidden}<input type="number" name="quantity" value="${line.quantity}" min="1" max="99" aria-label="Quantity of ${product.name}" />
    </form>
    <span class="price">${price(product.cents * line.quantity)}</span>
    <form method="post" action="${node.base}/remove">
      ${hidden}<button class="icon" aria-label="Remove ${product.name}">
        <svg viewBox="0 0 16 16" aria-hidden="true"><path d="m4 4 8 8m0-8-8 8" /></svg>
      </button>
    </form>
  </li>`;
}

function totalPart(node: ShopNode, { lines }: CartView): Html {
  const cents = lines.reduce((sum, line) => sum + (productOf(line.product)?.cents ?? 0) * line.quantity, 0);
  const count = lines.length === 1 ? "1 line" : `${lines.length} lines`;
  return html`<div class="total" data-part="total">
    <span class="dim">${count}</span>
    <form method="post" action="${node.base}/empty">${lines.length === 0 ? "" : html`<button class="quiet">Empty cart</button>`}</form>
    <strong>${price(cents)}</strong>
  </div>`;
}
