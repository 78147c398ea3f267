import { describe, expect, test } from "vitest";
import { attributesOf, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { SharedStore } from "../../test/support/shared-store.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { LiveSession } from "./live-session.ts";
import type { SessionKey } from "./record.ts";

interface Shared {
  readonly store: SharedStore;
  readonly node: TestNode;
  readonly other: TestNode;
}

/** Two processes that share a folder, and nothing else. */
function shared(options: EngineOptions = {}): Shared {
  const store = new SharedStore();
  return { store, node: new TestNode(1, { ...options, store }), other: new TestNode(2, { ...options, store }) };
}

/** The session as a request gets it: never staler than the store. */
async function current(node: TestNode, key: SessionKey): Promise<LiveSession> {
  const { registry } = node.engine;
  const live = registry.hot(key) ?? (await registry.loader.load(key));
  if (live === undefined) throw new Error("the session is absent");
  return registry.isStale(live) ? registry.loader.refresh(live) : live;
}

async function read(node: TestNode, key: SessionKey): Promise<unknown> {
  await current(node, key);
  return node.read(key);
}

async function write(node: TestNode, key: SessionKey, data: Readonly<Record<string, unknown>>): Promise<void> {
  await current(node, key);
  await node.write(key, data);
  await settle();
}

describe("a store that several processes share", () => {
  test("[R13] what another process wrote is seen by the next request, also where the session is in memory", async () => {
    const { node, other } = shared();
    const key = node.create({ a: 1 });
    await settle();
    for (let round = 0; round < 5; round++) {
      await write(other, key, { other: round });
      expect(await read(node, key)).toMatchObject({ other: round });
      await write(node, key, { node: round });
      expect(await read(other, key)).toEqual({ a: 1, other: round, node: round });
    }
  });

  test("[R13] requests that come at the same time load it once, and then no more until it changes again", async () => {
    const { store, node, other } = shared();
    const key = node.create({ a: 1 });
    await settle();
    await write(other, key, { b: 2 });
    const before = store.loadCount;
    const sessions = await Promise.all([current(node, key), current(node, key), current(node, key)]);
    expect(new Set(sessions).size).toBe(1);
    expect(store.loadCount).toBe(before + 1);
    expect(node.engine.registry.isStale(sessions[0])).toBe(false);
    expect(await read(node, key)).toEqual({ a: 1, b: 2 });
    expect(store.loadCount).toBe(before + 1);
  });

  test("[R13] a process that writes alone loads nothing back", async () => {
    const { store, node } = shared();
    const key = node.create({ a: 1 });
    await settle();
    for (let round = 0; round < 5; round++) await write(node, key, { round });
    expect(store.loadCount).toBe(0);
    expect(store.version(key)).toBeGreaterThan(4);
    expect(node.engine.registry.isStale(await current(node, key))).toBe(false);
  });

  test("[R13] what another process stored during an append is taken in with it", async () => {
    const { store, node, other } = shared();
    const key = node.create({ a: 1 });
    await settle();
    await current(other, key);
    store.meanwhile = async () => {
      await other.write(key, { theirs: 1 });
      await settle();
    };
    const session = await node.open(key);
    session.set("ours", 1);
    session.commit();
    await session.persisted();
    await settle();
    const live = node.engine.registry.hot(key);
    expect(live === undefined || node.engine.registry.isStale(live)).toBe(false);
    const next = node.engine.checkOutHot(key);
    expect(next === undefined ? undefined : attributesOf(next)).toEqual({ a: 1, theirs: 1, ours: 1 });
    expect(await read(other, key)).toEqual({ a: 1, theirs: 1, ours: 1 });
  });

  test("[R13] an end by another process is an end here, and nothing revives it", async () => {
    const { store, node, other } = shared();
    const key = node.create({ a: 1 });
    await settle();
    const held = await node.open(key);
    await current(other, key);
    await other.engine.end(key, "destroyed");
    const live = node.engine.registry.hot(key);
    expect(live !== undefined && node.engine.registry.isStale(live)).toBe(true);
    expect(await read(node, key)).toBe("ended");
    expect(node.engine.registry.counts()).toEqual({ hot: 0, cold: 0, ended: 1 });
    held.set("b", 2);
    expect(held.commit()).toBe("discarded");
    await settle();
    expect((await store.load(key))?.envelope.ended).toMatchObject({ reason: "destroyed" });
  });

  test("[R13] a session that rests here, but is still in somebody's hands, comes back with what others wrote", async () => {
    const { node, other } = shared({ limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const held = await node.open(key);
    await settle();
    node.create({ filler: 1 });
    await settle();
    expect(node.engine.checkOutHot(key)).toBeUndefined();
    await write(other, key, { b: 2 });
    const loaded = await node.engine.registry.loader.load(key);
    expect(loaded !== undefined && node.engine.registry.isStale(loaded)).toBe(false);
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
    held.set("c", 3);
    expect(held.commit()).toBe("committed");
    await settle();
    expect(await read(other, key)).toEqual({ a: 1, b: 2, c: 3 });
  });

  test("[R13] a session that only another process uses is not told as idle while it is in memory here", async () => {
    const { node, other } = shared({ idleTimeoutMs: 20_000 });
    const key = node.create({ a: 1 });
    await settle();
    for (let second = 0; second < 50; second++) {
      node.runtime.advance(1_000);
      other.runtime.advance(1_000);
      await settle();
      await current(other, key);
      (await other.open(key)).touch();
    }
    expect(node.events.filter(({ type }) => type === "idle")).toEqual([]);
    expect(await read(node, key)).toEqual({ a: 1 });
  });

  test("[R13] [R4] where the store does not answer, a stale session is not served", async () => {
    const { store, node, other } = shared();
    const key = node.create({ a: 1 });
    await settle();
    await write(other, key, { b: 2 });
    store.isBroken = true;
    await expect(current(node, key)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    store.isBroken = false;
    expect(await read(node, key)).toEqual({ a: 1, b: 2 });
  });
});
