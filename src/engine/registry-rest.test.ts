import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { collectGarbage } from "../../test/support/garbage.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import { endEnvelope } from "./envelope.ts";
import type { SessionEvent } from "./events.ts";
import type { SessionKey } from "./record.ts";

function eventsOf<Type extends SessionEvent["type"]>(node: TestNode, type: Type): Extract<SessionEvent, { type: Type }>[] {
  return node.events.filter((event): event is Extract<SessionEvent, { type: Type }> => event.type === type);
}

/** Lets time pass as it does: what waits runs between the timers. */
async function pass(node: TestNode, ms: number, step = 500): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    node.runtime.advance(step);
    await settle();
  }
}

describe("what stays in memory", () => {
  test("[R6] a loop that never waits leaves no more than hotCount documents in memory", async () => {
    const node = new TestNode(1, { limits: { hotCount: 5 } });
    const { registry } = node.engine;
    const keys: SessionKey[] = [];
    for (let index = 0; index < 300; index++) {
      keys.push(node.create({ index }));
      expect(registry.counts().hot).toBeLessThanOrEqual(5);
    }
    expect(registry.counts()).toEqual({ hot: 5, cold: 295, ended: 0 });
    expect(registry.sessionCount).toBe(300);
    expect([...registry.heldKeys()].sort()).toEqual([...keys].sort());
    for (const [index, key] of keys.entries()) expect(await node.read(key)).toEqual({ index });
  });

  test("[R6] documents take no more than hotBytes together; the one used last may be as big as it likes", async () => {
    const node = new TestNode(1, { limits: { hotBytes: 10_000 } });
    const { registry } = node.engine;
    const keys = Array.from({ length: 20 }, (_, index) => node.create({ index, text: "x".repeat(2_000) }));
    node.create({ text: "y".repeat(30_000) });
    expect(registry.counts()).toEqual({ hot: 1, cold: 20, ended: 0 });
    for (const key of keys) {
      await node.write(key, { more: "z".repeat(500) });
      expect(registry.hotBytes).toBeLessThanOrEqual(10_000 + 3_000);
    }
    node.create({ a: 1 });
    expect(registry.hotBytes).toBeLessThanOrEqual(10_000);
    expect(registry.counts().hot).toBeGreaterThan(1);
    for (const [index, key] of keys.entries()) expect(await node.read(key)).toMatchObject({ index, more: "z".repeat(500) });
  });

  test.each([
    ["that takes no wait", undefined],
    ["that takes a wait", new TroubledStore(false)],
    ["that lasts", new TroubledStore(true)],
  ])("[R6] what nobody used for a minute goes to rest, where there is room too, in a store %s", async (_, store) => {
    const node = new TestNode(1, store === undefined ? {} : { store });
    const { registry } = node.engine;
    const [used, unused] = [node.create({ a: 1 }), node.create({ b: 1 })];
    for (let second = 0; second < 70; second++) {
      node.engine.checkOutHot(used)?.touch();
      await pass(node, 1_000);
    }
    expect(registry.counts()).toEqual({ hot: 1, cold: 1, ended: 0 });
    expect(node.engine.checkOutHot(used)).toBeDefined();
    await collectGarbage();
    expect(await node.read(unused)).toEqual({ b: 1 });
    await pass(node, 70_000);
    expect(registry.counts()).toEqual({ hot: 0, cold: 2, ended: 0 });
    expect(registry.hotBytes).toBe(0);
    await node.engine.close();
  });

  test("[R6] who has a session while it rests reads on, sees what others do, and writes to the one that all have", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const held = await node.open(key);
    const ended = await node.open(key);
    node.create({ filler: 1 });
    expect(node.engine.checkOutHot(key)).toBeUndefined();
    held.reload();
    expect(held.get("a")).toBe(1);
    await node.write(key, { b: 2 });
    node.create({ filler: 2 });
    held.reload();
    expect(held.get("b")).toBe(2);
    held.set("c", 3);
    expect(held.commit()).toBe("committed");
    expect(await node.read(key)).toEqual({ a: 1, b: 2, c: 3 });
    node.create({ filler: 3 });
    await node.engine.end(key, "destroyed");
    expect(held.verdict()).toBe("ended");
    expect(ended.verdict()).toBe("ended");
    held.set("d", 4);
    expect(held.commit()).toBe("discarded");
  });

  test("[R6] a listener that makes sessions while one is written loses nothing of it", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    node.engine.registry.hot(key);
    const session = await node.open(key);
    session.set("b", 2);
    session.commit();
    const live = node.engine.registry.hot(key);
    if (live?.document === undefined) throw new Error("not hot");
    const { own } = live.document;
    // Between a write and its `changed`, as a listener to events could.
    live.envelope = { ...live.envelope, touchedAtMs: live.envelope.touchedAtMs + 7 };
    node.create({ filler: 1 });
    expect(live.isHeld).toBe(false);
    live.document.commit([], live.document.latestStamp + 1);
    expect(live.document.own).not.toEqual(own);
    void node.engine.registry.changed(live);
    expect(live.isHeld).toBe(true);
    node.create({ filler: 2 });
    await collectGarbage();
    const back = await node.engine.registry.loader.load(key);
    expect(back?.document?.own[1]).toBeGreaterThan(own[1]);
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
  });

  test("[R11] it is told when a live document goes to rest, and when it comes back", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    expect(eventsOf(node, "passivated")).toEqual([]);
    const other = node.create({ b: 1 });
    expect(eventsOf(node, "passivated")).toEqual([{ type: "passivated", key }]);
    await node.read(key);
    expect(eventsOf(node, "activated")).toEqual([{ type: "activated", key }]);
    expect(eventsOf(node, "passivated").at(-1)).toEqual({ type: "passivated", key: other });
    await node.engine.end(key, "destroyed");
    expect(eventsOf(node, "passivated").length).toBe(2);
  });
});

