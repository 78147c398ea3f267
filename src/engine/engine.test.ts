import { describe, expect, test } from "vitest";
import { attributesOf, exchange, TestNode } from "../../test/support/engine-network.ts";
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
    answer({ kind: "found", record: await writer.record(key), isComplete: true });
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
    expect(node.engine.checkOutHot(key)).toBeUndefined();
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
    node.link.answer = async () => ({ kind: "found", record: touched, isComplete: true });
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

describe("a state from a peer", () => {
  test("[D16] that is alive and has no document is refused, and takes nothing away", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    const record = await other.record(key);
    expect(await node.replica.receiveState(key, { ...record, document: undefined })).toMatchObject({ kind: "refused" });
    await node.replica.receiveState(key, record);
    expect(await node.replica.receiveState(key, { ...record, document: undefined })).toMatchObject({ kind: "refused" });
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test("[E2] that is ended has no document here, whatever it says", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    const record = await other.record(key);
    await node.replica.receiveState(key, { ...record, envelope: { ...record.envelope, ended: { reason: "destroyed", atMs: 1 } } });
    expect(await node.read(key)).toBe("ended");
    expect((await node.replica.record(key))?.document).toBeUndefined();
  });

  test("[D16] that is broken is refused and told, and the session is as it was", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 1 });
    const before = await node.record(key);
    await other.replica.receiveState(key, before);
    await other.write(key, { b: 2 });
    const { envelope, document } = await other.record(key);
    const broken = { envelope, document: document && { ...document, bytes: document.bytes.slice(0, -3) } };
    expect(await node.replica.receiveState(key, broken)).toEqual({ kind: "refused", ahead: false });
    expect(await node.replica.receiveState(key, { envelope: { ...envelope, key: "BAAAAAAAAAAAAAAAAAAAAA" }, document })).toMatchObject({
      kind: "refused",
    });
    expect(node.events.map(({ type }) => type).slice(-2)).toEqual(["input-refused", "input-refused"]);
    expect(await node.record(key)).toEqual(before);
  });

  test("[D16] that a fetch brings broken counts as not sent", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    const { envelope, document } = await other.record(key);
    node.link.answer = async () => ({
      kind: "found",
      isComplete: true,
      record: { envelope, document: document && { ...document, bytes: document.bytes.slice(0, -3) } },
    });
    await expect(node.read(key)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    expect(node.events.map(({ type }) => type).slice(-2)).toEqual(["input-refused"]);
  });
});

describe("touches", () => {
  test("[E4] one dated more than ε ahead is refused and told, one within ε is taken", async () => {
    const node = new TestNode(1, { epsilonMs: 2_000 });
    const key = node.create({ a: 1 });
    const nowMs = node.runtime.nowMs();
    await node.replica.receiveTouch(key, nowMs + 2_001);
    expect((await node.record(key)).envelope.touchedAtMs).toBe(nowMs);
    expect(node.told("clock-fault")).toEqual([{ type: "clock-fault", key, aheadMs: 2_001 }]);
    await node.replica.receiveTouch(key, nowMs + 2_000);
    expect((await node.record(key)).envelope.touchedAtMs).toBe(nowMs + 2_000);
  });

  test("[E4] one inside a state from ahead is refused, too, and the rest of the state is taken", async () => {
    const [node, fast] = [new TestNode(1), new TestNode(2)];
    const key = fast.create({ a: 1 });
    await node.replica.receiveState(key, await fast.record(key));
    fast.runtime.stepTo(fast.runtime.nowMs() + 10_000);
    const session = await fast.open(key);
    session.touch();
    session.set("b", 2);
    session.commit();
    await node.replica.receiveState(key, await fast.record(key));
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
    expect((await node.record(key)).envelope.touchedAtMs).toBe(node.runtime.nowMs());
    expect(node.events.some(({ type }) => type === "clock-fault")).toBe(true);
  });

  test("[E3] an older one changes nothing, and the clock set back moves nothing back", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const nowMs = node.runtime.nowMs();
    await node.replica.receiveTouch(key, nowMs - 5_000);
    node.runtime.stepTo(nowMs - 60_000);
    (await node.open(key)).touch();
    expect((await node.record(key)).envelope.touchedAtMs).toBe(nowMs);
  });

  test("[E5] they keep a session alive up to its deadline, and not beyond", async () => {
    const node = new TestNode(1, { idleTimeoutMs: 10_000, absoluteTimeoutMs: 35_000 });
    const key = node.create({ a: 1 });
    for (let use = 0; use < 4; use++) {
      node.runtime.advance(8_000);
      (await node.open(key)).touch();
    }
    node.runtime.advance(2_999);
    expect(await node.read(key)).toEqual({ a: 1 });
    node.runtime.advance(1);
    expect(await node.read(key)).toBe("ended");
  });

  test("[E7] a session's own idle timeout travels, and the later setting counts", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 1 });
    await other.replica.receiveState(key, await node.record(key));
    const session = await node.open(key);
    session.setIdleTimeout(5_000);
    expect(session.commit()).toBe("committed");
    await exchange(node, other, key);
    const later = await other.open(key);
    later.setIdleTimeout(7_000);
    later.commit();
    await exchange(node, other, key);
    for (const each of [node, other]) expect((await each.record(key)).envelope.idleTimeoutMs).toBe(7_000);
  });
});

