// @ts-check
// The page works without this, for the left shop. With it, forms answer in place, both panels follow what other tabs do, and what was sent
// is counted against what was kept.

/** Drawn anew each time, or two tabs in step would meet one node each for ever, as the nodes take turns. */
const POLL_MS = { least: 500, most: 1500 };
const REQUEST_MS = 10_000;
const BURST = 10;

/** One shop of the two. */
class Panel {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.base = element.dataset["base"] ?? "";
    /** Requests that change something and are not answered yet. */
    this.pending = 0;
    /** Goes up with every change, so that an answer from before it is not shown after it. */
    this.generation = 0;
    /** @type {Set<string>} Lines that this tab added and the shop said yes to. */
    this.sent = new Set();
  }

  /**
   * Sends one change. Resolves to whether the shop said yes.
   * @param {string} action
   * @param {URLSearchParams} form
   */
  async send(action, form) {
    this.pending += 1;
    this.generation += 1;
    try {
      const response = await ask(action, { method: "POST", body: form });
      const text = await response.text();
      if (!response.ok) return false;
      this.note(action, form.get("line") ?? "");
      if (this.pending === 1) this.show(text);
      return true;
    } catch {
      return false;
    } finally {
      this.pending -= 1;
      this.generation += 1;
    }
  }

  /**
   * Keeps count of what must be in the cart from now on.
   * @param {string} action
   * @param {string} line
   */
  note(action, line) {
    if (action.endsWith("/add")) this.sent.add(line);
    if (action.endsWith("/remove")) this.sent.delete(line);
    if (action.endsWith("/empty") || action.endsWith("/logout")) this.sent.clear();
  }

  /** Shows what the shop holds now, unless this tab is just changing it. */
  async refresh() {
    if (this.pending > 0) return;
    const { generation } = this;
    try {
      const response = await ask(`${this.base}/panel`, {});
      const text = await response.text();
      if (response.ok && generation === this.generation) this.show(text);
    } catch {
      // The next refresh tries again.
    }
  }

  /** @param {string} text */
  show(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    const before = this.user;
    for (const part of htmlElements(template.content.children)) {
      const current = find(`[data-part="${part.dataset["part"]}"]`, HTMLElement, this.element);
      if (part.matches("ul") && current.matches("ul")) mergeLines(current, part);
      else replace(current, part);
    }
    // Logged out, here or in another tab: the cart went with the session, so nothing of it is missing.
    if (before !== "" && this.user === "") this.sent.clear();
    this.count();
  }

  get user() {
    return find("[data-part=account]", HTMLElement, this.element).dataset["user"] ?? "";
  }

  count() {
    const held = new Set(htmlElements(this.element.querySelectorAll("[data-line]")).map(lineOf));
    const kept = [...this.sent].filter((line) => held.has(line)).length;
    const lost = this.sent.size - kept;
    const counts = { sent: this.sent.size, kept, lost };
    for (const [name, count] of Object.entries(counts)) find(`[data-${name}]`, HTMLElement, this.element).textContent = String(count);
    const score = find(".score", HTMLElement, this.element);
    score.classList.toggle("lossy", lost > 0);
    score.classList.toggle("whole", lost === 0 && kept > 0);
    for (const bar of [".kept", ".lost"]) {
      const share = (bar === ".kept" ? kept : lost) / Math.max(1, this.sent.size);
      find(bar, HTMLElement, this.element).style.width = `${100 * share}%`;
    }
  }
}

/**
 * Line by line, so that one that somebody is typing in stays.
 * @param {HTMLElement} current
 * @param {HTMLElement} next
 */
function mergeLines(current, next) {
  const old = new Map(htmlElements(current.children).map((line) => [lineOf(line), line]));
  for (const [index, line] of htmlElements(next.children).entries()) {
    const known = old.get(lineOf(line));
    old.delete(lineOf(line));
    if (known === undefined) line.classList.add("new");
    const shown = known === undefined ? line : replace(known, line);
    const there = current.children[index] ?? null;
    if (there !== shown) current.insertBefore(shown, there);
  }
  for (const gone of old.values()) gone.remove();
}

