import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { isRunning, type RunningDemo, startDemo } from "../support/demo.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";

const NODES = ["Node A", "Node B", "Node C"];
const PROGRAMS = ["Relay 1", "Relay 2", ...NODES, "express-session"];

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

  /** Resolves when all nodes show this many lines. */
  async everybodyShows(lines: number): Promise<void> {
    const agreed = new Set<string | null>();
    await eventually(async () => {
      const seen = await this.look();
      if (seen.lines === lines) agreed.add(seen.node);
      if (agreed.size < NODES.length)
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
    const [writers, readers] = [new Set<string | null>(), new Set<string | null>()];
    let elsewhere = 0;
    for (let lines = 2; lines <= 21; lines += 1) {
      const redirect = await browser.send("/add", { product: "mug" });
      expect(redirect.status).toBe(303);
      const page = await browser.look(redirect.headers.get("location") ?? "");
      expect(page.lines).toBe(lines);
      writers.add(redirect.headers.get("x-node"));
      readers.add(page.node);
      if (page.node !== redirect.headers.get("x-node")) elsewhere += 1;
    }
    expect([writers, readers]).toEqual([new Set(NODES), new Set(NODES)]);
    expect(elsewhere).toBe(20);
  });

  test("[X6] a node that is killed costs nothing, and comes back; so do the relays", async () => {
    const demo = await startDemo(processes);
    const browser = await beginCart(demo);
    const killed = demo.pidOf("Node A");
    process.kill(killed, "SIGKILL");
    await eventually(() => expect(isRunning(killed)).toBe(false));
    for (let looks = 0; looks < 6; looks += 1) expect((await browser.look()).lines).toBe(1);
    await browser.everybodyShows(1);
    expect(demo.pidOf("Node A")).not.toBe(killed);

    let lines = 1;
    for (const name of ["Relay 1", "Relay 2"]) {
      const relay = demo.pidOf(name);
      process.kill(relay, "SIGKILL");
      // Without it, by the other one; then with it again.
      for (let added = 0; added < 3; added += 1) expect((await browser.send("/add", { product: "mug" })).status).toBe(303);
      lines += 3;
      await browser.everybodyShows(lines);
      await eventually(() => expect(demo.pidOf(name)).not.toBe(relay), 20_000);
      await browser.everybodyShows(lines);
    }
  });

  test("[X6] what the page kills stays dead until the page starts it again; and nobody else may kill", async () => {
    const demo = await startDemo(processes);
    const browser = await beginCart(demo);
    const control = (path: string, headers: Record<string, string> = { "x-panel": "1" }): Promise<Response> =>
      fetch(`${demo.url}/cluster${path}`, { method: "POST", headers, signal: AbortSignal.timeout(30_000) });
    expect((await control("/kill?name=Node%20B", {})).status).toBe(403);
    const killed = demo.pidOf("Node B");
    expect((await control("/kill?name=Nobody")).status).toBe(404);
    for (const name of ["Node%20B", "Relay%201"]) expect((await control(`/kill?name=${name}`)).status).toBe(200);
    expect(isRunning(killed)).toBe(false);
    const answeredBy = new Set<string | null>();
    for (let added = 2; added < 8; added += 1) {
      const redirect = await browser.send("/add", { product: "mug" });
      expect(redirect.status).toBe(303);
      const { node, lines } = await browser.look();
      expect(lines).toBe(added);
      answeredBy.add(node).add(redirect.headers.get("x-node"));
    }
    expect(answeredBy).toEqual(new Set(["Node A", "Node C"]));
    for (const name of ["Node%20B", "Relay%201"]) expect((await control(`/start?name=${name}`)).status).toBe(200);
    await browser.everybodyShows(7);
  });

  test("[X21] a drill kills under load and loses nothing, and says so where it tried too little", async () => {
    const drill = startProcess("examples/demo/main.ts", ["--drill", "--kills", "3"]);
    processes.push(drill);
    expect(await drill.ended(110_000)).toEqual({ code: 1, signal: null });
    const result = JSON.parse(drill.lines.at(-1) ?? "") as Record<string, number>;
    expect(result).toMatchObject({ kills: 3, lostAckedWrites: 0, newIds: 0, staleReads: 0 });
    expect(result["ackedWrites"]).toBeGreaterThan(200);
    expect(result["crossNodeReads"]).toBeGreaterThan(50);
    expect(drill.lines.find((line) => line.startsWith("FAILED:"))).toMatch(/only 3 kills, which says little/);
  });

  test("[X5] Ctrl-C ends everything that was started", async () => {
    const demo = await startDemo(processes);
    const pids = PROGRAMS.map((name) => demo.pidOf(name));
    expect(pids.map(isRunning)).toEqual(PROGRAMS.map(() => true));
    demo.program.signal("SIGINT");
    expect(await demo.program.ended()).toEqual({ code: 0, signal: null });
    expect(pids.map(isRunning)).toEqual(PROGRAMS.map(() => false));
    expect(demo.program.errorOutput()).toBe("");
  });

  test("[X5] a demo that is killed leaves nothing behind", async () => {
    const demo = await startDemo(processes);
    const pids = PROGRAMS.map((name) => demo.pidOf(name));
    demo.program.signal("SIGKILL");
    try {
      await eventually(() => expect(pids.map(isRunning)).toEqual(PROGRAMS.map(() => false)));
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
