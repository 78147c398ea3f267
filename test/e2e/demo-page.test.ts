import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { type RunningDemo, startDemo } from "../support/demo.ts";
import { eventually } from "../support/eventually.ts";
import type { TestProcess } from "../support/process.ts";
import { requireTool } from "../support/tools.ts";

/** Nothing that Chromium looks up by itself, and a sandbox that needs no kernel feature which containers lack. */
const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const processes: TestProcess[] = [];
const contexts: BrowserContext[] = [];
let demo: RunningDemo;
let browser: Browser | undefined;

beforeAll(async () => {
  demo = await startDemo(processes);
});

afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(processes.map((program) => program.stop()));
});

/** A visitor of their own, who has no cookies yet. */
async function visitor(running: Pick<TestContext, "skip">, viewport = { width: 1280, height: 900 }): Promise<BrowserContext> {
  browser ??= await chromium.launch({ executablePath: requireTool("chromium", running), args: CHROMIUM_FLAGS });
  const context = await browser.newContext({ viewport });
  contexts.push(context);
  return context;
}

async function openTab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(demo.url);
  return page;
}

/** A visitor's first tab, whose session all nodes have shown by then. */
async function openFirstTab(context: BrowserContext): Promise<Page> {
  const page = await openTab(context);
  const shown = new Set<string | undefined>();
  await eventually(async () => {
    const facts = await ours(page).locator(".facts").textContent();
    const [, node, session] = /(Node [ABC]).*Session\s+(\S+)/s.exec(facts ?? "") ?? [];
    if (session !== "none") shown.add(node);
    expect(shown).toEqual(new Set(["Node A", "Node B", "Node C"]));
  });
  return page;
}

const ours = (page: Page): Locator => page.locator(".panel.ours");
const classic = (page: Page): Locator => page.locator(".panel.classic");

async function add(page: Page, product: string): Promise<void> {
  await page.getByRole("button", { name: `Add ${product}`, exact: true }).click();
}

/** Names of what is in a panel's cart, sorted: two tabs agree on the order, but nobody can tell which was first. */
async function cart(panel: Locator): Promise<string[]> {
  const names = await panel.locator("[data-line] .what span").allTextContents();
  return names.sort();
}

async function counts(panel: Locator): Promise<{ sent: number; kept: number; lost: number }> {
  const [sent, kept, lost] = await Promise.all(["sent", "kept", "lost"].map((name) => panel.locator(`[data-${name}]`).textContent()));
  return { sent: Number(sent), kept: Number(kept), lost: Number(lost) };
}

async function lineIds(panel: Locator): Promise<(string | null)[]> {
  return Promise.all((await panel.locator("[data-line]").all()).map((line) => line.getAttribute("data-line")));
}

async function logIn(page: Page, name: string): Promise<void> {
  await ours(page).getByPlaceholder("Your name").fill(name);
  await ours(page).getByRole("button", { name: "Log in" }).click();
}