/**
 * The element that stands there afterwards.
 * @param {HTMLElement} current
 * @param {HTMLElement} next
 */
function replace(current, next) {
  const focused = document.activeElement;
  const holdsFocus = focused !== null && current.contains(focused);
  const isTyping = holdsFocus && focused instanceof HTMLInputElement && focused.value !== focused.defaultValue;
  // The mark of a new line is this page's own.
  next.classList.toggle("new", current.classList.contains("new"));
  if (next.classList.length === 0 && !current.hasAttribute("class")) next.removeAttribute("class");
  if (isTyping || current.isEqualNode(next)) return current;
  const path = holdsFocus ? pathOf(focused, current) : [];
  current.replaceWith(next);
  /** @type {Element | undefined} */
  let control = holdsFocus ? next : undefined;
  for (const index of path) control = control?.children[index];
  if (control instanceof HTMLElement) control.focus({ preventScroll: true });
  return next;
}

/**
 * Which child of which child: the same control in a new copy of its part.
 * @param {Element} element
 * @param {Element} root
 */
function pathOf(element, root) {
  /** @type {number[]} */
  const path = [];
  let each = element;
  while (each !== root && each.parentElement !== null) {
    path.unshift([...each.parentElement.children].indexOf(each));
    each = each.parentElement;
  }
  return path;
}

/**
 * @param {string} url
 * @param {RequestInit} init
 */
function ask(url, init) {
  return fetch(url, { ...init, headers: { "x-panel": "1" }, cache: "no-store", signal: AbortSignal.timeout(REQUEST_MS) });
}

/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} root
 */
function find(selector, type, root = document) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`The page has no ${selector}.`);
  return element;
}

/** @param {Iterable<Element>} elements */
function htmlElements(elements) {
  return [...elements].filter((element) => element instanceof HTMLElement);
}

/** @param {HTMLElement} line */
function lineOf(line) {
  return line.dataset["line"] ?? "";
}

/** @param {string} text */
function say(text) {
  find("#status", HTMLElement).textContent = text;
}

/** @typedef {{ name: string, state: "running" | "starting" | "stopped", pid?: number }} Program */

/** What runs, drawn: relays above, nodes below, and who is connected to whom. */
class Cluster {
  constructor() {
    this.list = find("#programs", HTMLElement);
    this.links = find("#links", SVGElement);
  }

  async refresh() {
    try {
      const response = await ask("/cluster", {});
      if (response.ok) this.show(/** @type {Program[]} */ (await response.json()));
    } catch {
      // The next refresh tries again.
    }
  }

  /** @param {Program[]} programs */
  show(programs) {
    const known = new Map(htmlElements(this.list.children).map((box) => [box.dataset["program"] ?? "", box]));
    for (const program of programs) {
      const box = known.get(program.name) ?? this.list.appendChild(newBox(program));
      box.dataset["state"] = program.state;
      find(".state", HTMLElement, box).textContent = program.state === "running" ? `pid ${program.pid}` : program.state;
      const button = find("button", HTMLButtonElement, box);
      button.textContent = program.state === "stopped" ? "Start" : "Kill";
      button.setAttribute("aria-label", `${button.textContent} ${program.name}`);
      button.disabled = program.state === "starting";
    }
    const relays = programs.filter(isRelay);
    const nodes = programs.filter((program) => !isRelay(program));
    const lines = relays.flatMap((relay, index) => [
      ...nodes.map((node, place) => lineBetween(relay, (index + 0.5) / relays.length, 0, node, (place + 0.5) / nodes.length, 100)),
      ...relays
        .slice(index + 1)
        .map((other, step) => lineBetween(relay, (index + 0.5) / relays.length, 0, other, (index + step + 1.5) / relays.length, 0)),
    ]);
    this.links.replaceChildren(...lines);
  }

  /** @param {HTMLElement} box */
  async toggle(box) {
    const name = box.dataset["program"] ?? "";
    const action = box.dataset["state"] === "stopped" ? "start" : "kill";
    const button = find("button", HTMLButtonElement, box);
    button.disabled = true;
    say(action === "kill" ? `Killing ${name} (kill -9).` : `Starting ${name}.`);
    const response = await ask(`/cluster/${action}?name=${encodeURIComponent(name)}`, { method: "POST" }).catch(() => undefined);
    say(response?.ok === true ? `${name} ${action === "kill" ? "is gone. Go on." : "is back."}` : "That did not work. Try again.");
    await this.refresh();
  }
}

