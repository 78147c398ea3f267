import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { session } from "../../../src/adapters/express/index.ts";
import type { ClassicData } from "../../../src/adapters/express/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";
import { replicaOf } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { SECRET } from "./frameworks.ts";

const SID = "a-sid-of-some-library-that-draws-its-own";
const HOUR_MS = 3_600_000;

/** The store's methods as libraries promisify them. */
function promised(store: InstanceType<typeof session.MemoryStore>) {
  return {
    get: promisify((sid: string, done: (error: unknown, value?: ClassicData) => void) => store.get(sid, done as never)),
    set: promisify((sid: string, data: object, done: (error?: unknown) => void) => store.set(sid, data, done)),
    destroy: promisify((sid: string, done: (error?: unknown) => void) => store.destroy(sid, done)),
    touch: promisify((sid: string, done: (error?: unknown) => void) => store.touch(sid, {}, done)),
    all: promisify((done: (error: unknown, value?: object) => void) => store.all(done as never)),
    length: promisify((done: (error: unknown, value?: number) => void) => store.length(done as never)),
    clear: promisify((done: (error?: unknown) => void) => store.clear(done)),
  };
}

describe("req.sessionStore", () => {
  const engines: SessionEngine[] = [];

  function make() {
    const engine = createEngine();
    engines.push(engine);
    const sessions = session({ secret: SECRET, engine });
    return { engine, store: sessions.store, ...promised(sessions.store) };
  }

  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close();
  });

  test("[A30] sets, gets and destroys plain sessions; a miss is undefined, and what ended stays ended", async () => {
    const { get, set, destroy, engine } = make();
    expect(await get(SID)).toBeUndefined();
    await set(SID, { data: { state: "s" }, header: { iat: 1 }, cookie: { expires: new Date(Date.now() + HOUR_MS), maxAge: HOUR_MS } });
    const found = await get(SID);
    expect(found).toMatchObject({ data: { state: "s" }, header: { iat: 1 }, cookie: { originalMaxAge: HOUR_MS, path: "/" } });
    expect((await replicaOf(engine.host).record(engine.keyOf(SID)))?.envelope.idleTimeoutMs).toBe(HOUR_MS);
    await set(SID, { data: { state: "t" }, cookie: found?.cookie });
    expect(await get(SID)).toMatchObject({ data: { state: "t" } });
    expect(Object.keys((await get(SID)) ?? {})).toEqual(["cookie", "data"]);
    await destroy(SID);
    expect(await get(SID)).toBeUndefined();
    await set(SID, { data: { state: "again" } });
    expect(await get(SID)).toBeUndefined();
  });

  test("[A30] two that set one new session at the same time both succeed", async () => {
    const { get, set } = make();
    await Promise.all([set(SID, { a: 1, cookie: {} }), set(SID, { a: 1, b: 2 })]);
    expect(await get(SID)).toMatchObject({ a: 1 });
  });

  test("[A30] an expiry beyond the usual end is kept, one in the past ends the session", async () => {
    const { get, set, engine } = make();
    const week = 7 * 24 * HOUR_MS;
    await set(SID, { a: 1, cookie: { originalMaxAge: week } });
    const { envelope } = (await replicaOf(engine.host).record(engine.keyOf(SID))) ?? {};
    expect((envelope?.deadlineMs ?? 0) - (envelope?.createdAtMs ?? 0)).toBe(week);
    await set(SID, { a: 1, cookie: { expires: new Date(0).toISOString() } });
    expect(await get(SID)).toBeUndefined();
  });

  test("[A30] a callback never comes in the tick of the call, and errors are its first argument", async () => {
    const { store, set } = make();
    let isLater = false;
    const called = new Promise<boolean>((resolve) => store.get(SID, () => resolve(isLater)));
    isLater = true;
    expect(await called).toBe(true);
    await expect(set(SID, { run: () => 1 })).rejects.toMatchObject({ code: "VALUE_REFUSED" });
    store.destroy(SID);
    store.set(SID, { a: 1 });
  });

  test("[A30] touch counts as use, and does nothing to what is not there", async () => {
    const { set, touch, get, engine } = make();
    await set(SID, { a: 1 });
    const before = (await replicaOf(engine.host).record(engine.keyOf(SID)))?.envelope.touchedAtMs ?? 0;
    await expect.poll(() => engine.draft().envelope.touchedAtMs).toBeGreaterThan(before);
    await touch(SID);
    expect((await replicaOf(engine.host).record(engine.keyOf(SID)))?.envelope.touchedAtMs).toBeGreaterThan(before);
    await touch("another-sid-that-nobody-ever-set");
    expect(await get("another-sid-that-nobody-ever-set")).toBeUndefined();
  });

  test("[A30] load gives a session that can be changed and saved, with a cookie", async () => {
    const { set, get, store } = make();
    await set(SID, { visits: 1, cookie: { originalMaxAge: HOUR_MS } });
    const loaded = await new Promise<InstanceType<typeof session.Session>>((resolve, reject) =>
      store.load(SID, (error, value) => (value === undefined ? reject(new Error("not loaded", { cause: error })) : resolve(value))),
    );
    expect(loaded).toBeInstanceOf(session.Session);
    expect(loaded["cookie"]).toBeInstanceOf(session.Cookie);
    expect(loaded.id).toBe(SID);
    loaded["visits"] = 2;
    await promisify((done: (error?: unknown) => void) => loaded.save(done))();
    expect(await get(SID)).toMatchObject({ visits: 2, cookie: { originalMaxAge: HOUR_MS } });
    await promisify((done: (error?: unknown) => void) => loaded.destroy(done))();
    expect(await get(SID)).toBeUndefined();
    expect(await new Promise((resolve) => store.load(SID, (...answer) => resolve(answer)))).toEqual([]);
  });

  test("[A30] all, length and clear are the engine's", async () => {
    const { all, length, clear, set, destroy, engine } = make();
    for (const sid of [SID, `${SID}-2`, `${SID}-3`]) await set(sid, { name: sid, cookie: { originalMaxAge: HOUR_MS } });
    await destroy(`${SID}-3`);
    const { envelope } = (await replicaOf(engine.host).record(engine.keyOf(SID))) ?? {};
    const cookie = { originalMaxAge: HOUR_MS, expires: new Date((envelope?.touchedAtMs ?? 0) + HOUR_MS), httpOnly: true, path: "/" };
    const found = (await all()) ?? {};
    expect(Object.keys(found).toSorted()).toEqual([engine.keyOf(SID), engine.keyOf(`${SID}-2`)].toSorted());
    expect(Reflect.get(found, engine.keyOf(SID))).toEqual({ name: SID, cookie });
    expect(await length()).toBe(2);
    await clear();
    expect([await length(), await all()]).toEqual([0, {}]);
  });

  test("[A30] a MemoryStore works by itself, says connect, and takes the engine of the middleware that it is given to", async () => {
    const alone = new session.MemoryStore();
    const connected = new Promise((resolve) => alone.once("connect", () => resolve(true)));
    engines.push(alone.engine);
    expect(await connected).toBe(true);
    await promised(alone).set(SID, { a: 1 });
    expect(await promised(alone).get(SID)).toMatchObject({ a: 1 });
    const store = new session.MemoryStore();
    const sessions = session({ secret: SECRET, store });
    engines.push(sessions.engine);
    expect(sessions.store).toBe(store);
    expect(store.engine).toBe(sessions.engine);
  });
});
