import { Signer } from "@fastify/cookie";
import createFastify from "fastify";
import type { FastifyInstance } from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { session } from "../../../src/adapters/fastify/index.ts";
import type { FastifySessionOptions } from "../../../src/adapters/fastify/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { assign, called, COOKIE, describeLibraries, SECRET, sessionOf, startHandlers, storeOf } from "./library.ts";
import type { Handlers } from "./library.ts";

const HOUR_MS = 3_600_000;

const HANDLERS: Handlers = {
  "/set": ({ session: own }) => {
    own["name"] = "Ada";
    return { id: own.sessionId };
  },
  "/get": ({ session: own }) => ({ name: own["name"] ?? null }),
  "/nothing": () => ({}),
  "/login": async (exchange) => {
    await exchange.session.regenerate();
    exchange.session["name"] = "Grace";
    return {};
  },
};

describeLibraries("options", (library) => {
  test("[A37] cookieName and cookie say what the cookie is", async () => {
    const cookie = { path: "/shop", domain: "example.org", httpOnly: false, sameSite: "strict", maxAge: HOUR_MS };
    const { browser } = await startHandlers(
      library,
      { "/shop/set": HANDLERS["/set"] ?? (() => null), "/shopping": ({ request }) => ({ session: sessionOf(request) as unknown }) },
      { cookieName: "basket", cookie },
    );
    const [set] = (await browser.send("/shop/set")).setCookies;
    expect(set).toMatchObject({ name: "basket", attributes: { path: "/shop", domain: "example.org" } });
    expect(String(set?.attributes["samesite"]).toLowerCase()).toBe("strict");
    expect(set?.attributes["httponly"]).toBeUndefined();
    expect(Math.abs((set?.lifeMs ?? 0) - HOUR_MS)).toBeLessThan(60_000);
    expect(await browser.json("/shopping")).toEqual({ session: library.pick<object | null>({ peer: {}, ours: null }) });
  });

  test("[A37] saveUninitialized and rolling", async () => {
    const { browser } = await startHandlers(library, HANDLERS, { saveUninitialized: true, rolling: true });
    expect((await browser.send("/nothing")).setCookies).toHaveLength(1);
    expect((await browser.send("/get")).setCookies).toHaveLength(1);
    const lazy = await startHandlers(library, HANDLERS, { saveUninitialized: false, rolling: false });
    expect((await lazy.browser.send("/nothing")).setCookies).toHaveLength(0);
    expect((await lazy.browser.send("/set")).setCookies).toHaveLength(1);
    expect((await lazy.browser.send("/get")).setCookies).toHaveLength(0);
  });

  test("[A37] idGenerator is given the request, and asked for every new id", async () => {
    let count = 0;
    const idGenerator = (request: { readonly url: string }): string => `${request.url.slice(1)}-${String(count++).padStart(30, "0")}`;
    const { browser } = await startHandlers(library, HANDLERS, { idGenerator });
    expect(await browser.json("/set")).toEqual({ id: expect.stringMatching(/^set-0+$/) as unknown });
    await browser.send("/login");
    expect(decodeURIComponent(browser.cookie(COOKIE) ?? "")).toMatch(/^login-0+\d\./);
  });

  test("[A37] a list of secrets, also one that changes while it is used, and a signer", async () => {
    const old = "an old secret of tests, of thirty-two bytes and more";
    const secrets = [old];
    const { browser } = await startHandlers(library, HANDLERS, { secret: secrets });
    await browser.send("/set");
    secrets.unshift(SECRET);
    expect(await browser.json("/get")).toEqual({ name: "Ada" });
    const signed = await startHandlers(library, HANDLERS, { secret: new Signer(SECRET) });
    await signed.browser.send("/set");
    expect(await signed.browser.json("/get")).toEqual({ name: "Ada" });
    signed.browser.setCookie(COOKIE, `${(signed.browser.cookie(COOKIE) ?? "").slice(0, -4)}AAAA`);
    expect(await signed.browser.json("/get")).toEqual({ name: null });
  });

  test("[A37] without a secret the application does not start", async () => {
    for (const secret of [undefined, [], {}, 5]) {
      const app = createFastify();
      onTestFinished(() => app.close());
      await expect(library.register(app, { secret }).then(() => app.ready())).rejects.toThrow(/secret/);
    }
  });

  test("[A37] cookie.secure: over plain http there is no session to come back to", async () => {
    const { browser } = await startHandlers(library, HANDLERS, { cookie: { secure: true } });
    const reply = await browser.send("/set");
    expect([reply.status, reply.setCookies]).toEqual([200, []]);
  });

  test("[A37] request.sessionStore reads, writes and ends sessions by id", async () => {
    const { browser } = await startHandlers(library, {
      ...HANDLERS,
      "/store": async ({ request, session: own }) => {
        const store = storeOf(request);
        const get = (id: string): Promise<Record<string, unknown> | null> =>
          new Promise((resolve, reject) =>
            store.get(id, (error, found) => (error instanceof Error ? reject(error) : resolve(found ?? null))),
          );
        const id = own.sessionId;
        const before = await get(id);
        await called((done) => store.set(id, { ...own, name: "Grace", cookie: own.cookie }, done));
        const after = await get(id);
        await called((done) => store.destroy(id, done));
        return [before?.["name"], after?.["name"], (await get(id)) === null, (await get("x".repeat(43))) === null];
      },
    });
    await browser.send("/set");
    const old = browser.fork();
    expect(await browser.json("/store")).toEqual(["Ada", "Grace", true, true]);
    expect(await old.json("/get")).toEqual({ name: null });
  });

  test("[A37] decryptSession gives any object the session that a signed id names", async () => {
    const { app, browser } = await startHandlers(library, {
      ...HANDLERS,
      "/signed": ({ session: own }) => ({ id: own.encryptedSessionId }),
    });
    const decrypt = async (id: string): Promise<{ session: ReturnType<typeof sessionOf> }> => {
      const target = {};
      await called((done) => app.decryptSession(id, target as never, done));
      return { session: sessionOf(target) };
    };
    await browser.send("/set");
    const { id } = await browser.json<{ id: string }>("/signed");
    const { session: found } = await decrypt(id);
    expect(found["name"]).toBe("Ada");
    found["name"] = "Grace";
    await found.save();
    expect(await browser.json("/get")).toEqual({ name: "Grace" });
    const { session: none } = await decrypt("x".repeat(43));
    expect(none["name"]).toBeUndefined();
    expect(none.sessionId).not.toBe(found.sessionId);
    none["name"] = "Edsger";
    await none.save();
    expect((await decrypt(none.encryptedSessionId)).session["name"]).toBe("Edsger");
  });

  test("[A37] decryptSession with cookie options, for a session that begins", async () => {
    const { app } = await startHandlers(library, HANDLERS);
    const target = {};
    await called((done) => app.decryptSession("none", target as never, { maxAge: HOUR_MS }, done));
    expect(sessionOf(target).cookie.originalMaxAge).toBe(HOUR_MS);
  });

  test("[A37] decryptSession for a request in hand: its session is that one, and commits with the response", async () => {
    const { browser } = await startHandlers(library, {
      ...HANDLERS,
      "/signed": ({ session: own }) => ({ id: own.encryptedSessionId }),
      "/by-token": async (exchange) => {
        await called((done) => exchange.request.server.decryptSession(exchange.query["token"] ?? "", exchange.request, done));
        exchange.session["by"] = "token";
        return { name: exchange.session["name"] };
      },
      "/by": ({ session: own }) => ({ by: own["by"] ?? null }),
    });
    await browser.send("/set");
    const { id } = await browser.json<{ id: string }>("/signed");
    const client = browser.fork();
    client.setCookie(COOKIE, "");
    expect(await client.json(`/by-token?token=${encodeURIComponent(id)}`)).toEqual({ name: "Ada" });
    expect(await browser.json("/by")).toEqual({ by: "token" });
  });
});