/** @param {Program} program */
function isRelay({ name }) {
  return name.startsWith("Relay");
}

/** @param {Program} program */
function newBox(program) {
  const box = document.createElement("li");
  box.dataset["program"] = program.name;
  if (isRelay(program)) box.classList.add("relay");
  const name = document.createElement("strong");
  name.textContent = program.name;
  const state = document.createElement("span");
  state.className = "state dim";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.addEventListener("click", () => void cluster.toggle(box));
  box.append(name, state, button);
  return box;
}

/**
 * @param {Program} from
 * @param {number} fromX share of the width
 * @param {number} fromY
 * @param {Program} to
 * @param {number} toX
 * @param {number} toY
 */
function lineBetween(from, fromX, fromY, to, toX, toY) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  for (const [name, value] of Object.entries({ x1: 600 * fromX, y1: fromY, x2: 600 * toX, y2: toY }))
    line.setAttribute(name, String(value));
  line.classList.toggle("cut", from.state !== "running" || to.state !== "running");
  return line;
}

const cluster = new Cluster();
const panels = htmlElements(document.querySelectorAll(".panel")).map((element) => new Panel(element));
const products = [...document.querySelectorAll(".product input")].map((input) => (input instanceof HTMLInputElement ? input.value : ""));

/**
 * The same requests to both shops, all at once. Resolves to how many of them were refused.
 * @param {readonly string[]} wanted
 */
async function addToBoth(wanted) {
  const forms = wanted.map((product) => new URLSearchParams({ product, line: crypto.randomUUID() }));
  const answers = await Promise.all(panels.flatMap((panel) => forms.map((form) => panel.send(`${panel.base}/add`, form))));
  await Promise.all(panels.map((panel) => panel.refresh()));
  return answers.filter((isDone) => !isDone).length;
}

async function burst() {
  const button = find("#burst", HTMLButtonElement);
  button.disabled = true;
  say(`Sending ${BURST} requests to each shop.`);
  const wanted = Array.from({ length: BURST }, (_, index) => products[index % products.length] ?? "");
  const refused = await addToBoth(wanted);
  button.disabled = false;
  say(refused === 0 ? `All ${2 * BURST} requests were answered with yes.` : `${refused} of ${2 * BURST} requests were refused.`);
}

/** @param {HTMLFormElement} form */
async function submit(form) {
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string") data.set(name, value);
  // What is sent no longer counts as being typed: the answer may replace it.
  for (const input of form.querySelectorAll("input")) input.defaultValue = input.value;
  if (form.matches("[data-both]")) {
    const refused = await addToBoth([data.get("product") ?? ""]);
    return say(refused === 0 ? "Added." : "Not added everywhere: a shop did not answer. Try again.");
  }
  const isDone = await panels.find(({ element }) => element.contains(form))?.send(form.getAttribute("action") ?? "", data);
  return say(isDone === true ? "" : "That did not work. Try again.");
}

function refreshAll() {
  if (document.visibilityState !== "visible") return;
  for (const panel of panels) void panel.refresh();
  void cluster.refresh();
}

function keepRefreshing() {
  const delayMs = POLL_MS.least + Math.random() * (POLL_MS.most - POLL_MS.least);
  setTimeout(() => {
    refreshAll();
    keepRefreshing();
  }, delayMs);
}

find("#burst", HTMLButtonElement).addEventListener("click", () => void burst());
document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement)) return;
  event.preventDefault();
  void submit(event.target);
});
document.addEventListener("change", (event) => {
  if (!(event.target instanceof HTMLInputElement) || !event.target.checkValidity()) return;
  const { form } = event.target;
  if (form?.matches("[data-on-change]") === true) form.requestSubmit();
});
document.addEventListener("visibilitychange", refreshAll);
void cluster.refresh();
keepRefreshing();

// The page itself counted a visit on the left; this is the one on the right.
void panels[1]?.send("/classic/visit", new URLSearchParams());
