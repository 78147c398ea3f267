import { describe, expect, test } from "vitest";
import type { MergeContext } from "../../src/engine/index.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import { runContract, sessionStoreContract, type StoreUnderTest } from "../../src/testing/index.ts";
import { TestWorld } from "../support/replica.ts";
import { Dice } from "./dice.ts";
import { Disk } from "./disk.ts";
import { type Life, Machine } from "./machine.ts";
import { Timeline } from "./timeline.ts";

const KEY = "AAAAAAAAAAAAAAAAAAAAAA";
const NEVER_MS = 2 ** 40;

/** The same store, for callers who do not let time pass. */
function inTime(store: SessionStore, timeline: Timeline): SessionStore {
  const drive = <T>(work: Promise<T>): Promise<T> => timeline.runUntil(work, 1_000);
  return {
    durable: store.durable,
    load: (key) => drive(store.load(key)),
    append: (key, record, discardAtMs) => drive(store.append(key, record, discardAtMs)),
    discardExpired: (nowMs, limit) => drive(store.discardExpired(nowMs, limit)),
    keys: async function* (subject) {
      const keys = store.keys(subject)[Symbol.asyncIterator]();
      for (let next = await drive(keys.next()); next.done !== true; next = await drive(keys.next())) yield next.value;
    },
    claim: (...claim) => drive(store.claim(...claim)),
    release: (...release) => drive(store.release(...release)),
    revocations: () => drive(store.revocations()),
    revoke: (...revoke) => drive(store.revoke(...revoke)),
    highWaterMs: () => store.highWaterMs?.() ?? 0,
    raiseHighWater: (ms) => drive(store.raiseHighWater?.(ms) ?? Promise.resolve()),
    close: () => store.close(),
  };
}

function machine(): { timeline: Timeline; disk: Disk; life: Life } {
  const timeline = new Timeline();
  const dice = new Dice(1);
  return { timeline, disk: new Disk(dice), life: new Machine("machine", timeline, dice).begin(() => undefined) };
}

function openDisk(context: MergeContext): StoreUnderTest {
  const { timeline, disk, life } = machine();
  return {
    store: inTime(disk.open(life, context), timeline),
    reopen: async () => {
      life.die();
      const next = new Machine("machine", timeline, new Dice(2)).begin(() => undefined);
      return inTime(disk.open(next, context), timeline);
    },
  };
}

runContract(sessionStoreContract({ name: "a disk of the simulation", open: openDisk, parts: ["reopen", "highWaterMs"] }), {
  describe,
  test,
});

test("an append under way when its process dies is there whole, or not at all, and nobody is told", async () => {
  const { context, record } = written();
  const seen = new Set<boolean>();
  for (let seed = 1; seed < 20; seed++) {
    const timeline = new Timeline();
    const disk = new Disk(new Dice(seed));
    const life = new Machine("machine", timeline, new Dice(seed)).begin(() => undefined);
    life.lightFuse(1);
    let isTold = false;
    void disk
      .open(life, context)
      .append(KEY, record, NEVER_MS)
      .then(() => (isTold = true));
    await timeline.runFor(1_000);
    expect([life.isAlive, isTold]).toEqual([false, false]);
    seen.add(disk.record(KEY) !== undefined);
  }
  expect(seen.size).toBe(2);
});

test("a disk can be put back as it was, emptied and broken", async () => {
  const { context, record } = written();
  const { timeline, disk, life } = machine();
  const store = inTime(disk.open(life, context), timeline);
  const before = disk.snapshot();
  await store.append(KEY, record, NEVER_MS);
  const after = disk.snapshot();
  disk.restore(before);
  expect(await store.load(KEY)).toBeUndefined();
  disk.restore(after);
  expect(await store.load(KEY)).toEqual(record);
  disk.isBroken = true;
  await expect(store.load(KEY)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  disk.isBroken = false;
  disk.wipe();
  expect(await store.load(KEY)).toBeUndefined();
});

function written() {
  const replica = new TestWorld().replica();
  replica.edit((data) => (data["a"] = 1));
  return { context: replica.context, record: replica.record() };
}
