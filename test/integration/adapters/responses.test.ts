import { replicaOf } from "../../../src/engine/index.ts";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Notice } from "../../../src/adapters/http/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { contentOf, FRAMEWORKS, Gate, Visitor } from "./frameworks.ts";
import type { Exchange, Routes, Running, TestOptions } from "./frameworks.ts";
import { GatedStore } from "./gated-store.ts";

/** Ways to answer through Node's own response; each sends `BODY` and a cookie of its own where the way has room for one. */
const BODY = "one two three";
const OWN = "own=1; Path=/";
const WAYS: Record<string, (exchange: Exchange) => void | Promise<void>> = {
  "end(body)": ({ response }) => void response.setHeader("Set-Cookie", OWN).end(BODY),
  "write and end": ({ response }) => {
    response.setHeader("Set-Cookie", [OWN]);
    response.write("one ");
    response.write(Buffer.from("two "));
    response.end("three");
  },
  "writeHead(status)": ({ response }) => void response.setHeader("Set-Cookie", OWN).writeHead(200).end(BODY),
  "writeHead(status, object)": ({ response }) => void response.writeHead(200, { "Set-Cookie": OWN, "X-Way": "1" }).end(BODY),
  "writeHead(status, message, object)": ({ response }) =>
    void response.writeHead(200, "Fine", { "set-cookie": [OWN], "X-Way": "1" }).end(BODY),
  "writeHead(status, flat list)": ({ response }) => void response.writeHead(200, ["Set-Cookie", OWN, "X-Way", "1"]).end(BODY),
  "writeHead(status, pairs)": ({ response }) =>
    void response
      .writeHead(200, [
        ["Set-Cookie", OWN],
        ["X-Way", "1"],
      ] as never)
      .end(BODY),
  "flushHeaders first": ({ response }) => {
    response.setHeader("Set-Cookie", OWN);
    response.flushHeaders();
    response.write("one two ");
    response.end("three");
  },
  "end twice": ({ response }) => {
    response.setHeader("Set-Cookie", OWN).end(BODY);
    response.end();
  },
  pipe: ({ response }) => {
    response.setHeader("Set-Cookie", OWN);
    Readable.from(["one ", "two ", "three"]).pipe(response);
  },
  pipeline: async ({ response }) => {
    response.setHeader("Set-Cookie", OWN);
    await pipeline(Readable.from(["one ", "two ", "three"]), response);
  },
};

