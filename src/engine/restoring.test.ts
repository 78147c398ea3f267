import { describe, expect, test } from "vitest";
import { TestNode } from "../../test/support/engine-network.ts";
import { settle } from "../../test/support/manual-runtime.ts";
import { TroubledStore } from "../../test/support/troubled-store.ts";
import { SessionError } from "./errors.ts";
import type { SessionKey, SessionRecord } from "./record.ts";
import { type Restored, restoreRecord } from "./restoring.ts";
import { readVector } from "./update-reader.ts";

const IDLE_MS = 600_000;

/** What an earlier process stored, and the next process on the same store. */
async function processes(): Promise<{
  readonly before: TestNode;
  readonly store: TroubledStore;
  readonly next: (seed?: number) => TestNode;
}> {
  const store = new TroubledStore(true);
  const before = new TestNode(1, { store, idleTimeoutMs: IDLE_MS }).settle();
  return { before, store, next: (seed = 2) => new TestNode(seed, { store, idleTimeoutMs: IDLE_MS }).settle() };
}

async function stored(store: TroubledStore, key: SessionKey): Promise<SessionRecord> {
  await settle();
  const record = await store.load(key);
  if (record === undefined) throw new Error("it is not stored");
  return record;
}

async function restore(node: TestNode, store: TroubledStore, keys: readonly SessionKey[]): Promise<Restored[]> {
  const outcomes: Restored[] = [];
  for (const key of keys) outcomes.push(restoreRecord(node.engine.host, { key, record: await stored(store, key) }));
  return outcomes;
}