describe("what ended", () => {
  test("[R8] it goes to rest at once, and is answered from there without a wait", async () => {
    const node = new TestNode(1);
    const { registry } = node.engine;
    const keys = Array.from({ length: 50 }, (_, index) => node.create({ index }));
    for (const key of keys) await node.engine.end(key, "destroyed");
    expect(registry.counts()).toEqual({ hot: 0, cold: 0, ended: 50 });
    expect(registry.sessionCount).toBe(0);
    for (const key of keys) {
      expect(registry.hot(key)?.envelope.ended).toMatchObject({ reason: "destroyed" });
      expect(await node.engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "destroyed" });
    }
    expect(registry.counts()).toEqual({ hot: 0, cold: 0, ended: 50 });
    expect([...registry.heldKeys()].sort()).toEqual([...keys].sort());
  });

  test("[R8] it stays in memory until the store has it, and goes to rest when the store works again", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store }).settle();
    const { registry } = node.engine;
    const key = node.create({ a: 1 });
    await settle();
    store.isBroken = true;
    await node.engine.end(key, "destroyed");
    expect(registry.counts()).toEqual({ hot: 0, cold: 0, ended: 1 });
    expect(registry.unsavedBytes).toBeGreaterThan(0);
    store.isBroken = false;
    await pass(node, 3_000);
    expect(registry.counts()).toEqual({ hot: 0, cold: 0, ended: 1 });
    expect(registry.unsavedBytes).toBe(0);
    expect((await store.load(key))?.envelope.ended).toMatchObject({ reason: "destroyed" });
  });

  test("[R8] of two ends the earlier is kept, also when the later one rests already", async () => {
    const store = new TroubledStore(true);
    const [node, other] = [new TestNode(1, { store }), new TestNode(2)];
    const key = node.create({ a: 1 });
    const { envelope } = await node.record(key);
    node.runtime.advance(100);
    await node.engine.end(key, "destroyed");
    const appends = store.appendCount;
    const earlier = endEnvelope(envelope, { reason: "rotated", atMs: other.runtime.nowMs() + 1 });
    await node.replica.receiveEnd(key, earlier);
    expect(await node.engine.checkOut(key)).toMatchObject({ reason: "rotated", atMs: earlier.ended?.atMs });
    expect((await store.load(key))?.envelope.ended).toEqual(earlier.ended);
    expect(store.appendCount).toBe(appends + 1);
    await node.replica.receiveEnd(key, earlier);
    expect(store.appendCount).toBe(appends + 1);
    expect(node.engine.registry.counts()).toEqual({ hot: 0, cold: 0, ended: 1 });
  });

  test("[R8] [E8] it is forgotten after its deadline and 3ε, and the holders are told", async () => {
    const node = new TestNode(1, { absoluteTimeoutMs: 20_000, idleTimeoutMs: 10_000, epsilonMs: 1_000 });
    const key = node.create({ a: 1 });
    await node.engine.end(key, "destroyed");
    await pass(node, 22_500);
    expect(node.engine.registry.counts().ended).toBe(1);
    expect(node.link.watched.has(key)).toBe(true);
    await pass(node, 2_500);
    expect(node.engine.registry.counts().ended).toBe(0);
    expect(node.link.watched.has(key)).toBe(false);
    expect(eventsOf(node, "ended").filter((event) => event.reason === "expired")).toEqual([]);
  });
});

