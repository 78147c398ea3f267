import { describe, expect, test } from "vitest";
import { attributesOf, deliver, exchange, TestNode } from "../../test/support/engine-network.ts";
import { ManualRuntime, settle } from "../../test/support/manual-runtime.ts";
import { MemoryStore } from "../storage/memory-store.ts";
import { Engine } from "./engine.ts";
import type { Dot, SessionKey } from "./record.ts";
import { SEEN_TIMEOUT_MS } from "./seen.ts";
import type { CheckOut, Seen } from "./session-engine.ts";
import { WRITER_MAX } from "./update-reader.ts";

function seenOf(dots: readonly (Dot | undefined)[], touchedAtMs = 0): Seen {
  return { dots: dots.filter((dot) => dot !== undefined), touchedAtMs };
}

/** What a browser has seen after a write of this node. */
async function writing(node: TestNode, key: SessionKey, data: Readonly<Record<string, unknown>>): Promise<Dot> {
  const session = await node.open(key);
  for (const [name, value] of Object.entries(data)) session.set(name, value);
  session.commit();
  if (session.written === undefined) throw new Error("nothing was written");
  return session.written;
}

/** Two nodes with one session, of which only the second has the newest write; and what its browser has seen. */
async function behind(): Promise<{ node: TestNode; other: TestNode; key: SessionKey; seen: Seen }> {
  const [node, other] = [new TestNode(1), new TestNode(2)];
  const key = node.create({ a: 1 });
  await exchange(node, other, key);
  const seen = seenOf([await writing(other, key, { b: 2 })]);
  return { node, other, key, seen };
}

function dataOf(result: CheckOut): unknown {
  return result.kind === "alive" ? [attributesOf(result.session), result.isBehind] : result.kind;
}

