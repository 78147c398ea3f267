// The page works without this, for the left shop. With it, forms answer in place, both panels follow what other tabs do, and what was sent
// is counted against what was kept.

const POLL_MS = 1000;
const REQUEST_MS = 10_000;
const BURST = 10;
const PRODUCTS = Array.from(document.querySelectorAll(".product input[name=product]"), (input) => input.value);
const status = document.querySelector("#status");

/** One shop of the two. */
class Panel {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.base = element.dataset.base;
    /** Requests that change something and are not answered yet. */
    this.pending = 0;
    /** Goes up with every change, so that an answer from before it is not shown after it. */
    this.generation = 0;
    /** Lines that this tab added and the shop said yes to. */
    this.sent = new Set();
  }

  /** Sends one change; resolves to whether the shop said yes. @param {string} action @param {URLSearchParams} form */
  async send(action, form) {
    this.pending += 1;
    this.generation += 1;
    try {
      const response = await ask(action, { method: "POST", body: form });
      const text = await response.text();
      if (!response.ok) return false;
      if (action.endsWith("/add")) this.sent.add(form.get("line"));
      if (action.endsWith("/remove")) this.sent.delete(form.get("line"));
      if (action.endsWith("/empty") || action.endsWith("/logout")) this.sent.clear();
      if (this.pending === 1) this.show(text);
      return true;
    } catch {
      return false;
    } finally {
      this.pending -= 1;
      this.generation += 1;
    }
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
    for (const part of template.content.querySelectorAll("[data-part]")) {
      const current = this.element.querySelector(`[data-part=${part.dataset.part}]`);
      if (part.matches("ul") && current.matches("ul")) this.mergeLines(current, part);
      else replace(current, part);
    }
    // Logged out, here or in another tab: the cart went with the session, so nothing of it is missing.
    if (before !== "" && this.user === "") this.sent.clear();
    this.count();
  }

  /** Line by line, so that one that somebody is typing in stays. @param {Element} current @param {Element} next */
  mergeLines(current, next) {
    const old = new Map(Array.from(current.children, (line) => [line.dataset.line, line]));
    for (const [index, line] of Array.from(next.children).entries()) {
      let kept = old.get(line.dataset.line);
      old.delete(line.dataset.line);
      if (kept === undefined) {
        line.classList.add("new");
        kept = line;
      } else {
        kept = replace(kept, line);
      }
      if (current.children[index] !== kept) current.insertBefore(kept, current.children[index] ?? null);
    }
    for (const gone of old.values()) gone.remove();
  }

  get user() {
    return this.element.querySelector("[data-user]")?.dataset.user ?? "";
  }

  count() {
    const held = new Set(Array.from(this.element.querySelectorAll("[data-line]"), (line) => line.dataset.line));
    const kept = Array.from(this.sent).filter((line) => held.has(line)).length;
    const lost = this.sent.size - kept;
    const score = this.element.querySelector("[data-score]");
    score.classList.toggle("lossy", lost > 0);
    score.querySelector("[data-sent]").textContent = String(this.sent.size);
    score.querySelector("[data-kept]").textContent = String(kept);
    score.querySelector("[data-lost]").textContent = String(lost);
    score.querySelector(".kept").style.width = `${(100 * kept) / Math.max(1, this.sent.size)}%`;
    score.querySelector(".lost").style.width = `${(100 * lost) / Math.max(1, this.sent.size)}%`;
  }
}

/** The element that stands there afterwards. @param {Element} current @param {Element} next */
function replace(current, next) {
  const { activeElement } = document;
  const isTyping = activeElement instanceof HTMLInputElement && current.contains(activeElement) && activeElement.value !== activeElement.defaultValue;
  const isSame = current.isEqualNode(next) || withoutMark(current) === next.outerHTML;
  if (isTyping || isSame) return current;
  const focus = current.contains(activeElement) ? pathOf(activeElement, current) : undefined;
  current.replaceWith(next);
  if (focus !== undefined) elementAt(focus, next)?.focus({ preventScroll: true });
  return next;
}

function withoutMark(element) {
  const copy = element.cloneNode(true);
  copy.classList.remove("new");
  if (copy.classList.length === 0) copy.removeAttribute("class");
  return copy.outerHTML;
}

/** Which child of which child: the same control in a new copy of its part. */
function pathOf(element, root) {
  const path = [];
  for (let each = element; each !== root; each = each.parentElement) path.unshift(Array.from(each.parentElement.children).indexOf(each));
  return path;
}

function elementAt(path, root) {
  return path.reduce((element, index) => element?.children[index], root);
}

function ask(url, init) {
  return fetch(url, { ...init, headers: { "x-panel": "1" }, cache: "no-store", signal: AbortSignal.timeout(REQUEST_MS) });
}

const panels = Array.from(document.querySelectorAll(".panel"), (element) => new Panel(element));

function newLine(product) {
  return new URLSearchParams({ product, line: crypto.randomUUID() });
}

/** The same requests to both shops, all at once. */
async function addToBoth(products) {
  const forms = products.map(newLine);
  const answers = await Promise.all(panels.flatMap((panel) => forms.map((form) => panel.send(`${panel.base}/add`, form))));
  await Promise.all(panels.map((panel) => panel.refresh()));
  return answers.filter((answer) => !answer).length;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  const data = new URLSearchParams(new FormData(form));
  if (form.matches("[data-both]")) {
    void addToBoth([data.get("product")]).then((refused) => say(refused === 0 ? "Added." : "Not added: a shop did not answer. Try again."));
    return;
  }
  // What is sent no longer counts as being typed: the answer may replace it.
  for (const input of form.querySelectorAll("input")) input.defaultValue = input.value;
  const action = form.getAttribute("action");
  const panel = panels.find(({ element }) => element.contains(form));
  void panel.send(action, data).then((isDone) => say(isDone ? "" : "That did not work. Try again."));
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-on-change]");
  if (form !== null && event.target.checkValidity()) form.requestSubmit();
});

document.querySelector("#burst").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  say("Sending 10 requests to each shop.");
  const refused = await addToBoth(Array.from({ length: BURST }, (_, index) => PRODUCTS[index % PRODUCTS.length]));
  button.disabled = false;
  say(refused === 0 ? "All 20 requests were answered with yes." : `${refused} of 20 requests were refused.`);
});

function say(text) {
  status.textContent = text;
}

setInterval(() => {
  if (document.visibilityState === "visible") for (const panel of panels) void panel.refresh();
}, POLL_MS);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") for (const panel of panels) void panel.refresh();
});

// The page itself counted a visit on the left; this is the one on the right.
void panels[1].send("/classic/visit", new URLSearchParams());
