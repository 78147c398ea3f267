import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { isRunning, type RunningDemo, startDemo } from "../support/demo.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

const PROGRAMS = ["Relay", "Node A", "Node B", "express-session"];

const processes: TestProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((program) => program.stop()));
});

/** A browser without script, as far as cookies and forms go. */
class FormBrowser {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  async send(path: string, form?: Record<string, string>): Promise<Response> {
    const response = await fetch(this.#url + path, {
      redirect: "manual",
      headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
      signal: AbortSignal.timeout(10_000),
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/Max-Age=0|Expires=Thu, 01 Jan 1970/i.test(cookie)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  /** What the shop's panel holds, and which node said so. */
  async look(path = "/panel"): Promise<{ readonly node: string | null; readonly lines: number }> {
    const response = await this.send(path);
    if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
    const text = await response.text();
    return { node: response.headers.get("x-node"), lines: [...text.matchAll(/data-line="/g)].length };
  }

  /** Resolves when both nodes show this many lines. */
  async everybodyShows(lines: number): Promise<void> {
    const agreed = new Set<string | null>();
    await eventually(async () => {
      const seen = await this.look();
      if (seen.lines === lines) agreed.add(seen.node);
      if (agreed.size < 2)
        throw new Error(`only ${[...agreed].join(", ") || "no node"} shows ${lines} lines; the last answer had ${seen.lines}`);
    });
  }
}

async function beginCart(demo: RunningDemo): Promise<FormBrowser> {
  const browser = new FormBrowser(demo.url);
  await browser.send("/add", { product: "lamp" });
  await browser.everybodyShows(1);
  return browser;
}

describe("npm run demo", () => {
  test("[X4] without script, the page after a redirect always shows what was just added", async () => {
    const demo = await startDemo(processes);
    const browser = await beginCart(demo);
    const redirectedBy = new Set<string | null>();
    for (let lines = 2; lines <= 21; lines += 1) {
      const redirect = await browser.send("/add", { product: "mug" });
      expect(redirect.status).toBe(303);
      const page = await browser.look(redirect.headers.get("location") ?? "");
      expect(page).toEqual({ node: redirect.headers.get("x-node"), lines });
      redirectedBy.add(page.node);
    }
    expect(redirectedBy).toEqual(new Set(["Node A", "Node B"]));
  });

  test("[X6] a node that is killed costs nothing, and comes back; so does the relay", async () => {
    const demo = await startDemo(processes);
    const browser = await beginCart(demo);
    const killed = demo.pidOf("Node A");
    process.kill(killed, "SIGKILL");
    await eventually(() => expect(isRunning(killed)).toBe(false));
    await eventually(async () => expect(await browser.look()).toEqual({ node: "Node B", lines: 1 }));
    await browser.everybodyShows(1);
    expect(demo.pidOf("Node A")).not.toBe(killed);

    const relay = demo.pidOf("Relay");
    process.kill(relay, "SIGKILL");
    await eventually(() => expect(demo.pidOf("Relay")).not.toBe(relay), 20_000);
    for (let added = 0; added < 4; added += 1) expect((await browser.send("/add", { product: "mug" })).status).toBe(303);
    await browser.everybodyShows(5);
  });

  test("[X5] Ctrl-C ends everything that was started", async () => {
    const demo = await startDemo(processes);
    const pids = PROGRAMS.map((name) => demo.pidOf(name));
    expect(pids.map(isRunning)).toEqual([true, true, true, true]);
    demo.program.signal("SIGINT");
    expect(await demo.program.ended()).toEqual({ code: 0, signal: null });
    expect(pids.map(isRunning)).toEqual([false, false, false, false]);
    expect(demo.program.errorOutput()).toBe("");
  });

  test("[X5] a demo that is killed leaves nothing behind", async () => {
    const demo = await startDemo(processes);
    const pids = PROGRAMS.map((name) => demo.pidOf(name));
    demo.program.signal("SIGKILL");
    try {
      await eventually(() => expect(pids.map(isRunning)).toEqual([false, false, false, false]));
    } finally {
      // A failure of this test must not be one for the machine that it runs on.
      for (const pid of pids.filter(isRunning)) process.kill(pid, "SIGKILL");
    }
  });

  test("[X5] a port that is taken: another one by default, and a next step where it was asked for", async () => {
    const other = createServer();
    const isMine = await new Promise<boolean>((resolve) => {
      // Somebody else may have it: just as well.
      other.once("error", () => resolve(false));
      other.listen(3000, "127.0.0.1", () => resolve(true));
    });
    try {
      const demo = await startDemo(processes, []);
      expect(new URL(demo.url).port).not.toBe("3000");
      expect((await fetch(demo.url)).status).toBe(200);

      const refused = startProcess("examples/demo/main.ts", ["--port", new URL(demo.url).port]);
      processes.push(refused);
      expect(await refused.ended(60_000)).toEqual({ code: 1, signal: null });
      expect(refused.errorOutput()).toMatch(/^error: Port \d+ cannot be had: .*--port 0/);
    } finally {
      if (isMine) other.close();
    }
  });

  test.each([
    ["an unknown option", ["--prot", "1"], /--prot/],
    ["a port that is none", ["--port", "65536"], /--port must be a number between 0 and 65535/],
    ["an unknown framework", ["--race", "--framework", "hapi"], /--framework must be one of express, fastify, koa/],
    ["a framework for the shop", ["--framework", "koa"], /--framework belongs to --race/],
  ])("[X5] %s is refused with what is right", async (_what, args, message) => {
    const refused = startProcess("examples/demo/main.ts", args);
    processes.push(refused);
    expect(await refused.ended()).toEqual({ code: 1, signal: null });
    expect(refused.errorOutput()).toMatch(/^error: /);
    expect(refused.errorOutput()).toMatch(message);
  });
});
