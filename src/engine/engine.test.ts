import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { ManualRuntime, settle } from "../../test/support/manual-runtime.ts";
import type { FetchAnswer } from "./replication.ts";

const IDLE_MS = 30 * 60 * 1000;

describe("an ended session", () => {
  test("[E8] an end and an old copy that arrive in one tick leave it ended", async () => {
    const [writer, other] = [new TestNode(1), new TestNode(2)];
    const key = writer.create({ a: 1 });
    const alive = await writer.record(key);
    await writer.engine.end(key, "destroyed");
    const ended = await writer.record(key);
    await Promise.all([other.replica.receiveEnd(key, ended.envelope), other.replica.receiveState(key, alive)]);
    expect(await other.read(key)).toBe("ended");
  });

  test("[E8] an old copy that comes in while it is fetched does not revive it", async () => {
    const [writer, other] = [new TestNode(1), new TestNode(2)];
    const key = writer.create({ a: 1 });
    const alive = await writer.record(key);
    await writer.engine.end(key, "destroyed");
    let answer: (answer: FetchAnswer) => void = () => undefined;
    other.link.answer = () => new Promise((resolve) => (answer = resolve));
    const opening = other.read(key);
    await settle();
    await other.replica.receiveState(key, alive);
    answer({ kind: "found", record: await writer.record(key) });
    expect(await opening).toBe("ended");
    expect(await other.read(key)).toBe("ended");
  });

  test("[E8] a slow request that held it while it went cold, ended, and went cold again does not revive it", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const slow = await node.open(key);
    node.create({ filler: 1 });
    await settle();
    await node.engine.end(key, "destroyed");
    node.create({ filler: 2 });
    await settle();
    slow.set("a", 2);
    expect(slow.commit()).toBe("discarded");
    expect(node.engine.openHot(key)).toBeUndefined();
    expect(await node.read(key)).toBe("ended");
  });

  test.each(Array.from({ length: 12 }, (_, turn) => turn))(
    "[E8] it stays ended when it goes cold %i turns before it is ended",
    async (turns) => {
      const node = new TestNode(1, { limits: { hotCount: 1 } });
      const key = node.create({ a: 1 });
      node.create({ filler: 1 });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      await node.engine.end(key, "destroyed");
      node.create({ filler: 2 });
      await settle();
      expect(await node.read(key)).toBe("ended");
    },
  );
});

test("[E8] an end of this process and an old copy that arrive in one tick leave it ended", async () => {
  const [writer, other] = [new TestNode(1), new TestNode(2)];
  const key = writer.create({ a: 1 });
  const alive = await writer.record(key);
  await Promise.all([other.engine.end(key, "destroyed"), other.replica.receiveState(key, alive)]);
  expect(await other.read(key)).toBe("ended");
});

describe("going cold", () => {
  test("[R2] a request goes on with what others wrote while the session was cold, loaded, and cold again", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const slow = await node.open(key);
    node.create({ filler: 1 });
    await settle();
    await node.write(key, { b: 2 });
    node.create({ filler: 2 });
    await settle();
    slow.set("c", 3);
    expect(slow.commit()).toBe("committed");
    expect(await node.read(key)).toEqual({ a: 1, b: 2, c: 3 });
  });

  test("[D10] a session that was swept and comes back from a peer without this process's tail is written under a new writer id", async () => {
    const [node, peer, third] = [new TestNode(1), new TestNode(2), new TestNode(3)];
    const key = peer.create({ a: 1 });
    await node.replica.receiveState(key, await peer.record(key));
    const old = await peer.record(key);
    await node.write(key, { mine: 1 });
    await third.replica.receiveState(key, await node.record(key));
    // Nobody used it here for long: it is swept. The peer kept using it.
    node.runtime.advance(IDLE_MS * 2);
    await settle();
    peer.runtime.advance(IDLE_MS * 2);
    const touched = { ...old, envelope: { ...old.envelope, touchedAtMs: node.runtime.nowMs() } };
    node.link.answer = async () => ({ kind: "found", record: touched });
    await node.write(key, { mine: 2 });
    await third.replica.receiveState(key, touched);
    await exchange(node, third, key);
    const [left, right] = [await node.record(key), await third.record(key)];
    expect(left.document).toEqual(right.document);
  });

  test("[E3] a touch while it is being stored is not lost when it goes cold", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const session = await node.open(key);
    node.create({ filler: 1 });
    node.runtime.stepTo(node.runtime.nowMs() + 1_000);
    session.touch();
    const touchedAtMs = session.envelope.touchedAtMs;
    await settle();
    expect((await node.open(key)).envelope.touchedAtMs).toBe(touchedAtMs);
  });
});

test("[D12] two states that arrive in one tick are both taken in", async () => {
  const [left, right, other] = [new TestNode(1), new TestNode(2), new TestNode(3)];
  const key = left.create({ a: 1 });
  await right.replica.receiveState(key, await left.record(key));
  await left.write(key, { l: 1 });
  await right.write(key, { r: 1 });
  const records = [await left.record(key), await right.record(key)];
  await Promise.all(records.map((record) => other.replica.receiveState(key, record)));
  expect(await other.read(key)).toEqual({ a: 1, l: 1, r: 1 });
});

test("[R5] close leaves no timer", async () => {
  const node = new TestNode(1);
  node.create({ a: "x".repeat(5_000) });
  await node.engine.close();
  expect(node.runtime).toBeInstanceOf(ManualRuntime);
  expect(node.runtime.timerCount).toBe(0);
});
