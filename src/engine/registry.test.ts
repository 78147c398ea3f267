import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../test/support/garbage.ts";
import { exchange, TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import type { SessionKey, SessionRecord } from "./record.ts";
import type { FetchAnswer } from "./replication.ts";

function hotKeys(node: TestNode, keys: readonly SessionKey[]): SessionKey[] {
  return keys.filter((key) => node.engine.checkOutHot(key) !== undefined);
}

describe("loading", () => {
  test("[R1] concurrent opens of one session load it once, and share it", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store, limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    await settle();
    node.create({ filler: 1 });
    await settle();
    await collectGarbage();
    const sessions = await Promise.all([node.open(key), node.open(key), node.open(key)]);
    expect(store.loadCount).toBe(1);
    sessions.forEach((session, index) => {
      session.set(`n${index}`, index);
      expect(session.commit()).toBe("committed");
    });
    expect(await node.read(key)).toEqual({ a: 1, n0: 0, n1: 1, n2: 2 });
  });

  test("[R1] concurrent opens of a session that another node has ask for it once", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    const record = await other.record(key);
    let asked = 0;
    node.link.answer = async () => {
      asked++;
      return { kind: "found", record, isComplete: true };
    };
    expect(await Promise.all([node.read(key), node.read(key)])).toEqual([{ a: 1 }, { a: 1 }]);
    expect(asked).toBe(1);
  });

  test("[R4] it fails when nobody who could know the session answered, and works when they answer again", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    node.link.answer = async () => ({ kind: "unavailable" });
    await expect(node.read(key)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    const found: FetchAnswer = { kind: "found", record: await other.record(key), isComplete: true };
    node.link.answer = async () => found;
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test("[R4] it fails when the store does not answer, unless another node has the session", async () => {
    const store = new TroubledStore(true);
    const [node, other] = [new TestNode(1, { store }), new TestNode(2)];
    const key = other.create({ a: 1 });
    store.isBroken = true;
    await expect(node.read(key)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
    const found: FetchAnswer = { kind: "found", record: await other.record(key), isComplete: true };
    node.link.answer = async () => found;
    expect(await node.read(key)).toEqual({ a: 1 });
  });

  test("[D10] a session that comes back from the store with all of this process's commits is written on under the same writer id", async () => {
    const node = new TestNode(1, { limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const peer = new TestNode(2);
    await peer.replica.receiveState(key, await node.record(key));
    node.create({ filler: 1 });
    await settle();
    await collectGarbage();
    await node.write(key, { b: 2 });
    const change = node.link.outbox.findLast((message) => message.kind === "change");
    if (change?.kind !== "change") throw new Error("no change was sent");
    expect(change.change.previousStamp).toBeGreaterThan(0);
    expect(await peer.replica.receiveChange(key, change.change)).toBe("applied");
    expect(await peer.read(key)).toEqual({ a: 1, b: 2 });
  });

  test("[D10] a session that comes back from a store that lost this process's last commits is written on under another writer id", async () => {
    const store = new TroubledStore(false);
    const [node, peer] = [new TestNode(1, { store, limits: { hotCount: 1 } }), new TestNode(2)];
    const key = peer.create({ a: 1 });
    const old = await peer.record(key);
    node.link.answer = async () => ({ kind: "found", record: old, isComplete: true });
    await node.write(key, { b: 2 });
    await peer.replica.receiveState(key, await node.record(key));
    node.create({ filler: 1 });
    await settle();
    await collectGarbage();
    // The disk lost what it had promised.
    store.load = async () => old;
    await node.write(key, { c: 3 });
    await exchange(node, peer, key);
    expect(await node.read(key)).toEqual({ a: 1, b: 2, c: 3 });
    expect((await peer.record(key)).document).toEqual((await node.record(key)).document);
  });
});

describe("hot and cold", () => {
  test("[R2] no more than hotCount sessions stay hot, however many are opened at once", async () => {
    const node = new TestNode(1, { limits: { hotCount: 3 } });
    const keys = Array.from({ length: 10 }, (_, index) => node.create({ index }));
    await settle();
    expect(hotKeys(node, keys).length).toBeLessThanOrEqual(3);
    await Promise.all(keys.map((key) => node.read(key)));
    await settle();
    expect(hotKeys(node, keys).length).toBeLessThanOrEqual(3);
    for (const [index, key] of keys.entries()) expect(await node.read(key)).toEqual({ index });
  });

  test("[R2] the least recently used goes cold, not one that is in use", async () => {
    const node = new TestNode(1, { limits: { hotCount: 2 } });
    const [first, second] = [node.create({ n: 1 }), node.create({ n: 2 })];
    node.engine.checkOutHot(first);
    const third = node.create({ n: 3 });
    await settle();
    expect(hotKeys(node, [first, second, third])).toEqual([first, third]);
  });

  test("[R2] nothing is evicted that is not stored, and what was kept for that goes cold once the store works again", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store, limits: { hotCount: 2 } });
    store.isBroken = true;
    const keys = Array.from({ length: 6 }, (_, index) => node.create({ index }));
    await settle();
    expect(hotKeys(node, keys).length).toBe(6);
    expect(node.events.some(({ type }) => type === "store-failed")).toBe(true);
    store.isBroken = false;
    for (let second = 0; second < 10; second++) {
      node.runtime.advance(1_000);
      await settle();
    }
    node.create({ filler: 1 });
    await settle();
    expect(hotKeys(node, keys).length).toBeLessThanOrEqual(2);
    for (const [index, key] of keys.entries()) expect(await node.read(key)).toEqual({ index });
  });

  test("[R2] a commit while the session is being stored is stored, too, before it goes cold", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store, limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    await settle();
    let open: () => void = () => undefined;
    store.gate = new Promise((resolve) => (open = resolve));
    const session = await node.open(key);
    session.set("a", 2);
    session.commit();
    node.create({ filler: 1 });
    await settle();
    session.set("a", 3);
    session.commit();
    open();
    store.gate = undefined;
    await settle();
    await collectGarbage();
    expect(await node.read(key)).toEqual({ a: 3 });
    await session.persisted();
    expect((await store.load(key))?.document).toEqual((await node.record(key)).document);
  });

  test("[R2] persisted() resolves when what was committed is stored, and not before", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store });
    const session = await node.open(node.create({ a: 1 }));
    let open: () => void = () => undefined;
    await settle();
    store.gate = new Promise((resolve) => (open = resolve));
    session.set("a", 2);
    session.commit();
    let isPersisted = false;
    const persisted = session.persisted().then(() => (isPersisted = true));
    await settle();
    expect(isPersisted).toBe(false);
    open();
    await persisted;
    expect((await store.load(session.key ?? ""))?.document).toEqual((await node.record(session.key ?? "")).document);
  });

  test("[E6] the sweep evicts a session that nobody used, without ending it anywhere", async () => {
    const node = new TestNode(1, { idleTimeoutMs: 10_000 });
    const key = node.create({ a: 1 });
    const sent = node.link.outbox.length;
    node.runtime.advance(60_000);
    await settle();
    expect([...node.replica.heldKeys()]).toEqual([]);
    expect(node.link.watched.has(key)).toBe(false);
    expect(node.link.outbox.length).toBe(sent);
  });

  test("[E6] a request that is told expired ends the session finally, everywhere", async () => {
    const [node, other] = [new TestNode(1, { idleTimeoutMs: 10_000 }), new TestNode(2, { idleTimeoutMs: 10_000 })];
    const key = node.create({ a: 1 });
    await other.replica.receiveState(key, await node.record(key));
    node.runtime.advance(10_500);
    expect(await node.engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "expired" });
    const ended = node.link.outbox.findLast((message) => message.kind === "end");
    if (ended?.kind !== "end") throw new Error("no end was sent");
    await other.replica.receiveEnd(key, ended.envelope);
    expect(await other.read(key)).toBe("ended");
    await node.replica.receiveTouch(key, node.runtime.nowMs());
    expect(await node.read(key)).toBe("ended");
  });

  test("[E8] an end is kept until the deadline and 3ε, in the cold, too", async () => {
    const node = new TestNode(1, { absoluteTimeoutMs: 100_000, idleTimeoutMs: 10_000, epsilonMs: 1_000, limits: { hotCount: 1 } });
    const key = node.create({ a: 1 });
    const alive = await node.record(key);
    await node.engine.end(key, "destroyed");
    node.create({ filler: 1 });
    await settle();
    await collectGarbage();
    for (let second = 0; second < 102; second++) {
      node.runtime.advance(1_000);
      await settle();
    }
    await node.replica.receiveState(key, alive);
    expect((await node.record(key)).envelope.ended).toMatchObject({ reason: "destroyed" });
  });
});