describe("what a browser has seen", () => {
  test("[RW1] is not served hot before it is here, and hot from then on", async () => {
    const { node, other, key, seen } = await behind();
    expect(node.engine.checkOutHot(key)).toBeDefined();
    expect(node.engine.checkOutHot(key, seen)).toBeUndefined();
    expect(other.engine.checkOutHot(key, seen)).toBeDefined();
    await exchange(node, other, key);
    expect(node.engine.checkOutHot(key, seen)?.get("b")).toBe(2);
  });

  test("[RW5] a commit that is here, of a session that lives, said by a clock that is not ahead, is nothing new", async () => {
    const { node, other, key, seen } = await behind();
    const [dot = [0, 0]] = seen.dots;
    const nowMs = node.runtime.nowMs();
    expect(node.engine.hasPassed(key, dot, nowMs)).toBe(false);
    await exchange(node, other, key);
    expect(node.engine.hasPassed(key, dot, nowMs)).toBe(true);
    expect(node.engine.hasPassed(key, dot, nowMs + 1)).toBe(false);
    expect(node.engine.hasPassed(key, [dot[0], dot[1] + 1], nowMs)).toBe(false);
    expect(node.engine.hasPassed("BAAAAAAAAAAAAAAAAAAAAA", dot, nowMs)).toBe(false);
    await node.engine.end(key);
    expect(node.engine.hasPassed(key, dot, nowMs)).toBe(false);
  });

  test("[RW1] the holders are asked at once, and what they have ends the wait", async () => {
    const { node, other, key, seen } = await behind();
    const record = await other.record(key);
    node.link.answer = async () => ({ kind: "found", record, isComplete: true });
    expect(dataOf(await node.engine.checkOut(key, { seen }))).toEqual([{ a: 1, b: 2 }, false]);
    expect(node.link.fetched).toHaveLength(1);
    expect(node.told("lost-write")).toEqual([]);
  });

  test("[RW1] a change that comes in meanwhile ends the wait", async () => {
    const { node, other, key, seen } = await behind();
    const timers = node.runtime.timerCount;
    let isOver = false;
    const opening = node.engine.checkOut(key, { seen }).finally(() => (isOver = true));
    await settle();
    expect(isOver).toBe(false);
    for (const message of other.link.outbox) await deliver(message, other, node);
    expect(dataOf(await opening)).toEqual([{ a: 1, b: 2 }, false]);
    expect(node.runtime.timerCount).toBe(timers);
  });

  test("[RW2] what nobody has in time is told of as lost, once, and the session is served as it is", async () => {
    const { node, key, seen } = await behind();
    const opening = node.engine.checkOut(key, { seen });
    await settle();
    node.runtime.advance(SEEN_TIMEOUT_MS - 1);
    await settle();
    expect(node.told("lost-write")).toEqual([]);
    node.runtime.advance(1);
    expect(dataOf(await opening)).toEqual([{ a: 1 }, true]);
    expect(node.told("lost-write")).toEqual([{ type: "lost-write", key }]);
    expect(node.engine.stats().lostWrites).toBe(1);
  });

  test("[RW2] holders that cannot be asked hold up nobody for longer", async () => {
    const { node, key, seen } = await behind();
    for (const answer of [() => new Promise<never>(() => undefined), () => Promise.reject(new Error("on purpose"))]) {
      node.link.answer = answer;
      const opening = node.engine.checkOut(key, { seen });
      await settle();
      node.runtime.advance(SEEN_TIMEOUT_MS);
      expect(dataOf(await opening)).toEqual([{ a: 1 }, true]);
    }
  });

  test("[RW2] of a session that ended nothing is lost: neither one that has ended here, nor one that ends meanwhile", async () => {
    const { node, other, key, seen } = await behind();
    const opening = node.engine.checkOut(key, { seen });
    await settle();
    await other.engine.end(key);
    await node.replica.receiveEnd(key, (await other.record(key)).envelope);
    expect((await opening).kind).toBe("ended");
    expect((await node.engine.checkOut(key, { seen })).kind).toBe("ended");
    expect(node.told("lost-write")).toEqual([]);
  });

  test("[RW3] a handle names its newest commit, and nothing that it did not write", async () => {
    const node = new TestNode(1);
    const session = node.engine.draft();
    expect(session.written).toBeUndefined();
    session.identify(node.engine.issueId());
    session.set("a", 1);
    session.commit();
    const first = session.written;
    expect(session.commit()).toBe("unchanged");
    expect(session.written).toEqual(first);
    session.set("a", 2);
    session.commit();
    expect(session.written?.[0]).toBe(first?.[0]);
    expect(session.written?.[1]).toBeGreaterThan(first?.[1] ?? 0);
    const reader = await node.open(session.key ?? "");
    reader.touch();
    reader.setIdleTimeout(1_000);
    reader.commit();
    expect(reader.written).toBeUndefined();
  });

  test("[RW3] one dot stands for all that its author had seen", async () => {
    const [one, two, three] = [new TestNode(1), new TestNode(2), new TestNode(3)];
    const key = one.create({ a: 1 });
    await exchange(one, two, key);
    await exchange(one, three, key);
    await writing(one, key, { one: 1 });
    await exchange(one, two, key);
    const seen = seenOf([await writing(two, key, { two: 2 })]);
    // The change alone says that something before it is missing.
    const last = two.link.outbox.findLast((message) => message.kind === "change");
    if (last?.kind !== "change") throw new Error("no change was sent");
    expect(await three.replica.receiveChange(key, last.change)).toBe("state-needed");
    expect(three.engine.checkOutHot(key, seen)).toBeUndefined();
    await exchange(two, three, key);
    expect(three.engine.checkOutHot(key, seen)?.names()).toEqual(["a", "one", "two"]);
  });

  test("[RW3] after a rotation with a grace, what was seen of the old session is found in the one that goes on in its place", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const old = node.create({ a: 1 });
    await exchange(node, other, old);
    const before = await writing(node, old, { b: 2 });
    const from = await node.open(old);
    const draft = node.engine.draft({ from });
    draft.identify(node.engine.issueId());
    draft.commit({ evenIfEmpty: true });
    from.setSuccessor(draft.key ?? "", 60_000);
    // The other node has neither, and hears of both while the request waits.
    const opening = other.engine.checkOut(old, { seen: seenOf([before]) });
    await settle();
    await exchange(node, other, draft.key ?? "");
    await exchange(node, other, old);
    const result = await opening;
    expect(dataOf(result)).toEqual([{ a: 1, b: 2 }, false]);
    expect(result.kind === "alive" && result.follows).toBe(true);
    expect(other.engine.checkOutHot(draft.key ?? "", seenOf([before]))).toBeDefined();
  });

  test("[RW4] alone there is nobody to wait for: what is missing is lost at once", async () => {
    const runtime = new ManualRuntime();
    const alone = new Engine({}, runtime, (context) => new MemoryStore(context));
    const session = alone.draft();
    session.identify(alone.issueId());
    session.set("a", 1);
    session.commit();
    const key = session.key ?? "";
    expect(alone.isShared).toBe(false);
    const timers = runtime.timerCount;
    expect(dataOf(await alone.checkOut(key, { seen: seenOf([session.written]) }))).toEqual([{ a: 1 }, false]);
    expect(dataOf(await alone.checkOut(key, { seen: seenOf([[WRITER_MAX, 1]]) }))).toEqual([{ a: 1 }, true]);
    expect(runtime.timerCount).toBe(timers);
  });
});