describe.each(FRAMEWORKS)("responses: $name", (framework) => {
  const running: { app: Running; engine: SessionEngine; store: GatedStore }[] = [];
  let gate = new Gate();
  let observed: Record<string, unknown> = {};

  const routes: Routes = {
    "/get": ({ session }) => contentOf(session),
    "/write": ({ session }) => {
      session["name"] = "Ada";
      return { ok: true };
    },
    "/redirect": ({ session, redirect }) => {
      session["name"] = "Ada";
      redirect("/get");
    },
    "/refused": ({ session }) => {
      session["name"] = "Ada";
      session["run"] = () => 1;
      return { ok: true };
    },
    "/too-large": ({ session }) => {
      session["name"] = "x".repeat(100_000);
      return { ok: true };
    },
    "/throws": ({ session }) => {
      session["name"] = "Ada";
      throw new Error("of the route");
    },
    "/not-modified": ({ session, status }) => {
      session["name"] = "Ada";
      status(304);
      return framework.name.startsWith("koa") ? undefined : "";
    },
    "/raw/aborted": async ({ session, response }) => {
      await gate.wait();
      session["name"] = "after the abort";
      response.end("nobody reads this");
    },
    "/raw/look": async ({ session, response }) => {
      session["name"] = "Ada";
      const before = response.headersSent;
      const isFlowing = response.write("one ");
      const drained = new Promise<void>((resolve) => response.once("drain", resolve));
      observed = { before, isFlowing, headersSent: response.headersSent, set: codeOf(() => response.setHeader("X-Late", "1")) };
      gate.wait().catch(() => undefined);
      await drained;
      response.write("two ");
      response.end("three");
      observed = { ...observed, ended: response.writableEnded };
    },
    "/raw/late": async ({ session, response }) => {
      session["early"] = true;
      response.write("one ");
      session["late"] = true;
      await gate.wait();
      response.end("two three");
    },
    "/raw/late-start": async (exchange) => {
      exchange.response.write("one ");
      exchange.session["late"] = true;
      exchange.response.end("two three");
    },
    "/raw/late-refused": async ({ session, response }) => {
      response.write("one ");
      session["run"] = () => 1;
      response.end("two three");
    },
    ...Object.fromEntries(
      Object.entries(WAYS).map(([way, send]) => [
        pathOf(way),
        async (exchange: Exchange) => {
          exchange.session["name"] = "Ada";
          if (exchange.query.has("refused")) exchange.session["run"] = () => 1;
          await send(exchange);
        },
      ]),
    ),
  };

  async function start(options: Partial<TestOptions> & { persist?: "before" | "after" } = {}) {
    const store = new GatedStore();
    const engine = createEngine({ store, persist: options.persist ?? "after" });
    const app = await framework.start({ onNotice: () => undefined, ...options, engine }, routes);
    running.push({ app, engine, store });
    return { engine, app, store, visitor: new Visitor(app.url) };
  }

  afterEach(async () => {
    gate.open();
    gate = new Gate();
    for (const { app, engine, store } of running.splice(0)) {
      store.open();
      store.isFailing = false;
      await app.close();
      await engine.close();
    }
  });

  test.each(Object.keys(WAYS))("[A19] %s: the write is committed and the cookie set before the headers arrive", async (way) => {
    const { visitor } = await start();
    const response = await visitor.send(pathOf(way));
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    expect(response.headers.getSetCookie()).toEqual([OWN, expect.stringMatching(/^sid=/)]);
    expect(await response.text()).toBe(BODY);
  });

  test.each(Object.keys(WAYS))("[A20] %s waits, whole and in order, until the write is stored", async (way) => {
    const { store, visitor } = await start({ persist: "before" });
    store.hold();
    let isAnswered = false;
    const answer = visitor.sendWithoutKeeping(pathOf(way)).finally(() => (isAnswered = true));
    await expect.poll(() => store.waitingCount).toBeGreaterThan(0);
    expect(isAnswered).toBe(false);
    store.open();
    const response = await answer;
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toHaveLength(2);
    expect(await response.text()).toBe(BODY);
    expect(store.records.size).toBe(1);
  });

  test.each(Object.keys(WAYS))("[A21] %s: a value that cannot be stored is a 500 and no hanging response", async (way) => {
    const { engine, visitor } = await start();
    const response = await visitor.send(`${pathOf(way)}?refused`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("one");
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    await visitor.send("/write");
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test.each(Object.keys(WAYS))("[A21] %s: a store that fails under persist: before is a 503", async (way) => {
    const { store, visitor } = await start({ persist: "before" });
    store.isFailing = true;
    const response = await visitor.send(pathOf(way));
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain("one");
    expect(visitor.cookie).toBeUndefined();
  });

  test.each(["/refused", "/too-large"])("[A21] %s goes to the framework's error path", async (path) => {
    const { visitor } = await start();
    await visitor.send("/write");
    const response = await visitor.send(path);
    expect(response.status).toBe(500);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A21] a store that does not answer in time is a 503", async () => {
    const { store, visitor } = await start({ persist: "before", waitMs: 20 });
    store.hold();
    expect((await visitor.send("/write")).status).toBe(503);
    store.open();
  });

  test("[A19] a redirect is never ahead of the write", async () => {
    const { store, visitor } = await start({ persist: "before" });
    store.hold();
    const answer = visitor.send("/redirect");
    await expect.poll(() => store.waitingCount).toBeGreaterThan(0);
    store.open();
    const response = await answer;
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("/get");
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A19] HEAD and 304 commit and set the cookie as well", async () => {
    for (const [path, method, status] of [
      ["/write", "HEAD", 200],
      ["/not-modified", "GET", 304],
    ] as const) {
      const { visitor } = await start();
      const response = await visitor.send(path, { method });
      expect({ path, status: response.status, cookies: response.headers.getSetCookie().length }).toEqual({ path, status, cookies: 1 });
      expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    }
  });

  test("[A19] a route that throws still commits what it wrote, and the cookie survives the error page", async () => {
    const { visitor } = await start();
    const response = await visitor.send("/throws");
    expect(response.status).toBe(500);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A20] to the application a held response looks as it would in Node", async () => {
    const { store, visitor } = await start({ persist: "before" });
    store.hold();
    const answer = visitor.send("/raw/look");
    await gate.reached;
    expect(observed).toEqual({ before: false, isFlowing: false, headersSent: true, set: "ERR_HTTP_HEADERS_SENT" });
    store.open();
    const response = await answer;
    expect(await response.text()).toBe(BODY);
    expect(response.headers.get("x-late")).toBeNull();
    expect(observed["ended"]).toBe(true);
  });

  test("[A22] a request whose client went away commits all the same", async () => {
    const { app, visitor } = await start();
    await visitor.send("/write");
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    socket.write(`GET /raw/aborted HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${visitor.cookie}\r\n\r\n`);
    await gate.reached;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy();
    await closed;
    gate.open();
    await expect.poll(() => visitor.json("/get")).toEqual({ name: "after the abort" });
  });

  test("[A23] what is written after the headers is committed at the end of the body, before the client sees it", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    const response = await visitor.send("/raw/late");
    await gate.reached;
    expect(await visitor.json("/get")).toEqual({ name: "Ada", early: true });
    gate.open();
    expect(await response.text()).toBe(BODY);
    expect(await visitor.json("/get")).toEqual({ name: "Ada", early: true, late: true });
  });

  test("[A23] it cannot start a session, and a notice says so", async () => {
    const notices: Notice[] = [];
    const { engine, visitor } = await start({ onNotice: (notice) => notices.push(notice) });
    const response = await visitor.send("/raw/late-start");
    expect(await response.text()).toBe(BODY);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    expect(notices.map(({ code }) => code)).toEqual(["late-session"]);
  });

  test("[A23] if it cannot be committed, the body is cut and never looks whole", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    const whole = visitor.send("/raw/late-refused").then((response) => response.text());
    await expect(whole).rejects.toThrow(/failed|terminated|closed/);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });
});

function pathOf(way: string): string {
  return `/raw/way-${Object.keys(WAYS).indexOf(way)}`;
}

function codeOf(run: () => unknown): unknown {
  try {
    run();
    return "accepted";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