describe("options of ours", () => {
  async function fails(options: object): Promise<{ code?: string; message: string }> {
    const app = createFastify();
    onTestFinished(() => app.close());
    const register = async (): Promise<void> => {
      await app.register(session, { secret: SECRET, ...options });
      await app.ready();
    };
    return register().then(
      () => ({ message: "it started" }),
      (error: Error & { code?: string }) => error,
    );
  }

  class ClassicStore {
    get(): void {}
    set(): void {}
    destroy(): void {}
  }

  class Extended extends session.MemoryStore {
    override get(): void {}
  }

  test.each([
    ["a store for @fastify/session", { store: new ClassicStore() }, /lmdbStore\(\).*relays\(\)/],
    ["our store, changed to read elsewhere", { store: new Extended() }, /overwrites whole sessions/],
    ["another prefix", { cookiePrefix: "x:" }, /leave it out/],
    ["another algorithm", { algorithm: "sha512" }, /new Signer\(secrets, algorithm\)/],
    ["an encoding of the cookie", { cookie: { encode: String } }, /leave encode out/],
    ["an idGenerator that is none", { idGenerator: "uuid" }, /genid must be a function/],
  ])("[A37] refused at start, with what to write instead: %s", async (_what, options, message) => {
    expect(await fails(options)).toMatchObject({ code: "OPTION_INVALID", message: expect.stringMatching(message) as unknown });
  });

  test("[A37] a MemoryStore with a Map is refused where it is made", () => {
    expect(() => void Reflect.construct(session.MemoryStore, [new Map()])).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  });

  test.each([{ cookiePrefix: "s:" }, { cookiePrefix: "" }, { algorithm: "sha256" }, { cookie: { encode: undefined, signed: true } }])(
    "[A37] taken, without an effect: %j",
    async (options) => {
      expect(await fails(options)).toEqual({ message: "it started" });
    },
  );

  async function start(options: Partial<FastifySessionOptions>): Promise<FastifyInstance> {
    const app = createFastify();
    onTestFinished(() => app.close());
    await app.register(session, { secret: SECRET, onNotice: () => undefined, ...options } as FastifySessionOptions);
    app.get("/set", (request) => {
      sessionOf(request)["name"] = "Ada";
      return { id: sessionOf(request).sessionId };
    });
    app.get("/get", (request) => ({ name: sessionOf(request)["name"] ?? null }));
    return app;
  }

  test("[A37] one MemoryStore for two applications: they share their sessions", async () => {
    const store = new session.MemoryStore();
    const [one, two] = [await start({ store }), await start({ store })];
    const { cookies } = await one.inject("/set");
    const jar = Object.fromEntries(cookies.map(({ name, value }) => [name, value]));
    expect((await two.inject({ url: "/get", cookies: jar })).json()).toEqual({ name: "Ada" });
  });

  test("[A37] an id of idGenerator that can be guessed is not used, but one of ours; what is none fails the request, with what an id is", async () => {
    const short = await (await start({ idGenerator: () => "1" })).inject("/set");
    expect(short.cookies.map(({ value }) => value)).toEqual([expect.stringMatching(/^[\w-]{54}\./)]);
    const app = await start({ idGenerator: () => 1 as unknown as string });
    expect((await app.inject("/set")).json()).toMatchObject({ statusCode: 500, message: expect.stringMatching(/22 to 256/) as unknown });
  });

  test("[A37] openSession gives a handle for a request without a response, and nothing without a valid id", async () => {
    const engine = createEngine();
    onTestFinished(() => engine.close());
    const app = await start({ engine });
    const { cookies } = await app.inject("/set");
    const [{ name, value } = { name: "", value: "" }] = cookies;
    const socket = { remoteAddress: "127.0.0.1" };
    const upgrade = (cookie: string): never => ({ headers: { host: "localhost", cookie }, url: "/", socket }) as never;
    const handle = await app.openSession(upgrade(`${name}=${value}`));
    expect(handle?.get("name")).toBe("Ada");
    expect(await app.openSession(upgrade(`${name}=none`))).toBeUndefined();
  });

  test("[A37] decryptSession: what a session cannot be had for is told to the callback", async () => {
    const engine = createEngine();
    const app = await start({ engine });
    const { cookies } = await app.inject("/set");
    const target = {};
    await engine.close();
    engine.checkOutHot = () => undefined;
    engine.checkOut = () => Promise.reject(new Error("nobody answers"));
    const failed = called((done) => app.decryptSession(cookies[0]?.value ?? "", target, done));
    await expect(failed).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
  });

  test("[A37] what decryptSession gave an object can be replaced, let go of, and destroyed", async () => {
    const app = await start({});
    const target = {};
    await called((done) => app.decryptSession("none", target, done));
    assign(target, { name: "Ada" });
    expect(sessionOf(target)["name"]).toBe("Ada");
    await sessionOf(target).save();
    await sessionOf(target).destroy();
    expect(sessionOf(target)).toBeNull();
  });
});