describe("a use that the browser was told of", () => {
  const IDLE_MS = 10_000;

  test("[E17] keeps its session alive on a node that has not heard of it, hot or not", async () => {
    for (const isHot of [true, false]) {
      const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
      const key = node.create({ a: 1 });
      const usedAtMs = node.runtime.nowMs() + IDLE_MS - 1;
      node.runtime.advance(IDLE_MS);
      const seen = seenOf([], usedAtMs);
      if (isHot) expect(node.engine.checkOutHot(key, seen)).toBeDefined();
      else expect(dataOf(await node.engine.checkOut(key, { seen }))).toEqual([{ a: 1 }, false]);
      expect((await node.record(key)).envelope.touchedAtMs).toBe(usedAtMs);
      // Who served it may tell it yet: others are not told at once.
      expect(node.link.outbox.filter(({ kind }) => kind === "touch")).toEqual([]);
    }
  });

  test("[E17] is told to others in time, though the browser brings a newer one to each node that it meets", async () => {
    const node = new TestNode(1, { idleTimeoutMs: 600_000 });
    const key = node.create({ a: 1 });
    for (let second = 0; second < 90; second += 5) {
      node.runtime.advance(5_000);
      await settle();
      // Served elsewhere a second ago, where it was not due either.
      const session = node.engine.checkOutHot(key, seenOf([], node.runtime.nowMs() - 1_000));
      session?.touch();
    }
    const told = node.link.outbox.filter(({ kind }) => kind === "touch");
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThanOrEqual(2);
  });

  test("[E17] an older one changes nothing, revives nothing, and what has ended stays ended", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS });
    const key = node.create({ a: 1 });
    const { touchedAtMs } = (await node.record(key)).envelope;
    node.engine.checkOutHot(key, seenOf([], touchedAtMs - 5_000));
    expect((await node.record(key)).envelope.touchedAtMs).toBe(touchedAtMs);
    node.runtime.advance(IDLE_MS);
    expect((await node.engine.checkOut(key, { seen: seenOf([], touchedAtMs) })).kind).toBe("ended");
    expect((await node.engine.checkOut(key, { seen: seenOf([], node.runtime.nowMs()) })).kind).toBe("ended");
  });

  test("[E17] one from a clock too far ahead is refused and counted", async () => {
    const node = new TestNode(1, { idleTimeoutMs: IDLE_MS, epsilonMs: 1_000 });
    const key = node.create({ a: 1 });
    const { touchedAtMs } = (await node.record(key)).envelope;
    node.engine.checkOutHot(key, seenOf([], touchedAtMs + 1_001));
    expect((await node.record(key)).envelope.touchedAtMs).toBe(touchedAtMs);
    expect(node.told("clock-fault")).toEqual([{ type: "clock-fault", key, aheadMs: 1_001 }]);
    node.engine.checkOutHot(key, seenOf([], touchedAtMs + 1_000));
    expect((await node.record(key)).envelope.touchedAtMs).toBe(touchedAtMs + 1_000);
  });
});
