import { afterEach, describe, expect, test } from "vitest";
import { replicaOf } from "../../../src/engine/index.ts";
import type { EngineOptions, SessionEngine } from "../../../src/engine/index.ts";
import { contentOf, FRAMEWORKS, Gate, Visitor } from "./frameworks.ts";
import type { Routes, Running } from "./frameworks.ts";
import { GatedStore } from "./gated-store.ts";
import { engineAt, ManualClock } from "./manual-engine.ts";

let gate = new Gate();

const routes: Routes = {
  "/slow-renew": async (exchange) => {
    const cart = (exchange.session["cart"] ??= []) as string[];
    cart.push("mine");
    const { name } = exchange.session;
    await gate.wait();
    await exchange.session.regenerate({ keep: true, graceMs: 60_000 });
    cart.push("after");
    return { name };
  },
  "/renew-anyway": async (exchange) => {
    const cart = (exchange.session["cart"] ??= []) as string[];
    cart.push("before");
    await exchange.session.regenerate({ keep: true, graceMs: 60_000 }).catch(() => undefined);
    cart.push("after");
    return { ok: true };
  },
  "/slow-write": async (exchange) => {
    const { name } = exchange.session;
    await gate.wait();
    exchange.session["slow"] = name;
    return { ok: true };
  },
  "/write": ({ session, query }) => {
    session[query.get("name") ?? "name"] = "Ada";
    return { ok: true };
  },
  "/get": ({ session }) => contentOf(session),
  "/renew": async (exchange) => {
    const { session } = exchange;
    session["fresh"] = true;
    await session.regenerate({ keep: true, graceMs: 60_000 });
    return contentOf(exchange.session);
  },
  "/options": async ({ session, query }) => {
    await session.regenerate({ keep: query.has("keep"), graceMs: Number(query.get("ms")) });
    return { ok: true };
  },
  "/destroy": async ({ session }) => {
    await session.destroy();
    return { ok: true };
  },
  "/destroy-and-begin": async (exchange) => {
    await exchange.session.destroy();
    exchange.assign({ name: "Eve" });
    return { ok: true };
  },
  "/remember": ({ session }) => {
    session.cookie.maxAge = 25 * 24 * 60 * 60 * 1000;
    session.cookie.sameSite = "strict";
    return { ok: true };
  },
};

describe.each(FRAMEWORKS)("rotation with a grace: $name", (framework) => {
  const running: { app: Running; engine: SessionEngine }[] = [];

  async function start(options: EngineOptions = {}) {
    const clock = new ManualClock();
    const engine = engineAt(clock, options);
    const app = await framework.start({ onNotice: () => undefined, engine, cookie: { maxAge: 600_000 }, rolling: true }, routes);
    running.push({ app, engine });
    const visitor = new Visitor(app.url);
    await visitor.send("/write");
    const late = new Visitor(app.url, visitor.cookie);
    return { clock, engine, visitor, late };
  }

  afterEach(async () => {
    gate.open();
    gate = new Gate();
    for (const { app, engine } of running.splice(0)) {
      await app.close();
      await engine.close();
    }
  });

  test("[A28] the new id has everything, and a request with the old one reads and writes the same session without a cookie", async () => {
    const { visitor, late } = await start();
    const old = visitor.cookie;
    expect(await visitor.json("/renew")).toEqual({ name: "Ada", fresh: true });
    expect(visitor.cookie).not.toBe(old);
    const response = await late.sendWithoutKeeping("/write?name=late");
    expect({ status: response.status, cookies: response.headers.getSetCookie() }).toEqual({ status: 200, cookies: [] });
    expect(await visitor.json("/get")).toEqual({ name: "Ada", fresh: true, late: "Ada" });
  });

  test("[A28] what others wrote while the rotating request ran goes on as well, and so do the objects that it has in hand", async () => {
    const { visitor, late } = await start();
    const answer = visitor.send("/slow-renew");
    await gate.reached;
    await late.sendWithoutKeeping("/write?name=meanwhile");
    gate.open();
    expect((await answer).status).toBe(200);
    expect(await visitor.json("/get")).toEqual({ cart: ["mine", "after"], meanwhile: "Ada", name: "Ada" });
  });

  test("[A28] what a request writes that began before the rotation is in the session that goes on", async () => {
    const { visitor, late } = await start();
    const answer = late.sendWithoutKeeping("/slow-write");
    await gate.reached;
    await visitor.send("/renew");
    gate.open();
    const { status, headers } = await answer;
    expect({ status, cookies: headers.getSetCookie() }).toEqual({ status: 200, cookies: [] });
    expect(await visitor.json("/get")).toEqual({ name: "Ada", fresh: true, slow: "Ada" });
  });

  test("[A28] [A13] a rotation that could not be stored loses nothing silently: what is written afterwards is refused, too", async () => {
    const store = new GatedStore();
    const { visitor } = await start({ store, persist: "before" });
    await visitor.send("/write");
    const { cookie } = visitor;
    store.isFailing = true;
    expect((await visitor.send("/renew-anyway")).status).toBe(503);
    store.isFailing = false;
    expect(visitor.cookie).toBe(cookie);
    expect(await visitor.json("/get")).toMatchObject({ name: "Ada" });
  });

  test("[A28] after the grace the old id is a rotated one like any other", async () => {
    const { clock, visitor, late } = await start();
    await visitor.send("/renew");
    clock.advance(60_000);
    expect(await (await late.sendWithoutKeeping("/get")).json()).toEqual({});
    expect((await late.sendWithoutKeeping("/write")).status).toBe(409);
    expect(await visitor.json("/get")).toEqual({ name: "Ada", fresh: true });
  });

  test.each([
    ["/get", 200],
    ["/renew", 409],
    ["/remember", 200],
    ["/destroy-and-begin", 409],
  ])("[A28] %s with the old id never gets a cookie (%i)", async (path, status) => {
    const { visitor, late } = await start();
    await visitor.send("/renew");
    const response = await late.sendWithoutKeeping(path);
    expect({ status: response.status, cookies: response.headers.getSetCookie() }).toEqual({ status, cookies: [] });
  });

  test("[A28] a logout with the old id ends both", async () => {
    const { engine, visitor, late } = await start();
    await visitor.send("/renew");
    const response = await late.sendWithoutKeeping("/destroy");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await visitor.json("/get")).toEqual({});
    for (const key of replicaOf(engine.host).heldKeys()) {
      expect((await replicaOf(engine.host).record(key))?.envelope.ended?.reason).toBe("destroyed");
    }
  });

  test.each(["/options?ms=1000", "/options?keep&ms=-1", "/options?keep&ms=600001", "/options?keep&ms=soon"])(
    "[A28] %s is refused",
    async (path) => {
      const { visitor } = await start();
      expect((await visitor.send(path)).status).toBe(500);
    },
  );
});
