import { describe, expect, test } from "vitest";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import { discardAtMs } from "./session-times.ts";
import type { SessionKey, SessionRecord } from "./record.ts";
import type { FetchAnswer } from "./replication.ts";

const ABSENT: FetchAnswer = { kind: "absent", isComplete: true };
const PARTLY_ABSENT: FetchAnswer = { kind: "absent", isComplete: false };
const SILENCE: FetchAnswer = { kind: "unavailable" };

interface Returned {
  readonly node: TestNode;
  readonly key: SessionKey;
  readonly id: string;
  readonly record: SessionRecord;
}

/** A process that finds a session in its store which an earlier one left there. */
async function returned(answer: FetchAnswer, alone: "serve" | "refuse" = "refuse"): Promise<Returned> {
  const before = new TestNode(1);
  const id = before.engine.issueId();
  const session = before.engine.draft();
  session.identify(id);
  session.set("a", 1);
  session.commit();
  const key = session.key ?? "";
  const record = await before.record(key);
  const store = new TroubledStore(true);
  await store.append(key, record, Number.MAX_SAFE_INTEGER);
  const node = new TestNode(2, { store });
  node.link.alone = alone;
  node.link.answer = async () => answer;
  return { node, key, id, record };
}

describe("a session from the own store that this process did not hold", () => {
  test("[R16] is served and told to the holders when all of them say that they have none", async () => {
    const { node, key, record } = await returned(ABSENT);
    expect(await node.read(key)).toEqual({ a: 1 });
    expect(node.link.outbox).toEqual([{ kind: "state", key, record }]);
    expect(node.link.watched.has(key)).toBe(true);
  });

  test.each([PARTLY_ABSENT, SILENCE])("[R16] is refused with alone: refuse when not all of them could be asked: %o", async (answer) => {
    const { node, key } = await returned(answer);
    await expect(node.read(key)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    await expect(node.read(key)).rejects.toThrow(/alone: "serve"/);
    expect(node.link.outbox).toEqual([]);
    expect([...node.replica.heldKeys()]).toEqual([]);
    // They return.
    node.link.answer = async () => ABSENT;
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test.each([PARTLY_ABSENT, SILENCE])("[R16] is served with alone: serve, and told to whoever can be reached: %o", async (answer) => {
    const { node, key, record } = await returned(answer, "serve");
    expect(await node.read(key)).toEqual({ a: 1 });
    expect(node.link.outbox).toEqual([{ kind: "state", key, record }]);
  });

  test("[R16] is never served against an end that a holder knows, and joined with what one holds", async () => {
    for (const isComplete of [false, true]) {
      const { node, key, record } = await returned(ABSENT);
      const other = new TestNode(3);
      await other.replica.receiveState(key, record);
      await other.engine.end(key);
      const end = await other.record(key);
      node.link.answer = async () => ({ kind: "found", record: end, isComplete });
      expect(await node.read(key)).toBe("ended");
    }
    const { node, key, record } = await returned(ABSENT);
    const other = new TestNode(3);
    await other.replica.receiveState(key, record);
    await other.write(key, { b: 2 });
    const newer = await other.record(key);
    node.link.answer = async () => ({ kind: "found", record: newer, isComplete: true });
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
  });

  test("[R16] an end in the own store is an end, whoever can be asked", async () => {
    const { node, key, record } = await returned(SILENCE);
    const other = new TestNode(3);
    await other.replica.receiveState(key, record);
    await other.engine.end(key);
    await (node.engine.host.sessionStore as TroubledStore).append(key, await other.record(key), Number.MAX_SAFE_INTEGER);
    expect(await node.read(key)).toBe("ended");
  });

  test("[R16] what this process itself sent to rest is served without asking", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    node.link.alone = "refuse";
    node.link.answer = async () => SILENCE;
    const key = node.create({ a: 1 });
    node.create({});
    await settle();
    expect(await node.read(key)).toEqual({ a: 1 });
    expect(node.link.fetched).toEqual([]);
  });

  test("[R17] holders are asked with the birth time that the id says, by whichever way it is opened", async () => {
    const { node, id, key } = await returned(ABSENT);
    const bornAtMs = node.runtime.nowMs();
    await node.engine.openById(id);
    expect(node.link.fetched).toEqual([{ key, bornAtMs }]);
    const fresh = "AAAAAAAAAAAAAAAAAAAAAA";
    await node.engine.checkOut(fresh, { bornAtMs: 7 });
    await node.engine.checkOut(fresh);
    expect(node.link.fetched.slice(1)).toEqual([
      { key: fresh, bornAtMs: 7 },
      { key: fresh, bornAtMs: undefined },
    ]);
  });
});

describe("what is past its discard time", () => {
  test.each(["idle", "ended", "expired"] as const)("[R15] is not taken in again, nor told as news: %s", async (fate) => {
    const options = { idleTimeoutMs: fate === "expired" ? 60_000 : 10_000, absoluteTimeoutMs: 60_000 };
    const [node, other] = [new TestNode(1, options), new TestNode(2, options)];
    const key = node.create({ a: 1 });
    await exchange(node, other, key);
    if (fate === "ended") await other.engine.end(key);
    const record = await other.record(key);
    const overMs = discardAtMs(record.envelope, node.engine.host.epsilonMs) - node.runtime.nowMs();
    while (node.replica.fingerprint(key) !== 0) {
      node.runtime.advance(1_000);
      await settle();
      if (node.runtime.nowMs() > record.envelope.deadlineMs + 60_000) throw new Error("it is never forgotten");
    }
    // A node that forgets a little later still tells of it.
    node.runtime.advance(Math.max(0, overMs));
    const told = node.events.length;
    const receipt = await node.replica.receiveState(key, record);
    expect(receipt).toEqual({ kind: "unchanged", ahead: false });
    if (record.envelope.ended !== undefined) await node.replica.receiveEnd(key, record.envelope);
    await settle();
    expect([...node.replica.heldKeys()]).toEqual([]);
    expect(node.replica.fingerprint(key)).toBe(0);
    expect(node.events.slice(told)).toEqual([]);
  });

  test("[R15] is taken in while somebody has used it since", async () => {
    const options = { idleTimeoutMs: 10_000, absoluteTimeoutMs: 600_000 };
    const [node, other] = [new TestNode(1, options), new TestNode(2, options)];
    const key = node.create({ a: 1 });
    await exchange(node, other, key);
    for (let second = 0; second < 60; second++) {
      node.runtime.advance(1_000);
      other.runtime.advance(1_000);
      other.engine.checkOutHot(key)?.touch();
      await settle();
    }
    expect(node.replica.fingerprint(key)).toBe(0);
    expect(await node.replica.receiveState(key, await other.record(key))).toEqual({ kind: "merged", ahead: false });
    expect(await node.read(key)).toEqual({ a: 1 });
  });
});