describe("sweeping", () => {
  test("[R9] ten thousand sessions that expire in one second go in many small slices, hot and cold and in the store", async () => {
    const limits: number[] = [];
    const node = new TestNode(1, { idleTimeoutMs: 10_000, limits: { hotCount: 2_000 } });
    const calls = new Set<number>();
    const { store } = node;
    const discard = store.discardExpired.bind(store);
    store.discardExpired = (nowMs, limit) => {
      limits.push(limit);
      calls.add(nowMs);
      return discard(nowMs, limit);
    };
    for (let index = 0; index < 10_000; index++) {
      node.create({ index });
      if (index % 100 === 0) node.runtime.advance(5);
    }
    expect(node.engine.registry.sessionCount).toBe(10_000);
    node.runtime.advance(13_000);
    let told = eventsOf(node, "idle").length;
    let most = 0;
    for (let ms = 0; ms < 6_000 && node.engine.registry.sessionCount > 0; ms++) {
      node.runtime.advance(1);
      await settle();
      const count = eventsOf(node, "idle").length;
      most = Math.max(most, count - told);
      told = count;
    }
    expect(told).toBe(10_000);
    expect(new Set(eventsOf(node, "idle").map(({ key }) => key)).size).toBe(10_000);
    expect(most).toBeGreaterThan(20);
    expect(most).toBeLessThanOrEqual(150);
    expect(Math.max(...limits)).toBeLessThanOrEqual(500);
    await pass(node, 2_000, 1);
    expect(store.byteLength).toBe(0);
    expect(node.engine.registry.counts()).toEqual({ hot: 0, cold: 0, ended: 0 });
    await node.engine.close();
    expect(node.runtime.timerCount).toBe(0);
  });

  test("[R9] processes that were started together do not sweep together", () => {
    const firstSweeps = Array.from({ length: 12 }, (_, seed) => {
      const node = new TestNode(seed + 1).settle();
      let sweptAtMs = 0;
      node.store.discardExpired = async (nowMs) => {
        if (sweptAtMs === 0) sweptAtMs = nowMs;
        return 0;
      };
      const startedAtMs = node.runtime.nowMs();
      node.runtime.advance(2_000);
      return sweptAtMs - startedAtMs;
    });
    for (const afterMs of firstSweeps) {
      expect(afterMs).toBeGreaterThanOrEqual(800);
      expect(afterMs).toBeLessThanOrEqual(1_200);
    }
    expect(new Set(firstSweeps).size).toBeGreaterThan(6);
  });

  test("[R10] an idle session is told of once when it is evicted, hot or cold, and never one that is in use", async () => {
    const node = new TestNode(1, { idleTimeoutMs: 10_000, limits: { hotCount: 2 } });
    const [cold, alsoCold, hot, used] = [node.create({ a: 1 }), node.create({ b: 1 }), node.create({ c: 1 }), node.create({ d: 1 })];
    const touchedAtMs = node.runtime.nowMs();
    for (let second = 0; second < 30; second++) {
      await pass(node, 1_000);
      (await node.open(used)).touch();
    }
    const told = eventsOf(node, "idle");
    expect(told.map(({ key }) => key).sort()).toEqual([cold, alsoCold, hot].sort());
    expect(told.map(({ dedupeKey }) => dedupeKey).sort()).toEqual([cold, alsoCold, hot].map((key) => `${key}:${touchedAtMs}`).sort());
    expect(eventsOf(node, "ended")).toEqual([]);
    expect([...node.engine.registry.heldKeys()]).toEqual([used]);
  });

  test("[R10] all nodes that hold an idle session name its idle period alike, however its last touches were batched", async () => {
    const options = { idleTimeoutMs: 100_000, limits: { hotCount: 3 } };
    const [node, other] = [new TestNode(1, options), new TestNode(2, options)];
    const key = node.create({ a: 1 });
    await exchange(node, other, key);
    // Uses that are too close to each other to be told one by one.
    for (let use = 0; use < 3; use++) {
      node.runtime.advance(3_000);
      other.runtime.advance(3_000);
      (await node.open(key)).touch();
    }
    for (const each of [node, other]) for (let filler = 0; filler < 4; filler++) each.create({ filler });
    let delivered = 0;
    for (let second = 0; second < 140; second++) {
      node.runtime.advance(1_000);
      other.runtime.advance(1_000);
      await settle();
      const messages = node.link.outbox.slice(delivered);
      delivered = node.link.outbox.length;
      for (const message of messages)
        if (message.kind === "touch" && message.key === key) await other.replica.receiveTouch(key, message.touchedAtMs);
    }
    const [ours, theirs] = [node, other].map((each) => eventsOf(each, "idle").filter((event) => event.key === key));
    expect(ours?.length).toBe(1);
    expect(theirs).toEqual(ours);
  });

  test("[R10] a session that reached its deadline is told as ended, not as idle, hot or cold", async () => {
    const node = new TestNode(1, { absoluteTimeoutMs: 20_000, idleTimeoutMs: 19_000, epsilonMs: 500, limits: { hotCount: 1 } });
    const [cold, hot] = [node.create({ a: 1 }), node.create({ b: 1 })];
    await pass(node, 10_000);
    for (const key of [cold, hot]) (await node.open(key)).touch();
    await pass(node, 20_000);
    expect(eventsOf(node, "idle")).toEqual([]);
    expect(eventsOf(node, "ended").map(({ key, reason }) => [key, reason])).toEqual(
      expect.arrayContaining([
        [cold, "expired"],
        [hot, "expired"],
      ]),
    );
    expect(eventsOf(node, "ended").length).toBe(2);
  });
});

