import { afterEach, describe, expect, test } from "vitest";
import { endEnvelope, type Envelope } from "../../src/engine/envelope.ts";
import { mergeRecords, type MergeContext } from "../../src/engine/merge-records.ts";
import type { SessionRecord } from "../../src/engine/record.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import { TestWorld } from "../support/replica.ts";

export interface StoreUnderTest {
  readonly store: SessionStore;
  /** What the store of a process finds that starts where this one stopped without notice. Stores that do not last leave it out. */
  readonly reopen?: () => Promise<SessionStore>;
}

const KEYS = ["AAAAAAAAAAAAAAAAAAAAAA", "BAAAAAAAAAAAAAAAAAAAAA", "CAAAAAAAAAAAAAAAAAAAAA"] as const;
const NEVER_MS = 2 ** 40;

/** The laws of `SessionStore`; see src/engine/session-store.ts. `open` gives an empty store. */
export function sessionStoreContract(name: string, open: (context: MergeContext) => Promise<StoreUnderTest> | StoreUnderTest): void {
  describe(`a session store: ${name}`, () => {
    const opened: SessionStore[] = [];
    const world = new TestWorld();
    const { context } = world.replica();

    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close().catch(() => undefined);
    });

    async function underTest(): Promise<StoreUnderTest> {
      const made = await open(context);
      opened.push(made.store);
      return made;
    }

    async function fresh(): Promise<SessionStore> {
      return (await underTest()).store;
    }

    function records(): { old: SessionRecord; newer: SessionRecord; other: SessionRecord; ended: SessionRecord } {
      const [left, right] = [world.replica(), world.replica()];
      left.edit((data) => (data["a"] = 1));
      const old = left.record();
      right.take(old);
      left.edit((data) => (data["a"] = 2));
      right.edit((data) => (data["b"] = 3));
      const envelope: Envelope = endEnvelope(old.envelope, { reason: "destroyed", atMs: 8 });
      return { old, newer: left.record(), other: right.record(), ended: { envelope, document: undefined } };
    }

    test("[ST1] a key that was never appended loads as undefined", async () => {
      const store = await fresh();
      await store.append(KEYS[0], records().old, NEVER_MS);
      expect(await store.load(KEYS[1])).toBeUndefined();
    });

    test("[ST1] a key that was discarded loads as undefined", async () => {
      const store = await fresh();
      await store.append(KEYS[0], records().old, 10);
      await discardAll(store, 10);
      expect(await store.load(KEYS[0])).toBeUndefined();
    });

    test("[ST2] what was appended is in every later load, under its own key", async () => {
      const store = await fresh();
      const { old, newer, ended } = records();
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[1], newer, NEVER_MS);
      await store.append(KEYS[2], ended, NEVER_MS);
      expect(await store.load(KEYS[0])).toEqual(old);
      expect(await store.load(KEYS[1])).toEqual(newer);
      expect(await store.load(KEYS[2])).toEqual(ended);
      expect(await store.load(KEYS[0])).toEqual(old);
    });

    test("[ST2] a store that says it lasts is found again by the next process", async () => {
      const { store, reopen } = await underTest();
      expect(store.durable).toBe(reopen !== undefined);
      if (reopen === undefined) return;
      const { newer, ended } = records();
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], ended, NEVER_MS);
      const next = await reopen();
      opened.push(next);
      expect(await next.load(KEYS[0])).toEqual(newer);
      expect(await next.load(KEYS[1])).toEqual(ended);
    });

    test("[ST3] changing the bytes that went in, or that came out, changes nothing", async () => {
      const store = await fresh();
      const { old } = records();
      const given: SessionRecord = structuredClone(old);
      await store.append(KEYS[0], given, NEVER_MS);
      given.document?.bytes.fill(0xff);
      const loaded = await store.load(KEYS[0]);
      expect(loaded).toEqual(old);
      loaded?.document?.bytes.fill(0xff);
      expect(await store.load(KEYS[0])).toEqual(old);
    });

    test("[ST4] appending an older copy changes nothing", async () => {
      const store = await fresh();
      const { old, newer } = records();
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[0], old, NEVER_MS);
      expect(await store.load(KEYS[0])).toEqual(newer);
    });

    test("[ST4] appending merges as mergeRecords does, in either order", async () => {
      const { newer, other } = records();
      const merged = mergeRecords(newer, other, context);
      for (const [first, second] of [
        [newer, other],
        [other, newer],
      ] as const) {
        const store = await fresh();
        await store.append(KEYS[0], first, NEVER_MS);
        await store.append(KEYS[0], second, NEVER_MS);
        expect(await store.load(KEYS[0])).toEqual(merged);
      }
    });

    test("[ST4] appends that overlap lose nothing", async () => {
      const store = await fresh();
      const { old, newer, other } = records();
      await Promise.all([newer, old, other].map((record) => store.append(KEYS[0], record, NEVER_MS)));
      expect(await store.load(KEYS[0])).toEqual(mergeRecords(newer, other, context));
    });

    test("[ST4] an end stays, whatever is appended after it", async () => {
      const store = await fresh();
      const { newer, ended } = records();
      await store.append(KEYS[0], ended, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      const loaded = await store.load(KEYS[0]);
      expect(loaded?.envelope.ended).toEqual(ended.envelope.ended);
      expect(loaded?.document).toBeUndefined();
    });

    test("[ST5] it discards what is past its time, at its very instant too, and nothing else", async () => {
      const store = await fresh();
      const { old } = records();
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[1], old, 11);
      await store.append(KEYS[2], old, NEVER_MS);
      expect(await discardAll(store, 9)).toBe(0);
      expect(await discardAll(store, 10)).toBe(1);
      expect(await store.load(KEYS[0])).toBeUndefined();
      expect(await store.load(KEYS[1])).toEqual(old);
      expect(await store.load(KEYS[2])).toEqual(old);
    });

    test("[ST5] it never discards more than the limit in one call, and all of it in calls in a row", async () => {
      const store = await fresh();
      const { old } = records();
      for (const key of KEYS) await store.append(key, old, 10);
      expect(await store.discardExpired(10, 2)).toBeLessThanOrEqual(2);
      await discardAll(store, 10, 1);
      for (const key of KEYS) expect(await store.load(key)).toBeUndefined();
    });

    test("[ST5] the instant of the latest append counts, earlier or later than the one before", async () => {
      const store = await fresh();
      const { old, newer } = records();
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[0], newer, 30);
      await store.append(KEYS[1], old, 30);
      await store.append(KEYS[1], newer, 10);
      expect(await discardAll(store, 20)).toBe(1);
      expect(await store.load(KEYS[0])).toEqual(newer);
      expect(await store.load(KEYS[1])).toBeUndefined();
    });

    test("[ST6] after close every call rejects with STORE_CLOSED", async () => {
      const store = await fresh();
      const { old } = records();
      await store.append(KEYS[0], old, NEVER_MS);
      await store.close();
      for (const call of [store.load(KEYS[0]), store.append(KEYS[0], old, NEVER_MS), store.discardExpired(0, 1)]) {
        await expect(call).rejects.toMatchObject({ name: "SessionError", code: "STORE_CLOSED" });
      }
    });
  });
}

/** Calls in a row, until enough of them found nothing that every part of the store was looked at. */
async function discardAll(store: SessionStore, nowMs: number, limit = 10): Promise<number> {
  let discarded = 0;
  for (let call = 0; call < 20; call++) discarded += await store.discardExpired(nowMs, limit);
  return discarded;
}