describe("room", () => {
  test("[R3] beyond sessionCount new sessions are refused, those that exist go on, and there is a warning at 80 %", async () => {
    const node = new TestNode(1, { limits: { sessionCount: 5 } });
    const keys = Array.from({ length: 5 }, (_, index) => node.create({ index }));
    expect(node.events.filter(({ type }) => type === "sessions-near-limit")).toEqual([
      { type: "sessions-near-limit", sessionCount: 4, limit: 5 },
    ]);
    expect(() => node.create({ one: "more" })).toThrow(expect.objectContaining({ code: "TOO_MANY_SESSIONS" }));
    await node.write(keys[0] ?? "", { index: "changed" });
    expect(await node.read(keys[0] ?? "")).toEqual({ index: "changed" });
  });

  test("[R3] [E8] an end always finds room, so that it is not forgotten", async () => {
    const [node, other] = [new TestNode(1, { limits: { sessionCount: 1 } }), new TestNode(2)];
    node.create({ a: 1 });
    const key = other.create({ b: 1 });
    const alive = await other.record(key);
    await node.engine.end(key, "destroyed");
    await node.replica.receiveState(key, alive);
    expect(await node.read(key)).toBe("ended");
  });
});

describe("closing", () => {
  test("[R5] it stores what is not stored yet, leaves no timer, and refuses what comes after", async () => {
    const store = new TroubledStore(true);
    const node = new TestNode(1, { store });
    const key = node.create({ a: 1 });
    let stored: SessionRecord | undefined;
    store.close = async () => {
      stored = await store.load(key);
    };
    const record = await node.record(key);
    await node.engine.close();
    expect(stored).toEqual(record);
    expect(node.runtime.timerCount).toBe(0);
    await expect(node.engine.checkOut(key)).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
    await expect(node.engine.end(key, "destroyed")).rejects.toMatchObject({ code: "ENGINE_CLOSED" });
    await node.engine.close();
  });

  test("[R5] a process that made, used and closed an engine, or never closed it, ends by itself", () => {
    const run = (lines: string): string => {
      const source = `import { createEngine } from ${JSON.stringify(new URL("../runtime/create-engine.ts", import.meta.url).href)};
        const engine = createEngine();
        const session = engine.draft();
        session.identify(engine.issueId());
        session.set("a", "x".repeat(5000));
        session.commit();
        ${lines}`;
      return execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", source], {
        encoding: "utf8",
        timeout: 20_000,
      });
    };
    expect(run("await engine.close(); process.on('exit', (code) => console.log(code, process.getActiveResourcesInfo().join()));")).toMatch(
      /^0 (?!.*Timeout)/,
    );
    expect(run("process.on('exit', (code) => console.log(code));")).toBe("0\n");
  });

  test("[R5] a slow request that commits after the close is refused, and nothing breaks", async () => {
    const node = new TestNode(1);
    const session = await node.open(node.create({ a: 1 }));
    session.set("a", 2);
    await node.engine.close();
    expect(() => session.commit()).toThrow(expect.objectContaining({ code: "ENGINE_CLOSED" }));
    expect(node.runtime.timerCount).toBe(0);
  });

  test("[R5] closing during a load settles the load", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = other.create({ a: 1 });
    let answer: (answer: FetchAnswer) => void = () => undefined;
    node.link.answer = () => new Promise((resolve) => (answer = resolve));
    const opening = node.engine.checkOut(key).then(
      ({ kind }) => kind,
      (error: unknown) => (error as { code: string }).code,
    );
    await settle();
    const closing = node.engine.close();
    answer({ kind: "found", record: await other.record(key), isComplete: true });
    await closing;
    expect(await opening).toBe("ENGINE_CLOSED");
    expect(node.runtime.timerCount).toBe(0);
  });
});
