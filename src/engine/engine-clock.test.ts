import { describe, expect, test } from "vitest";
import { attributesOf, TestNode } from "../../test/support/engine-network.ts";
import { ManualRuntime, settle } from "../../test/support/manual-runtime.ts";
import { MarkedStore } from "../../test/support/troubled-store.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { Engine } from "./engine.ts";
import { MEETING_TIMEOUT_MS } from "./hybrid-clock.ts";

const HOUR_MS = 3_600_000;
const IDLE_MS = 30 * 60_000;
const ROUND_MS = 1_300;

async function pass(runtime: ManualRuntime, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
    runtime.advance(Math.min(100, leftMs));
    await settle();
  }
}

describe("an engine that starts with a wrong clock", () => {
  test("[K6] discards nothing before the first exchange, and nothing after it that is alive", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
    const key = node.create({ a: 1 });
    const discardedAtMs: number[] = [];
    node.store.discardExpired = async (nowMs) => {
      discardedAtMs.push(nowMs);
      return 0;
    };
    node.runtime.stepTo(node.runtime.nowMs() + HOUR_MS);
    await pass(node.runtime, 5_000);
    expect(discardedAtMs).toEqual([]);
    expect(node.engine.stats().sessions).toMatchObject({ hot: 1 });
    node.engine.clock.heard("relay", node.runtime.nowMs() - HOUR_MS, 1);
    await pass(node.runtime, 5_000);
    expect(await node.read(key)).toEqual({ a: 1 });
    expect(node.told("idle")).toEqual([]);
    expect(discardedAtMs.length).toBeGreaterThan(2);
    expect(Math.max(...discardedAtMs)).toBeLessThan(node.runtime.nowMs() - HOUR_MS + 1);
  });

  test("[K6] tells nobody that a session is over until then, and serves it if it is not", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
    const key = node.create({ a: 1 });
    node.runtime.stepTo(node.runtime.nowMs() + 24 * HOUR_MS);
    expect(node.engine.checkOutHot(key)).toBeUndefined();
    let answer: unknown;
    const asked = node.engine
      .checkOut(key)
      .then((result) => (answer = result.kind === "alive" ? attributesOf(result.session) : result.kind));
    await settle();
    expect(answer).toBeUndefined();
    node.engine.clock.heard("relay", node.runtime.nowMs() - 24 * HOUR_MS, 1);
    await asked;
    expect(answer).toEqual({ a: 1 });
  });

  test("[K6] says so after ten seconds where no peer answers", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
    const key = node.create({ a: 1 });
    node.runtime.stepTo(node.runtime.nowMs() + HOUR_MS);
    const asked = node.engine.checkOut(key);
    await pass(node.runtime, MEETING_TIMEOUT_MS);
    expect(await asked).toMatchObject({ kind: "ended", reason: "expired" });
  });

  test("[K6] [E11] answers at once what does not depend on the time", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    await node.engine.end(key);
    expect(await node.engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "destroyed" });
  });

  test("[K6] tells those who observe a session nothing before, either", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS, absoluteTimeoutMs: HOUR_MS });
    const handle = await node.engine.open(node.create({ a: 1 }));
    const heard: string[] = [];
    handle?.observe((change) => heard.push(change.type));
    node.runtime.stepTo(node.runtime.nowMs() + 2 * HOUR_MS);
    await pass(node.runtime, 5_000);
    node.engine.clock.heard("relay", node.runtime.nowMs() - 2 * HOUR_MS, 1);
    await pass(node.runtime, 5_000);
    expect(heard).toEqual([]);
    await pass(node.runtime, HOUR_MS);
    expect(heard).toEqual(["ended"]);
  });
});

describe("an engine with peers", () => {
  test("[K7] whose machine's clock is wrong goes on by theirs, and tells it", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
    node.engine.clock.heard("relay", node.runtime.nowMs(), 1);
    const key = node.create({ a: 1 });
    node.runtime.stepTo(node.runtime.nowMs() + HOUR_MS);
    await pass(node.runtime, 5_000);
    expect(await node.read(key)).toEqual({ a: 1 });
    expect(node.told("clock-fault")).toEqual([{ type: "clock-fault", key: undefined, aheadMs: HOUR_MS }]);
  });
});

describe("the high-water mark", () => {
  function start(store: MarkedStore, wallMs: number): { readonly engine: Engine; readonly runtime: ManualRuntime } {
    const runtime = new ManualRuntime(1, wallMs);
    return { runtime, engine: new Engine({ store }, runtime, (context) => new MemoryStore(context)) };
  }

  function commit(engine: Engine): void {
    const session = engine.draft();
    session.identify(engine.issueId());
    session.set("a", 1);
    session.commit();
  }

  test("[K5] is raised once a second while something is stored, ahead of the time, and not while nothing is", async () => {
    const store = new MarkedStore();
    const { engine, runtime } = start(store, 1_700_000_000_000);
    await pass(runtime, 10_000);
    expect(store.raiseCount).toBe(0);
    for (let second = 0; second < 10; second++) {
      commit(engine);
      await pass(runtime, 1_000);
    }
    await pass(runtime, ROUND_MS);
    expect(store.raiseCount).toBeGreaterThanOrEqual(7);
    expect(store.raiseCount).toBeLessThanOrEqual(11);
    expect(store.markMs).toBeGreaterThan(engine.clock.nowMs());
    const raised = store.raiseCount;
    await pass(runtime, 10_000);
    expect(store.raiseCount).toBe(raised);
    await engine.close();
  });

  test("[K5] holds for the engine after it, whatever its machine's clock says", async () => {
    const store = new MarkedStore();
    const first = start(store, 1_700_000_000_000);
    commit(first.engine);
    await pass(first.runtime, 10_000);
    commit(first.engine);
    await pass(first.runtime, ROUND_MS);
    const lastMs = first.engine.clock.nowMs();
    // It is killed.
    const second = start(store, 1_700_000_000_000 - HOUR_MS);
    expect(second.engine.clock.nowMs()).toBeGreaterThanOrEqual(lastMs);
    for (const { engine } of [first, second]) await engine.close();
  });

  test("[K5] is tried again when the store failed", async () => {
    const store = new MarkedStore();
    const { engine, runtime } = start(store, 1_700_000_000_000);
    commit(engine);
    await settle();
    store.isBroken = true;
    await pass(runtime, ROUND_MS);
    expect([store.raiseCount, store.markMs]).toEqual([1, 0]);
    store.isBroken = false;
    await pass(runtime, ROUND_MS);
    expect(store.markMs).toBeGreaterThan(engine.clock.nowMs() - ROUND_MS);
    await engine.close();
  });
});