describe("what an earlier process left", () => {
  test("[R19] is held at rest: no document is made, nothing is stored, and it has the name of its state", async () => {
    const { before, store, next } = await processes();
    const keys = Array.from({ length: 5 }, (_, index) => before.create({ index }));
    await before.write(keys[0]!, { more: 1 });
    await before.engine.end(keys[4]!);
    await settle();
    const node = next();
    const told = new Map<SessionKey, number>();
    node.replica.onFingerprint((key, from, to) => void (from === (told.get(key) ?? 0) && told.set(key, to)));
    const { appendCount } = store;
    expect(await restore(node, store, keys)).toEqual(["restored", "restored", "restored", "restored", "restored"]);
    expect(node.engine.registry.counts()).toEqual({ hot: 0, cold: 4, ended: 1 });
    expect([node.engine.registry.hotBytes, node.engine.stats().unsavedBytes, store.appendCount]).toEqual([0, 0, appendCount]);
    expect([...node.replica.heldKeys()].sort()).toEqual([...keys].sort());
    for (const key of keys) {
      expect(node.replica.fingerprint(key)).toBe(before.replica.fingerprint(key));
      expect(told.get(key)).toBe(before.replica.fingerprint(key));
    }
    // Twice is as once.
    expect(await restore(node, store, keys)).toEqual(["over", "over", "over", "over", "over"]);
    expect(node.engine.registry.counts()).toEqual({ hot: 0, cold: 4, ended: 1 });
  });

  test("[R19] [R14] that was compacted has the name of its state, too, also when it was written to since", async () => {
    const { before, next } = await processes();
    const key = before.create({ a: 1 });
    expect(before.engine.registry.hot(key)?.document?.compact({ factor: 0, bytes: 0 })).toBe(true);
    for (const change of [undefined, { b: 2 }]) {
      if (change !== undefined) await before.write(key, change);
      const record = await before.record(key);
      expect(record.document?.epoch.counter).toBe(1);
      const node = next();
      expect(restoreRecord(node.engine.host, { key, record })).toBe("restored");
      // As one that is told of it, and makes the document.
      const other = next();
      await other.replica.receiveState(key, record);
      expect(node.replica.fingerprint(key)).toBe(other.replica.fingerprint(key));
    }
  });

  test("[R19] [E8] is found in the store, and no holder is asked; what ended reads ended without a load", async () => {
    const { before, store, next } = await processes();
    const [alive, ended] = [before.create({ a: 1 }), before.create({ b: 1 })];
    const late = before.replica.record(ended);
    await before.engine.end(ended);
    const node = next();
    await restore(node, store, [alive, ended]);
    const { loadCount } = store;
    expect(await node.read(ended)).toBe("ended");
    expect(store.loadCount).toBe(loadCount);
    expect(await node.read(alive)).toEqual({ a: 1 });
    expect([store.loadCount, node.link.fetched]).toEqual([loadCount + 1, []]);
    const copy = await late;
    if (copy !== undefined) await node.replica.receiveState(ended, copy);
    expect(await node.read(ended)).toBe("ended");
    const other = next(3);
    await restore(other, store, [alive]);
    store.isBroken = true;
    await expect(other.read(alive)).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" });
  });

  test("[R19] [D10] is written to under an id of this process, which was never used before", async () => {
    const { before, store, next } = await processes();
    const key = before.create({ a: 1 });
    const node = next();
    await restore(node, store, [key]);
    await node.write(key, { b: 2 });
    await settle();
    const { document } = await stored(store, key);
    const [first, second] = [...readVector(document!.bytes).keys()];
    expect(new Set([first, second, undefined]).size).toBe(3);
    expect(await node.read(key)).toEqual({ a: 1, b: 2 });
    // A process that, against all odds, drew the id of the one before: what it finds is not its own.
    const twin = next(1);
    expect(twin.engine.host.context.writer()).toBe(before.engine.host.context.writer());
    await restore(twin, store, [key]);
    await twin.write(key, { c: 3 });
    await settle();
    expect(readVector((await stored(store, key)).document!.bytes).size).toBe(3);
  });

  test("[R19] [D10] that goes on from another session is written to under an id of its own", async () => {
    const { before, store, next } = await processes();
    const key = before.create({ a: 1 });
    const draft = before.engine.draft({ from: await before.open(key) });
    draft.identify(before.engine.issueId());
    draft.set("b", 2);
    draft.commit();
    const later = draft.key!;
    const node = next();
    await restore(node, store, [key, later]);
    await node.write(key, { c: 3 });
    await node.write(later, { d: 4 });
    await settle();
    const writersOf = async (of: SessionKey): Promise<number[]> => [...readVector((await stored(store, of)).document!.bytes).keys()];
    expect(await writersOf(key)).toContain(node.engine.host.context.writer());
    expect(await writersOf(later)).not.toContain(node.engine.host.context.writer());
    expect(await node.read(later)).toEqual({ a: 1, b: 2, d: 4 });
  });

  test("[R19] [R10] is evicted in its time and told of once, and what is past it is not taken over", async () => {
    const { before, store, next } = await processes();
    const keys = [before.create({ a: 1 }), before.create({ b: 1 })];
    const node = next();
    await restore(node, store, keys);
    node.runtime.advance(IDLE_MS - 10_000);
    await settle();
    expect(node.engine.registry.counts().cold).toBe(2);
    const late = next(3);
    late.runtime.advance(IDLE_MS + 100_000);
    const records = await Promise.all(keys.map((key) => stored(store, key)));
    expect(records.map((record) => restoreRecord(late.engine.host, { key: record.envelope.key, record }))).toEqual(["over", "over"]);
    expect(late.engine.registry.counts()).toEqual({ hot: 0, cold: 0, ended: 0 });
    for (let passed = 0; passed < 200_000; passed += 1_000) {
      node.runtime.advance(1_000);
      await settle();
    }
    expect(node.engine.registry.counts().cold).toBe(0);
    expect(
      node
        .told("idle")
        .map(({ key }) => key)
        .sort(),
    ).toEqual([...keys].sort());
  });

  test("[R19] that is damaged is left out and told of, and the others come", async () => {
    const { before, store, next } = await processes();
    const [good, bad, other] = [before.create({ a: 1 }), before.create({ b: 1 }), before.create({ c: 1 })];
    const node = next();
    const record = await stored(store, bad);
    const bytes = record.document!.bytes.slice(0, -3);
    const broken = { ...record, document: { ...record.document!, bytes } };
    expect(restoreRecord(node.engine.host, { key: good, record: await stored(store, good) })).toBe("restored");
    expect(restoreRecord(node.engine.host, { key: bad, record: broken })).toBe("refused");
    expect(restoreRecord(node.engine.host, { key: other, record: undefined })).toBe("refused");
    expect(restoreRecord(node.engine.host, { key: bad, record: await stored(store, other) })).toBe("refused");
    expect(node.engine.registry.counts().cold).toBe(1);
    expect(node.told("input-refused").map(({ key, error }) => [key, error instanceof SessionError && error.code])).toEqual([
      [bad, "RECORD_CORRUPT"],
      [other, "RECORD_CORRUPT"],
      [bad, "RECORD_CORRUPT"],
    ]);
    expect(node.engine.stats().refusedInputs).toBe(3);
  });
});
