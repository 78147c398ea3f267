import { randomBytes } from "node:crypto";
import { renderPage } from "./page.ts";
import { renderPanel, type CartView } from "./panel.ts";
import { productOf } from "./products.ts";

/**
 * What the shop needs of a session: what express-session and this package have in common. The shop is written once and runs on both; what
 * differs between the two panels of the page is the library and nothing else.
 */
export interface ShopSession {
  cart?: CartLine[];
  visits?: number;
  user?: { readonly name: string };
  regenerate(callback: (error?: unknown) => void): unknown;
  destroy(callback: (error?: unknown) => void): unknown;
}

export interface CartLine {
  readonly id: string;
  readonly product: string;
  quantity: number;
  note: string;
}

/** Who answers, for the badge. */
export interface ShopNode {
  readonly name: string;
  readonly framework: string;
  readonly pid: number;
  /** Where the shop is mounted: nothing, or `/classic`. */
  readonly base: string;
}

export interface ShopRequest {
  readonly method: string;
  /** Without the base. */
  readonly path: string;
  readonly form: URLSearchParams;
  /** The page's script asks for the panel alone; a form without script is redirected. */
  readonly wantsPanel: boolean;
}

/** One request's session, as its framework has it. */
export interface Visitor {
  /** Read again each time: `regenerate` replaces it, `destroy` takes it away. */
  readonly session: ShopSession | null | undefined;
  /** What may be shown of the session's identity. */
  readonly label: () => string;
}

export interface ShopAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** By this header the page's script says that it wants the panel alone. */
export const PANEL_HEADER = "x-panel";
/** Of a form; more is refused by the framework. */
export const FORM_BYTES_MAX = 4096;

const LINE_COUNT_MAX = 200;
const NOTE_LENGTH_MAX = 80;
const NAME_LENGTH_MAX = 40;
const QUANTITY_MAX = 99;
const NOT_FOUND: ShopAnswer = {
  status: 404,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: "Nothing here. The shop is at /.\n",
};

/** The shop: what its requests do to a session. Ordinary code, without a thought about parallel requests. */
export class Shop {
  readonly #node: ShopNode;

  constructor(node: ShopNode) {
    this.#node = node;
  }

  /** Rejects where the session layer does. */
  async answer(request: ShopRequest, visitor: Visitor): Promise<ShopAnswer> {
    if (request.method === "GET" || request.method === "HEAD") return this.#show(request.path, visitor);
    const { session } = visitor;
    if (request.method !== "POST" || session === null || session === undefined) return NOT_FOUND;
    const isKnown = await change(request.path, request.form, visitor, session);
    if (!isKnown) return NOT_FOUND;
    if (request.wantsPanel) return this.#panel(visitor);
    return { status: 303, headers: { ...this.#headers, location: `${this.#node.base}/` }, body: "" };
  }

  #show(path: string, visitor: Visitor): ShopAnswer {
    if (path === "/panel") return this.#panel(visitor);
    if (path !== "/") return NOT_FOUND;
    if (visitor.session) countVisit(visitor.session);
    const { text, headers } = renderPage(this.#node, viewOf(visitor));
    return { status: 200, headers: { ...this.#headers, ...headers }, body: text };
  }

  #panel(visitor: Visitor): ShopAnswer {
    return { status: 200, headers: this.#headers, body: renderPanel(this.#node, viewOf(visitor)).text };
  }

  get #headers(): Readonly<Record<string, string>> {
    return { "content-type": "text/html; charset=utf-8", "cache-control": "no-store", "x-node": this.#node.name };
  }
}

/** Resolves to whether there is such a thing to do. What makes no sense (a line that is gone, an unknown product) does nothing. */
async function change(path: string, form: URLSearchParams, visitor: Visitor, session: ShopSession): Promise<boolean> {
  const line = session.cart?.find(({ id }) => id === form.get("line"));
  switch (path) {
    case "/visit":
      countVisit(session);
      return true;
    case "/add":
      addLine(session, form);
      return true;
    case "/quantity":
      if (line !== undefined) line.quantity = quantityOf(form.get("quantity"), line.quantity);
      return true;
    case "/note":
      if (line !== undefined) line.note = textOf(form.get("note"), NOTE_LENGTH_MAX);
      return true;
    case "/remove":
      if (session.cart !== undefined && line !== undefined) session.cart = session.cart.filter((each) => each !== line);
      return true;
    case "/empty":
      if (session.cart !== undefined) session.cart = [];
      return true;
    case "/login":
      await logIn(visitor, session, textOf(form.get("name"), NAME_LENGTH_MAX) || "Ada");
      return true;
    case "/logout":
      await settled((done) => session.destroy(done));
      return true;
    default:
      return false;
  }
}

function countVisit(session: ShopSession): void {
  session.visits = (session.visits ?? 0) + 1;
}

/** Each line has an id of its own, so that two tabs that add the same thing add two lines. The page's script names it, to look for it later. */
function addLine(session: ShopSession, form: URLSearchParams): void {
  const product = productOf(form.get("product") ?? "");
  const named = form.get("line") ?? "";
  const id = /^[\w-]{8,40}$/.test(named) ? named : randomBytes(9).toString("base64url");
  session.cart ??= [];
  if (product === undefined || session.cart.length >= LINE_COUNT_MAX || session.cart.some((line) => line.id === id)) return;
  session.cart.push({ id, product: product.id, quantity: 1, note: "" });
}

/** A new id whenever somebody logs in (session fixation); the cart comes along. */
async function logIn(visitor: Visitor, old: ShopSession, name: string): Promise<void> {
  const { cart, visits } = old;
  await settled((done) => old.regenerate(done));
  const { session } = visitor;
  if (session === null || session === undefined) throw new Error("There is no session after regenerate().");
  if (cart !== undefined) session.cart = cart;
  if (visits !== undefined) session.visits = visits;
  session.user = { name };
}

function viewOf({ session, label }: Visitor): CartView {
  const exists =
    session !== null && session !== undefined && (session.cart !== undefined || session.visits !== undefined || session.user !== undefined);
  if (!exists) return { label: "", user: "", visits: 0, lines: [] };
  return { label: label(), user: session.user?.name ?? "", visits: session.visits ?? 0, lines: session.cart ?? [] };
}

function quantityOf(text: string | null, current: number): number {
  const quantity = Number(text);
  return Number.isInteger(quantity) && quantity >= 1 && quantity <= QUANTITY_MAX ? quantity : current;
}

function textOf(text: string | null, lengthMax: number): string {
  // By code points: half of a surrogate pair could not be stored.
  return Array.from((text ?? "").trim())
    .slice(0, lengthMax)
    .join("");
}

function settled(start: (done: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error instanceof Error ? error : new Error("The session library failed.", { cause: error }));
    });
  });
}
