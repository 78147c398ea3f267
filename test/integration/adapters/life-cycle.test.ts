import { replicaOf } from "../../../src/engine/index.ts";
import { afterEach, describe, expect, test } from "vitest";
import type { Notice } from "../../../src/adapters/http/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { contentOf, FRAMEWORKS, Gate, Visitor } from "./frameworks.ts";
import type { Routes, Running, TestOptions } from "./frameworks.ts";
import { GatedStore } from "./gated-store.ts";
import { engineAt, ManualClock } from "./manual-engine.ts";

/** For how long a rotated id is answered with 409 rather than as unknown. */
const ROTATED_MS = 60_000;

describe.each(FRAMEWORKS)("life cycle: $name", (framework) => {
  const isKoa = framework.name.startsWith("koa");
  const running: { app: Running; engine: SessionEngine }[] = [];
  let gate = new Gate();

  const routes: Routes = {
    "/write": ({ session, query }) => {
      session["name"] = query.get("value") ?? "Ada";
      session["cart"] = ["book"];
      return { ok: true };
    },
    "/get": ({ session }) => contentOf(session),
    "/ignore": () => ({ ok: true }),
    "/slow-write": async ({ session }) => {
      await gate.wait();
      session["late"] = true;
      return { ok: true };
    },
    "/slow-read": async ({ session }) => {
      const name = session["name"];
      await gate.wait();
      return { name };
    },
    "/destroy": async (exchange) => {
      const { session } = exchange;
      await session.destroy();
      return {
        found: exchange.found ?? "nothing",
        old: Object.keys(contentOf(session)),
        name: session["name"] ?? "nothing",
        write: errorCode(() => (session["x"] = 1)),
      };
    },
    "/destroy-callback": async ({ session }) => {
      const error = await new Promise((resolve) => session.destroy((failure) => resolve(failure ?? null)));
      return { error };
    },
    "/destroy-unawaited": ({ session }) => {
      void session.destroy();
      return { ok: true };
    },
    "/login": async (exchange) => {
      const before = exchange.session;
      const beforeId = before.id;
      await before.regenerate({ keep: false });
      const old = before["name"] ?? null;
      const write = errorCode(() => (before["x"] = 1));
      delete exchange.session["x"];
      exchange.session["user"] = "Ada";
      return { isNewId: exchange.session.id !== beforeId, old, write, now: contentOf(exchange.session) };
    },
    "/login-callback": async (exchange) => {
      const error = await new Promise((resolve) => exchange.session.regenerate({ keep: false }, (failure) => resolve(failure ?? null)));
      exchange.session["user"] = "Ada";
      return { error };
    },
    "/keep-all": async (exchange) => {
      exchange.session["fresh"] = 1;
      await exchange.session.regenerate({ keep: true });
      return contentOf(exchange.session);
    },
    "/keep-cart": async (exchange) => {
      await exchange.session.regenerate({ keep: ["cart"] });
      return contentOf(exchange.session);
    },
    "/only-regenerate": async ({ session }) => {
      await session.regenerate({ keep: false });
      return { ok: true };
    },
    "/slow-login": async (exchange) => {
      const { session } = exchange;
      await gate.wait();
      await session.regenerate({ keep: false });
      exchange.session["user"] = "Eve";
      return { ok: true };
    },
    "/failed-login": async (exchange) => {
      await exchange.session.regenerate({ keep: false }).catch(() => undefined);
      exchange.session["user"] = "Ada";
      return { ok: true };
    },
    "/assign-null": (exchange) => {
      exchange.session["name"] = "forgotten";
      exchange.assign(null);
      return { found: exchange.found ?? "nothing" };
    },
    "/assign-object": (exchange) => {
      exchange.assign({ only: 1 });
      return contentOf(exchange.session);
    },
    "/assign-text": (exchange) => ({ code: errorCode(() => exchange.assign("text")) }),
    "/replace-after-null": (exchange) => {
      exchange.assign(null);
      exchange.assign({ next: true });
      return contentOf(exchange.session);
    },
  };

  async function start(options: Partial<TestOptions> = {}) {
    const engine = options.engine ?? createEngine();
    const app = await framework.start({ onNotice: () => undefined, ...options, engine }, routes);
    running.push({ app, engine });
    return { engine, app, visitor: new Visitor(app.url) };
  }

  afterEach(async () => {
    gate.open();
    gate = new Gate();
    for (const { app, engine } of running.splice(0)) {
      await app.close();
      await engine.close();
    }
  });

  async function endOf(engine: SessionEngine, cookie: string | undefined): Promise<string | undefined> {
    const id = cookie?.slice("sid=".length).split(".")[0] ?? "";
    return (await replicaOf(engine.host).record(engine.keyOf(id)))?.envelope.ended?.reason;
  }

  test.each(["/destroy", "/destroy-callback", "/destroy-unawaited"])("[A11] %s ends the session and clears the cookie", async (path) => {
    const { engine, app, visitor } = await start();
    await visitor.send("/write");
    const { cookie } = visitor;
    const response = await visitor.send(path);
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toEqual([
      "sid=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax",
    ]);
    expect(await endOf(engine, cookie)).toBe("destroyed");
    expect(await new Visitor(app.url, cookie).json("/get")).toEqual({});
  });

  test("[A11] after destroy there is no session, and what is left of it is empty and cannot be written", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    expect(await visitor.json("/destroy")).toEqual({ found: "nothing", old: [], name: "nothing", write: "SESSION_ENDED" });
  });

  test("[A11] destroying what never began sends no cookie", async () => {
    const { engine, visitor } = await start();
    expect((await visitor.send("/destroy")).headers.getSetCookie()).toEqual([]);
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
  });

  test.each(["/slow-write", "/slow-read"])("[A12] a %s that overlaps a logout revives nothing and sends no cookie", async (path) => {
    const { engine, app, visitor } = await start({ cookie: { maxAge: 600_000 }, rolling: true });
    await visitor.send("/write");
    const { cookie } = visitor;
    const slow = new Visitor(app.url, cookie);
    const answer = slow.send(path);
    await gate.reached;
    await visitor.send("/destroy");
    gate.open();
    const response = await answer;
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await new Visitor(app.url, cookie).json("/get")).toEqual({});
    expect([...replicaOf(engine.host).heldKeys()]).toHaveLength(1);
  });

  test("[A12] an ended session's cookie begins a new session under another id", async () => {
    const { app, visitor } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    await visitor.send("/destroy");
    const next = new Visitor(app.url, old);
    await next.send("/write?value=Eve");
    expect(next.cookie).not.toBe(old);
    expect(await next.json("/get")).toMatchObject({ name: "Eve" });
    expect(await new Visitor(app.url, old).json("/get")).toEqual({});
  });

  test("[A13] regenerate gives a new id and an empty session; the old object can be read and not written, in Koa it is the new session", async () => {
    const { engine, app, visitor } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    const object = isKoa ? { old: null, write: "accepted" } : { old: "Ada", write: "SESSION_ENDED" };
    expect(await visitor.json("/login")).toEqual({ isNewId: true, ...object, now: { user: "Ada" } });
    expect(visitor.cookie).not.toBe(old);
    expect(await visitor.json("/get")).toEqual({ user: "Ada" });
    expect(await endOf(engine, old)).toBe("rotated");
    expect(await new Visitor(app.url, old).json("/get")).toEqual({});
  });

  test("[A13] regenerate takes a callback", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    expect(await visitor.json("/login-callback")).toEqual({ error: null });
    expect(visitor.cookie).not.toBe(old);
    expect(await visitor.json("/get")).toEqual({ user: "Ada" });
  });

  test("[A13] keep takes over everything, with what this request wrote, or a list", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    expect(await visitor.json("/keep-all")).toEqual({ name: "Ada", cart: ["book"], fresh: 1 });
    expect(await visitor.json("/keep-cart")).toEqual({ cart: ["book"] });
    expect(await visitor.json("/get")).toEqual({ cart: ["book"] });
  });

  test("[A13] a regenerated session begins to exist even if it is empty; a visitor's draft does not", async () => {
    const { engine, app, visitor } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    await visitor.send("/only-regenerate");
    expect(visitor.cookie).not.toBe(old);
    expect(await endOf(engine, visitor.cookie)).toBeUndefined();
    const newcomer = new Visitor(app.url);
    expect((await newcomer.send("/only-regenerate")).headers.getSetCookie()).toEqual([]);
    expect([...replicaOf(engine.host).heldKeys()]).toHaveLength(2);
  });

  test("[A13] the new session is stored before the old one ends, and if it cannot be, nothing is written to the old id", async () => {
    const store = new GatedStore();
    const { engine, visitor } = await start({ engine: createEngine({ store, persist: "before" }) });
    await visitor.send("/write");
    const old = visitor.cookie;
    store.isFailing = true;
    const response = await visitor.send("/failed-login");
    expect(response.status).toBe(503);
    expect(response.headers.getSetCookie()).toEqual([]);
    store.isFailing = false;
    expect(await endOf(engine, old)).toBeUndefined();
    expect(await visitor.json("/get")).toEqual({ name: "Ada", cart: ["book"] });
  });

  test("[A14] a request with an id that was just rotated reads an empty session, cannot write, and gets no cookie", async () => {
    const clock = new ManualClock();
    const { app, visitor } = await start({ engine: engineAt(clock) });
    await visitor.send("/write");
    const late = new Visitor(app.url, visitor.cookie);
    await visitor.send("/login");
    for (const [path, status] of [
      ["/get", 200],
      ["/ignore", 200],
      ["/write", 409],
      ["/login", 409],
      ["/destroy", 200],
    ] as const) {
      const response = await late.send(path);
      expect({ path, status: response.status, cookies: response.headers.getSetCookie() }).toEqual({ path, status, cookies: [] });
    }
    expect(await visitor.json("/get")).toEqual({ user: "Ada" });
    clock.advance(ROTATED_MS);
    expect((await late.send("/write?value=Eve")).headers.getSetCookie()).toHaveLength(1);
  });

  test("[A14] of two logins that overlap the later one fails, and does not overwrite the cookie of the first", async () => {
    const { app, visitor } = await start();
    await visitor.send("/write");
    const slow = new Visitor(app.url, visitor.cookie);
    const answer = slow.send("/slow-login");
    await gate.reached;
    await visitor.send("/login");
    gate.open();
    const response = await answer;
    expect(response.status).toBe(409);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await visitor.json("/get")).toEqual({ user: "Ada" });
  });

  test("[A15] where the session cannot be loaded, only who asks for it gets 503", async () => {
    const store = new GatedStore();
    const first = await start({ engine: createEngine({ store }) });
    await first.visitor.send("/write");
    await expect.poll(() => store.records.size).toBe(1);
    const second = await start({ engine: createEngine({ store }) });
    const visitor = new Visitor(second.app.url, first.visitor.cookie);
    store.isFailing = true;
    expect((await visitor.send("/ignore")).status).toBe(200);
    const refused = await visitor.send("/get");
    expect(refused.status).toBe(503);
    expect(refused.headers.getSetCookie()).toEqual([]);
    store.isFailing = false;
    expect(await visitor.json("/get")).toMatchObject({ name: "Ada" });
  });

  test("[A15] a store that does not answer in time is one that cannot be asked", async () => {
    const store = new GatedStore();
    const first = await start({ engine: createEngine({ store }) });
    await first.visitor.send("/write");
    const stuck = new GatedStore();
    stuck.hold();
    const second = await start({ engine: createEngine({ store: stuck }), waitMs: 20 });
    const visitor = new Visitor(second.app.url, first.visitor.cookie);
    expect((await visitor.send("/ignore")).status).toBe(200);
    expect((await visitor.send("/get")).status).toBe(503);
    stuck.open();
  });

  test("[A16] a session that was idle too long is over", async () => {
    const clock = new ManualClock();
    const { engine, visitor } = await start({ engine: engineAt(clock, { idleTimeoutMs: 1_000 }) });
    await visitor.send("/write");
    clock.advance(999);
    expect(await visitor.json("/get")).toMatchObject({ name: "Ada" });
    clock.advance(999);
    expect(await visitor.json("/get")).toMatchObject({ name: "Ada" });
    clock.advance(1_000);
    expect(await visitor.json("/get")).toEqual({});
    expect(await endOf(engine, visitor.cookie)).toBe("expired");
  });

  test("[A17] an object assigned to the session replaces its attributes, and text is refused", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    expect(await visitor.json("/assign-object")).toEqual({ only: 1 });
    expect(await visitor.json("/get")).toEqual({ only: 1 });
    expect(await visitor.json("/assign-text")).toEqual({ code: "VALUE_REFUSED" });
  });

  test("[A17] null destroys in Koa; elsewhere it forgets what this request wrote", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    const response = await visitor.send("/assign-null");
    expect(await response.json()).toEqual({ found: "nothing" });
    if (isKoa) {
      expect(response.headers.getSetCookie()).toHaveLength(1);
      expect(visitor.cookie).toBeUndefined();
    } else {
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await visitor.json("/get")).toMatchObject({ name: "Ada" });
    }
  });

  test("[A17] an object after null begins a new session in Koa; elsewhere it is written to the session that lives on", async () => {
    const { engine, visitor } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    await visitor.send("/replace-after-null");
    expect(await endOf(engine, old)).toBe(isKoa ? "destroyed" : undefined);
    expect(visitor.cookie === old).toBe(!isKoa);
    expect(await visitor.json("/get")).toEqual({ next: true });
  });

  test("[A18] a secret that is missing or empty is refused, a short one is a notice", async () => {
    const { engine } = await start();
    for (const secret of ["", []]) await expect(framework.start({ engine, secret }, {})).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const notices: Notice[] = [];
    await start({ engine, secret: "short", onNotice: (notice) => notices.push(notice) });
    expect(notices.map(({ code }) => code)).toEqual(["weak-secret"]);
    expect(notices[0]?.message).toContain("randomBytes");
  });
});

function errorCode(run: () => unknown): unknown {
  try {
    run();
    return "accepted";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