describe("a request", () => {
  test("[W9] that changed nothing writes nothing, sends nothing and stores nothing", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: { b: [1] } });
    const before = await node.record(key);
    const sent = node.link.outbox.length;
    const session = await node.open(key);
    (session.get("a") as { b: number[] }).b.push(2);
    (session.get("a") as { b: number[] }).b.pop();
    session.set("a", session.get("a"));
    session.set("c", 1);
    session.delete("c");
    session.delete("never");
    expect(session.isModified()).toBe(false);
    expect(session.commit()).toBe("unchanged");
    expect(await node.record(key)).toEqual(before);
    expect(node.link.outbox.length).toBe(sent);
  });

  test("[W8] that forgets its edits sees what the session holds now", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const session = await node.open(key);
    session.set("a", 2);
    await node.write(key, { b: 1 });
    session.reload();
    expect(attributesOf(session)).toEqual({ a: 1, b: 1 });
    expect(session.commit()).toBe("unchanged");
  });

  test("[E8] whose session ended meanwhile is discarded with an event, and nothing is sent", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const slow = await node.open(key);
    await node.engine.end(key, "destroyed");
    const sent = node.link.outbox.length;
    slow.set("a", 2);
    slow.touch();
    expect(slow.verdict()).toBe("ended");
    expect(slow.commit()).toBe("discarded");
    expect(node.told("commit-discarded")).toEqual([{ type: "commit-discarded", key }]);
    expect(node.link.outbox.length).toBe(sent);
    expect(await node.read(key)).toBe("ended");
  });

  test("[V6] no event or error holds the id, and no error the key", async () => {
    const node = new TestNode(1);
    const id = node.engine.issueId();
    const session = node.engine.draft();
    session.identify(id);
    session.set("a", 1);
    session.commit();
    const key = session.key ?? "";
    const again = node.engine.draft();
    again.identify(id);
    again.set("a", 1);
    let told = "";
    try {
      again.commit();
    } catch (error) {
      told = String(error);
    }
    expect(told).toContain("never used");
    expect(told).not.toContain(id);
    expect(told).not.toContain(key);
  });
});

describe("compaction", () => {
  test("[D14] comes once a session was quiet for 100 ms, and is told to others", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 0 });
    await other.replica.receiveState(key, await node.record(key));
    // What is removed leaves a row behind, and only compaction forgets it.
    for (let index = 1; index < 120; index++) {
      const [author, reader] = index % 2 === 0 ? [node, other] : [other, node];
      await author.write(key, { [`n${index}`]: "x".repeat(20), [`n${index - 1}`]: undefined });
      const sent = author.link.outbox.at(-1);
      if (sent?.kind !== "change") throw new Error("no change was sent");
      expect(await reader.replica.receiveChange(key, sent.change)).toBe("applied");
      for (const each of [node, other]) each.runtime.advance(50);
    }
    const before = (await node.record(key)).document;
    expect(before?.epoch.counter).toBe(0);
    node.runtime.advance(250);

    const after = (await node.record(key)).document;
    expect(after?.epoch.counter).toBe(1);
    expect(after?.bytes.length).toBeLessThan(before?.bytes.length ?? 0);
    const told = node.link.outbox.at(-1);
    if (told?.kind !== "compaction") throw new Error("nothing was told");
    expect(await other.replica.receiveCompaction(key, { ...told.epoch, hash: "0000000000000000" })).toBe(false);
    expect(await other.replica.receiveCompaction(key, told.epoch)).toBe(true);
    expect(await other.record(key)).toEqual(await node.record(key));
    expect(await other.replica.receiveCompaction(key, told.epoch)).toBe(false);
  });

  test("[D12] a change of the epoch that this replica would compact to is taken in without asking for anything", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 0 });
    for (let index = 0; index < 40; index++) await node.write(key, { [`n${index % 3}`]: "x".repeat(100 + index) });
    await other.replica.receiveState(key, await node.record(key));
    node.engine.registry.hot(key)?.document?.compact({ factor: 0, bytes: 0 });
    await node.write(key, { late: true });
    const sent = node.link.outbox.at(-1);
    if (sent?.kind !== "change") throw new Error("no change was sent");
    expect(sent.change.epoch.counter).toBe(1);
    expect(await other.replica.receiveChange(key, sent.change)).toBe("applied");
    expect(await other.record(key)).toEqual(await node.record(key));
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