describe("what is not stored", () => {
  test("[R12] beyond unsavedBytes new sessions are refused, those that exist go on; there is a warning at 80 %, and an end to it", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store, limits: { unsavedBytes: 20_000 } });
    const { registry } = node.engine;
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    const keys = Array.from({ length: 8 }, (_, index) => node.create({ index, text: "x".repeat(2_000) }));
    expect(registry.unsavedBytes).toBeGreaterThan(16_000);
    expect(eventsOf(node, "unsaved-near-limit")).toEqual([
      { type: "unsaved-near-limit", unsavedBytes: registry.unsavedBytes, limit: 20_000 },
    ]);
    keys.push(node.create({ index: 8, text: "x".repeat(2_000) }), node.create({ index: 9, text: "x".repeat(2_000) }));
    expect(() => node.create({ one: "more" })).toThrow(expect.objectContaining({ code: "TOO_MANY_SESSIONS" }));
    expect(() => node.create({ one: "more" })).toThrow("limits.unsavedBytes (20000)");
    await node.write(keys[0] ?? "", { index: "changed" });
    expect(eventsOf(node, "unsaved-near-limit").length).toBe(1);
    store.gate = undefined;
    open();
    await settle();
    expect(registry.unsavedBytes).toBe(0);
    node.create({ one: "more" });
  });

  test("[R12] where the store does not last, nothing counts as unsaved", () => {
    const node = new TestNode(1, { limits: { unsavedBytes: 10 } });
    for (let index = 0; index < 5; index++) node.create({ index });
    expect(node.engine.registry.unsavedBytes).toBe(0);
  });
});

describe("what a peer sends and nobody waits for", () => {
  async function sent(idle: boolean): Promise<{ node: TestNode; other: TestNode; key: SessionKey }> {
    const [node, other] = [new TestNode(1).settle(), new TestNode(2).settle()];
    const key = node.create({ a: 1 });
    const record = await node.record(key);
    expect(await other.replica.receiveState(key, record, idle)).toEqual({ kind: "merged", ahead: false });
    return { node, other, key };
  }

  test("[R20] rests from the beginning, is named, read, written and ended like any other", async () => {
    const { node, other, key } = await sent(true);
    const { registry } = other.engine;
    expect(registry.counts()).toEqual({ hot: 0, cold: 1, ended: 0 });
    expect(other.replica.fingerprint(key)).toBe(node.replica.fingerprint(key));
    expect([...registry.heldKeys()]).toEqual([key]);
    // Once more changes nothing.
    expect(await other.replica.receiveState(key, await node.record(key), true)).toEqual({ kind: "unchanged", ahead: false });
    expect(await other.read(key)).toEqual({ a: 1 });
    await other.write(key, { b: 2 });
    await exchange(node, other, key);
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
    await other.engine.end(key);
    expect(registry.counts()).toEqual({ hot: 0, cold: 0, ended: 1 });
  });

  test("[R20] and what somebody waits for is in memory at once", async () => {
    const { other } = await sent(false);
    expect(other.engine.registry.counts()).toEqual({ hot: 1, cold: 0, ended: 0 });
  });

  test("[R20] in a store that takes a wait it comes into memory first", async () => {
    const node = new TestNode(1).settle();
    const key = node.create({ a: 1 });
    const other = new TestNode(2, { store: new TroubledStore(true) }).settle();
    expect(await other.replica.receiveState(key, await node.record(key), true)).toMatchObject({ kind: "merged" });
    expect(await other.read(key)).toEqual({ a: 1 });
    expect(other.engine.registry.counts()).toMatchObject({ hot: 1 });
  });
});