describe("the demo page", () => {
  test("[X1] two tabs that add at the same time both end with the lines of both", async (context) => {
    const person = await visitor(context);
    const first = await openFirstTab(person);
    const second = await openTab(person);
    const rounds = 5;
    for (let round = 0; round < rounds; round += 1) await Promise.all([add(first, "Ash chair"), add(second, "Desk fern")]);

    const everything = [...new Array<string>(rounds).fill("Ash chair"), ...new Array<string>(rounds).fill("Desk fern")];
    for (const page of [first, second]) await eventually(async () => expect(await cart(ours(page))).toEqual(everything));
    expect(await lineIds(ours(first))).toEqual(await lineIds(ours(second)));
  });

  test("[X1] two tabs that change different lines at the same time both keep their change", async (context) => {
    const person = await visitor(context);
    const first = await openFirstTab(person);
    await add(first, "Ash chair");
    await add(first, "Desk fern");
    const second = await openTab(person);
    await eventually(async () => expect(await cart(ours(second))).toEqual(["Ash chair", "Desk fern"]));

    const quantity = ours(first).getByLabel("Quantity of Ash chair");
    const note = ours(second).getByLabel("Note for Desk fern");
    await Promise.all([quantity.fill("3"), note.fill("a <b>gift</b> & more")]);
    await Promise.all([quantity.press("Enter"), note.press("Enter")]);

    for (const page of [first, second]) {
      await eventually(async () => {
        expect(await ours(page).getByLabel("Quantity of Ash chair").getAttribute("value")).toBe("3");
        expect(await ours(page).getByLabel("Note for Desk fern").getAttribute("value")).toBe("a <b>gift</b> & more");
      });
    }
  });

  test("[X2] of ten requests at once ours keeps ten, and express-session does not", async (context) => {
    const page = await openFirstTab(await visitor(context));
    await page.getByRole("button", { name: "Add 10 at once, to both" }).click();
    await eventually(async () => expect(await page.getByRole("status").textContent()).toBe("All 20 requests were answered with yes."));

    await eventually(async () => expect(await counts(ours(page))).toEqual({ sent: 10, kept: 10, lost: 0 }));
    expect(await cart(ours(page))).toHaveLength(10);
    const peer = await counts(classic(page));
    expect(peer.sent).toBe(10);
    expect(peer.lost).toBeGreaterThan(0);
    expect(peer.kept).toBe((await cart(classic(page))).length);
  });

  test("[X3] a login and a logout in one tab are seen by the other, and the cookie from before opens nothing", async (context) => {
    const person = await visitor(context);
    const first = await openFirstTab(person);
    const second = await openTab(person);
    await add(first, "Field notebook");
    await logIn(first, "Ada <Lovelace>");
    for (const page of [first, second]) {
      await eventually(async () => {
        expect(await ours(page).locator(".account").getAttribute("data-user")).toBe("Ada <Lovelace>");
        expect(await cart(ours(page))).toEqual(["Field notebook"]);
      });
    }

    const cookies = await person.cookies();
    await ours(second).getByRole("button", { name: "Log out" }).click();
    for (const page of [first, second]) {
      await eventually(async () => {
        expect(await ours(page).locator(".account").getAttribute("data-user")).toBe("");
        expect(await cart(ours(page))).toEqual([]);
      });
    }
    await person.close();
    const thief = await visitor(context);
    await thief.addCookies(cookies);
    const stolen = await openFirstTab(thief);
    expect(await ours(stolen).locator(".account").getAttribute("data-user")).toBe("");
    expect(await cart(ours(stolen))).toEqual([]);
  });

  test("[X6] the page draws what runs, and its buttons kill and start", async (context) => {
    const page = await openFirstTab(await visitor(context));
    await add(page, "Ash chair");
    const box = page.locator('[data-program="Node A"]');
    await eventually(async () => expect(await page.locator("[data-program]").count()).toBe(5));
    expect(await page.locator("#links line").count()).toBe(7);
    await page.getByRole("button", { name: "Kill Node A" }).click();
    await eventually(async () => expect(await box.getAttribute("data-state")).toBe("stopped"));
    expect(await page.locator("#links line.cut").count()).toBe(2);
    await add(page, "Desk fern");
    await eventually(async () => expect(await cart(ours(page))).toEqual(["Ash chair", "Desk fern"]));
    await page.getByRole("button", { name: "Start Node A" }).click();
    await eventually(async () => expect(await box.getAttribute("data-state")).toBe("running"), 20_000);
    expect(await page.locator("#links line.cut").count()).toBe(0);
  });

  test("[X5] the page asks nobody but the demo, and breaks no rule of its own", async (context) => {
    const person = await visitor(context);
    const asked = new Set<string>();
    const complaints: string[] = [];
    person.on("request", (request) => asked.add(new URL(request.url()).protocol === "data:" ? demo.url : new URL(request.url()).origin));
    person.on("console", (message) => complaints.push(message.text()));
    person.on("weberror", (error) => complaints.push(error.error().message));
    const page = await openFirstTab(person);
    await page.getByRole("button", { name: "Add 10 at once, to both" }).click();
    await eventually(async () => expect(await cart(ours(page))).toHaveLength(10));
    expect([...asked]).toEqual([demo.url]);
    expect(complaints).toEqual([]);
  });

  test.for([360, 390, 768, 1280])("[X5] the page fits a window of %i pixels", async (width, context) => {
    const page = await openFirstTab(await visitor(context, { width, height: 800 }));
    await page.getByRole("button", { name: "Add 10 at once, to both" }).click();
    await eventually(async () => expect(await cart(ours(page))).toHaveLength(10));
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
  });
});
