import type { AddressInfo } from "node:net";
import express from "express";
import { afterEach, describe, expect, test } from "vitest";
import { session } from "../../src/adapters/express/index.ts";
import { createEngine } from "../../src/runtime/index.ts";
import { testSession } from "../../src/testing/index.ts";
import { FRAMEWORKS, SECRET } from "./adapters/frameworks.ts";
import type { Routes, TestOptions } from "./adapters/frameworks.ts";
import { GatedStore } from "./adapters/gated-store.ts";

const ROUTES: Routes = {
  "/": ({ session: found }) => {
    // Express lists the cookie with the attributes.
    const data = Object.fromEntries(Object.entries(found).filter(([name]) => name !== "cookie"));
    return { id: found.id, key: found.key, data };
  },
  "/visit": ({ session: found }) => {
    const visits = (found["visits"] as number | undefined) ?? 0;
    found["visits"] = visits + 1;
    return { visits: found["visits"] };
  },
};

const OVER_TLS = { "x-forwarded-proto": "https" };
const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

test("[T1] an application's test is logged in with the middleware alone", async () => {
  const middleware = session({ secret: SECRET, onNotice: () => undefined });
  const app = express();
  app.use(middleware);
  app.get("/account", (request, response) => {
    const { user } = request.session as unknown as { user?: { name: string } };
    if (user === undefined) response.sendStatus(401);
    else response.json(user);
  });
  const server = app.listen(0, "127.0.0.1");
  cleanUps.push(async () => (server.closeAllConnections(), server.close(), middleware.engine.close()));
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/account`;

  const { cookie } = await testSession(middleware, { user: { name: "Ada" } });
  expect((await fetch(url)).status).toBe(401);
  expect(await (await fetch(url, { headers: { cookie } })).json()).toEqual({ name: "Ada" });
});

describe.each(FRAMEWORKS)("testSession: $name", (framework) => {
  async function start(options: Partial<TestOptions> = {}) {
    const engine = options.engine ?? createEngine();
    const { secret = SECRET, name, cookie } = options;
    const app = await framework.start({ onNotice: () => undefined, ...options, engine, secret }, ROUTES);
    cleanUps.push(async () => (await app.close(), engine.close()));
    const target = { engine, secret, ...(name === undefined ? {} : { name }), ...(cookie === undefined ? {} : { cookie }) };
    const json = async (path: string, headers: Record<string, string>): Promise<unknown> =>
      (await fetch(app.url + path, { headers })).json();
    return { target, json, send: (headers: Record<string, string>) => fetch(app.url, { headers }) };
  }

  test("[T1] a request with its cookie has the session, under the id and key that it said", async () => {
    const { target, json } = await start();
    const data = { user: { id: 7 }, cart: ["book"], since: "today" };
    const { cookie, id, key } = await testSession(target, data);
    expect(await json("/", { cookie })).toEqual({ id, key, data });
    expect(key).toBe(target.engine.keyOf(id));
    expect(await json("/visit", { cookie })).toEqual({ visits: 1 });
    expect(await json("/visit", { cookie })).toEqual({ visits: 2 });
  });

  test.each<[string, Partial<TestOptions>]>([
    ["a name of its own", { name: "shop" }],
    ["several secrets", { secret: [`${SECRET} the next`, SECRET] }],
    ["a name and no Secure", { name: "shop", cookie: { secure: false } }],
    ["a life", { cookie: { maxAge: 60_000 } }],
  ])("[T1] with %s, and each session is another", async (_, options) => {
    const { target, json } = await start(options);
    const [one, other] = [await testSession(target, { n: 1 }), await testSession(target, { n: 2 })];
    expect(await json("/", { cookie: one.cookie })).toMatchObject({ data: { n: 1 } });
    expect(await json("/", { cookie: other.cookie })).toMatchObject({ data: { n: 2 } });
  });

  test("[T1] for requests that come over TLS", async () => {
    const { target, json } = await start({ trustProxy: true, cookie: { secure: true } });
    const { cookie } = await testSession(target, { n: 1 }, { secure: true });
    expect(cookie).toMatch(/^__Host-sid=/);
    expect(await json("/", { cookie, ...OVER_TLS })).toMatchObject({ data: { n: 1 } });
  });

  test("[T1] cookie.maxAge is its idle timeout, and its cookie is not due yet", async () => {
    const { target, send } = await start({ cookie: { maxAge: 60_000 } });
    const { cookie, key } = await testSession(target, { n: 1 });
    expect((await send({ cookie })).headers.getSetCookie()).toEqual([]);
    const found = await target.engine.checkOut(key);
    expect(found.kind === "alive" && found.session.envelope.idleTimeoutMs).toBe(60_000);
  });

  test("[T1] without attributes it is a session all the same", async () => {
    const { target, json } = await start();
    const { cookie, id, key } = await testSession(target);
    expect(await json("/", { cookie })).toEqual({ id, key, data: {} });
  });
});

describe("testSession", () => {
  function newTarget(store?: GatedStore) {
    const engine = createEngine(store === undefined ? {} : { store });
    cleanUps.push(() => engine.close());
    return { engine, secret: SECRET };
  }

  test("[T1] resolves when the session is stored", async () => {
    const store = new GatedStore();
    const { key } = await testSession(newTarget(store), { n: 1 });
    expect([...store.records.keys()]).toEqual([key]);
  });

  test.each([
    ["ATTRIBUTE_NAME_REFUSED", { save: true }],
    ["ATTRIBUTE_NAME_REFUSED", JSON.parse('{"__proto__": 1}') as object],
    ["VALUE_REFUSED", { run: () => undefined }],
    ["LIMIT_EXCEEDED", { text: "x".repeat(100_000) }],
  ])("[T2] %s, as in a request: %j", async (code, data) => {
    await expect(testSession(newTarget(), data)).rejects.toMatchObject({ code });
  });

  test("[T2] a cookie that plain http never gets is refused, and the message says what to do", async () => {
    const made = testSession({ ...newTarget(), cookie: { secure: true } }, { n: 1 });
    await expect(made).rejects.toMatchObject({ code: "OPTION_INVALID", message: expect.stringContaining("{ secure: true }") as string });
  });

  test("[T2] so is one that no browser takes, and an application without a secret", async () => {
    const { engine, secret } = newTarget();
    const large = testSession({ engine, secret, name: "n".repeat(4096) }, { n: 1 });
    await expect(large).rejects.toMatchObject({ code: "OPTION_INVALID", message: expect.stringContaining("4096 bytes") as string });
    await expect(testSession({ engine }, { n: 1 })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});
