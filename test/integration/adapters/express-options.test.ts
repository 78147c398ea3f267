import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { RequestHandler } from "express";
import express4 from "express4";
import { afterEach, describe, expect, test } from "vitest";
import peerSession from "express-session";
import { session } from "../../../src/adapters/express/index.ts";
import type { ExpressSessionOptions } from "../../../src/adapters/express/index.ts";
import type { Notice, SessionObject } from "../../../src/adapters/http/index.ts";
import { replicaOf } from "../../../src/engine/index.ts";
import { contentOf, SECRET, Visitor } from "./frameworks.ts";

const FORWARDED = { "x-forwarded-proto": "https, http" };

describe.each([
  ["Express 5", () => express()],
  ["Express 4", () => express4() as unknown as express.Express],
])("options of express-session: %s", (_name, createApp) => {
  const closing: (() => Promise<unknown>)[] = [];

  async function start(options: Partial<ExpressSessionOptions>, route?: RequestHandler) {
    const notices: Notice[] = [];
    const sessions = session({ secret: SECRET, onNotice: (notice) => notices.push(notice), ...options } as ExpressSessionOptions);
    const app = createApp();
    app.use(sessions);
    app.use(
      route ??
        ((request, response) => {
          if (request.path === "/write") Object.assign(request.session, { name: request.query["name"] ?? "Ada" });
          response.json({ ...contentOf(request.session as unknown as SessionObject), id: request.sessionID });
        }),
    );
    app.use(((error: { status?: number; code?: string }, _request, response, _next) => {
      response.status(error.status ?? 500).json({ code: error.code });
    }) as express.ErrorRequestHandler);
    const server: Server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await sessions.engine.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { sessions, notices, url, visitor: new Visitor(url) };
  }

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test.each<[string, RequestHandler]>([
    ["req.session = null", (request, response) => void (Object.assign(request, { session: null }), response.json({ ok: true }))],
    [
      "delete req.session",
      (request, response) => {
        Reflect.set(request.session, "name", "forgotten");
        Reflect.deleteProperty(request, "session");
        response.json({ gone: (request as { session?: unknown }).session === undefined });
      },
    ],
  ])("[A29] unset: %s forgets, or destroys", async (_what, unset) => {
    for (const mode of ["keep", "destroy"] as const) {
      const { visitor, sessions } = await start({ unset: mode }, (request, response, next) => {
        if (request.path === "/unset") return unset(request, response, next);
        if (request.path === "/write") Object.assign(request.session, { name: "Ada" });
        return void response.json({ name: (request.session as unknown as { name?: string }).name });
      });
      await visitor.send("/write");
      const [key = ""] = replicaOf(sessions.engine.host).heldKeys();
      const response = await visitor.send("/unset");
      expect(response.status).toBe(200);
      expect((await replicaOf(sessions.engine.host).record(key))?.envelope.ended?.reason).toBe(
        mode === "destroy" ? "destroyed" : undefined,
      );
      if (mode === "keep") expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    }
  });

  test("[A29] genid chooses the id; for one that can be guessed another is taken, and what is none fails", async () => {
    let count = 0;
    const { visitor } = await start({ genid: (request) => `chosen-${request.method}-by-the-app-${(count += 1)}` });
    expect(await visitor.json("/write")).toMatchObject({ id: "chosen-GET-by-the-app-1", name: "Ada" });
    expect(visitor.cookie).toContain("sid=chosen-GET-by-the-app-1.");
    expect(await visitor.json("/get")).toMatchObject({ id: "chosen-GET-by-the-app-1", name: "Ada" });
    for (const id of ["short", "with spaces in it, but long enough"]) {
      const weak = await start({ genid: () => id });
      const { id: taken } = (await weak.visitor.json("/write")) as { id: string };
      expect(taken).toMatch(/^[\w-]{54}$/);
      expect(await weak.visitor.json("/get")).toMatchObject({ id: taken, name: "Ada" });
      expect(weak.notices.filter(({ code }) => code === "id-not-used")).toHaveLength(1);
    }
    for (const id of [5, undefined]) {
      const bad = await start({ genid: () => id as unknown as string });
      const response = await bad.visitor.send("/write");
      expect({ id, status: response.status, cookies: response.headers.getSetCookie() }).toEqual({ id, status: 500, cookies: [] });
      expect([...replicaOf(bad.sessions.engine.host).heldKeys()]).toEqual([]);
    }
  });

  test("[A29] proxy: true takes X-Forwarded-Proto, false nothing but TLS, and without it the application's trust counts", async () => {
    for (const [proxy, cookieCount] of [
      [true, 1],
      [false, 0],
      [undefined, 0],
    ] as const) {
      const { visitor, notices } = await start(proxy === undefined ? {} : { proxy });
      const response = await visitor.send("/write", { headers: FORWARDED });
      expect({ proxy, cookies: response.headers.getSetCookie().map((value) => value.slice(0, 11)) }).toEqual({
        proxy,
        cookies: cookieCount === 1 ? ["__Host-sid="] : [],
      });
      expect(notices.map(({ code }) => code)).toEqual(cookieCount === 1 ? [] : ["cookie-withheld"]);
    }
  });

  test("[A29] key is the old name of name; a Domain or Path has a default name that browsers accept", async () => {
    const named = await start({ key: "old", cookie: { secure: false } });
    await named.visitor.send("/write");
    expect(named.visitor.cookie).toMatch(/^old=/);
    for (const cookie of [{ domain: "example.org" }, { path: "/write" }]) {
      const { visitor } = await start({ cookie, proxy: true });
      const [value] = (await visitor.send("/write", { headers: FORWARDED })).headers.getSetCookie();
      expect(value).toMatch(/^__Secure-sid=/);
    }
  });

  test("[A29] cookie may be a function of the request, which also decides where there are sessions", async () => {
    const { visitor } = await start({
      cookie: ({ headers }) => ({ httpOnly: headers["x-script"] === undefined, sameSite: "auto", path: "/write" }),
      proxy: true,
      name: "sid",
    });
    const [plain] = (await visitor.send("/write")).headers.getSetCookie();
    expect(plain).toMatch(/; Path=\/write; HttpOnly; SameSite=Lax$/);
    const [scripted] = (
      await new Visitor(visitor.url).send("/write", { headers: { ...FORWARDED, "x-script": "1" } })
    ).headers.getSetCookie();
    expect(scripted).toMatch(/; Path=\/write; Secure; SameSite=None$/);
    const outside = await visitor.send("/get");
    expect(await outside.json()).toEqual({});
    const failing = await start({ cookie: () => ({ priority: "urgent" as never }) });
    expect(await (await failing.visitor.send("/write")).json()).toEqual({ code: "OPTION_INVALID" });
  });

  test("[A29] partitioned and priority reach the cookie, partitioned only with Secure", async () => {
    const { visitor } = await start({ cookie: { partitioned: true, priority: "high" }, proxy: true });
    const [secure] = (await visitor.send("/write", { headers: FORWARDED })).headers.getSetCookie();
    expect(secure).toMatch(/; HttpOnly; Secure; Partitioned; Priority=High; SameSite=None$/);
    const [open] = (await new Visitor(visitor.url).send("/write")).headers.getSetCookie();
    expect(open).toMatch(/; HttpOnly; Priority=High; SameSite=Lax$/);
  });

  test("[A29] cookie.expires is an instant until which sessions live, and a Max-Age beyond 30 days counts as 30", async () => {
    const { visitor } = await start({ cookie: { expires: new Date(Date.now() + 3_600_000) } });
    const [value = ""] = (await visitor.send("/write")).headers.getSetCookie();
    expect(Number(/Max-Age=(\d+)/.exec(value)?.[1])).toBeGreaterThan(3_500);
    const year = await start({ cookie: { maxAge: 365 * 24 * 3_600_000 } });
    expect((await year.visitor.send("/write")).headers.getSetCookie()).toEqual([expect.stringMatching(/; Max-Age=(2592000|2591999);/)]);
    expect(year.notices.map(({ code }) => code)).toContain("max-age-capped");
  });

  test("[A29] resave has no effect: a read does not undo what was written meanwhile", async () => {
    const { visitor, sessions } = await start({ resave: true });
    await visitor.send("/write");
    const [key = ""] = replicaOf(sessions.engine.host).heldKeys();
    const before = (await replicaOf(sessions.engine.host).record(key))?.document;
    await visitor.send("/get");
    expect((await replicaOf(sessions.engine.host).record(key))?.document).toEqual(before);
  });

  test("[A13] a regenerate() that is refused loses nothing silently: what is written afterwards is refused, too", async () => {
    const cookie = { secure: true } as const;
    const { visitor, sessions } = await start({ cookie, name: "sid", proxy: true }, async (request, response) => {
      const held = request.session as unknown as { cart?: string[]; regenerate: (options: { keep: true }) => Promise<void> };
      const cart = (held.cart ??= []);
      if (request.path === "/rotate") await held.regenerate({ keep: true }).catch(() => undefined);
      if (request.path !== "/read") cart.push(request.path);
      response.json(cart);
    });
    await visitor.send("/write", { headers: { "x-forwarded-proto": "https" } });
    expect((await visitor.send("/rotate")).status).toBe(409);
    expect(await visitor.json("/read")).toEqual(["/write"]);
    expect(sessions.engine.stats().sessions.hot).toBe(1);
  });

  test("[A35] the option subject follows the attributes, and what the request says itself counts more", async () => {
    const { visitor, sessions } = await start({ subject: ({ user }) => user as string | undefined }, (request, response) => {
      if (request.path === "/login") Reflect.set(request.session, "user", "Ada");
      if (request.path === "/say") Object.assign(request.session, { user: "Eve", subject: "Grace" });
      if (request.path === "/logout") Reflect.deleteProperty(request.session, "user");
      response.json({ subject: request.session.subject, keys: Object.keys(request.session) });
    });
    const subject = async () => {
      const [key = ""] = replicaOf(sessions.engine.host).heldKeys();
      return (await replicaOf(sessions.engine.host).record(key))?.envelope.subject;
    };
    expect(await visitor.json("/login")).toEqual({ keys: ["cookie", "user"] });
    const ada = await subject();
    expect(ada).toBeDefined();
    await visitor.send("/get");
    expect(await subject()).toBe(ada);
    expect(await visitor.json("/say")).toEqual({ subject: "Grace", keys: ["cookie", "user", "subject"] });
    const grace = await subject();
    expect(new Set([undefined, ada, grace]).size).toBe(3);
    await visitor.send("/logout");
    expect(await subject()).toBeUndefined();
  });

  test.each<[string, object]>([
    ["genid", { genid: "id" }],
    ["unset", { unset: "maybe" }],
    ["proxy", { proxy: "yes" }],
    ["subject", { subject: "user" }],
    ["resolver", { resolver: [] }],
    ["resolver twice", { resolver: [{ kind: "cookie" }, { kind: "cookie" }] }],
    ["a classic store", { store: new peerSession.MemoryStore() }],
    ["a secret of another kind", { secret: 5 }],
    ["__Host- with a Path", { name: "__Host-sid", cookie: { path: "/shop" } }],
  ])("[A29] %s is refused at start", (_what, options) => {
    expect(() => session({ secret: SECRET, ...options } as never)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test("[A30] Store works without new and as a class, and its constructors pass for the peer's", () => {
    class Modern extends session.Store {}
    function Old(this: object): void {
      session.Store.call(this);
    }
    Object.setPrototypeOf(Old.prototype, session.Store.prototype);
    const old = new (Old as unknown as new () => EventEmitter)();
    for (const store of [new Modern(), old]) {
      const heard: string[] = [];
      store.on("connect", () => heard.push("connect")).emit("connect");
      expect({ heard, isStore: store instanceof session.Store, isEmitter: store instanceof EventEmitter }).toEqual({
        heard: ["connect"],
        isStore: true,
        isEmitter: true,
      });
    }
    expect(Object.keys(session).sort()).toEqual(["Cookie", "MemoryStore", "Session", "Store"]);
  });

  test("[A30] what a request holds passes for an instance of Session and Cookie", async () => {
    const { visitor } = await start({}, (request, response) => {
      response.json([
        request.session instanceof session.Session,
        request.session.cookie instanceof session.Cookie,
        request.sessionStore instanceof session.Store,
        request.session.id === request.sessionID,
        Object.keys(request).includes("session"),
      ]);
    });
    expect(await visitor.json("/")).toEqual([true, true, true, true, false]);
  });
});
