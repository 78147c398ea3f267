import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { mergeRecords, SessionError } from "../../engine/index.ts";
import { KEYS, under } from "./sample-records.ts";
import { discardAll, listed, NEVER_MS, sameRecord, type StoreCase, SUBJECTS } from "./store-case.ts";

/** ST1 … ST6: records go in, merge, come out, and are discarded. */
export const RECORD_CASES: readonly StoreCase[] = [
  {
    name: "[ST1] a key that was never appended loads as undefined",
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, NEVER_MS);
      strictEqual(await store.load(KEYS[1]), undefined);
    },
  },
  {
    name: "[ST1] a key that was discarded loads as undefined",
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, 10);
      await discardAll(store, 10);
      strictEqual(await store.load(KEYS[0]), undefined);
    },
  },
  {
    name: "[ST2] what was appended is in every later load, under its own key",
    run: async ({ store, old, newer, ended }) => {
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[1], under(KEYS[1], newer), NEVER_MS);
      await store.append(KEYS[2], under(KEYS[2], ended), NEVER_MS);
      sameRecord(await store.load(KEYS[0]), old);
      sameRecord(await store.load(KEYS[1]), under(KEYS[1], newer));
      sameRecord(await store.load(KEYS[2]), under(KEYS[2], ended));
      sameRecord(await store.load(KEYS[0]), old);
    },
  },
  {
    name: "[ST2] it is durable exactly where it can be opened again, and has the parts that its author names",
    run: async ({ store, promised, found }) => {
      deepStrictEqual([...found].toSorted(), [...promised].toSorted(), "`parts` must name what the store has, no more and no less");
      strictEqual(store.durable, found.includes("reopen"));
      strictEqual(store.highWaterMs === undefined, store.raiseHighWater === undefined, "highWaterMs and raiseHighWater come together");
    },
  },
  {
    name: "[ST2] a store that says it lasts is found again by the next process",
    needs: ["reopen"],
    run: async ({ store, reopen, newer, ended }) => {
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], under(KEYS[1], ended), NEVER_MS);
      const next = await reopen();
      sameRecord(await next.load(KEYS[0]), newer);
      sameRecord(await next.load(KEYS[1]), under(KEYS[1], ended));
    },
  },
  {
    name: "[ST2] [ST4] what was appended without a wait is there at once, and merged",
    needs: ["appendNow"],
    run: async ({ store, context, newer, other }) => {
      store.appendNow?.(KEYS[0], newer, NEVER_MS);
      store.appendNow?.(KEYS[0], other, NEVER_MS);
      sameRecord(await store.load(KEYS[0]), mergeRecords(newer, other, context));
    },
  },
  {
    name: "[ST3] changing the bytes that went in, or that came out, changes nothing",
    run: async ({ store, old }) => {
      const given = structuredClone(old);
      await store.append(KEYS[0], given, NEVER_MS);
      given.document?.bytes.fill(0xff);
      const loaded = await store.load(KEYS[0]);
      sameRecord(loaded, old, "the store kept the bytes that the caller changed");
      loaded?.document?.bytes.fill(0xff);
      sameRecord(await store.load(KEYS[0]), old, "the store gave out the bytes that it keeps");
    },
  },
  {
    name: "[ST4] appending an older copy changes nothing",
    run: async ({ store, old, newer }) => {
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[0], old, NEVER_MS);
      sameRecord(await store.load(KEYS[0]), newer, "an older copy overwrote what was there: append must merge (mergeRecords)");
    },
  },
  {
    name: "[ST4] appending merges as mergeRecords does, in either order",
    run: async ({ store, another, context, newer, other }) => {
      const merged = mergeRecords(newer, other, context);
      const orders = [
        [store, newer, other],
        [await another(), other, newer],
      ] as const;
      for (const [into, first, second] of orders) {
        await into.append(KEYS[0], first, NEVER_MS);
        await into.append(KEYS[0], second, NEVER_MS);
        sameRecord(await into.load(KEYS[0]), merged);
      }
    },
  },
  {
    name: "[ST4] appends that overlap lose nothing",
    run: async ({ store, beside, context, old, newer, other }) => {
      const second = beside();
      await Promise.all([
        store.append(KEYS[0], newer, NEVER_MS),
        second.append(KEYS[0], old, NEVER_MS),
        second.append(KEYS[0], other, NEVER_MS),
      ]);
      sameRecord(await store.load(KEYS[0]), mergeRecords(newer, other, context));
    },
  },
  {
    name: "[ST4] an end stays, whatever is appended after it",
    run: async ({ store, newer, ended }) => {
      await store.append(KEYS[0], ended, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      const loaded = await store.load(KEYS[0]);
      deepStrictEqual(loaded?.envelope.ended, ended.envelope.ended, "a session that had ended is back");
      strictEqual(loaded?.document, undefined);
    },
  },
  {
    name: "[ST5] it discards what is past its time, at its very instant too, and nothing else",
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[1], under(KEYS[1], old), 11);
      await store.append(KEYS[2], under(KEYS[2], old), NEVER_MS);
      strictEqual(await discardAll(store, 9), 0);
      strictEqual(await discardAll(store, 10), 1);
      strictEqual(await store.load(KEYS[0]), undefined);
      sameRecord(await store.load(KEYS[1]), under(KEYS[1], old));
      sameRecord(await store.load(KEYS[2]), under(KEYS[2], old));
    },
  },
  {
    name: "[ST5] it never discards more than the limit in one call, and all of it in calls in a row",
    run: async ({ store, old }) => {
      for (const key of KEYS) await store.append(key, under(key, old), 10);
      ok((await store.discardExpired(10, 2)) <= 2);
      await discardAll(store, 10, 1);
      for (const key of KEYS) strictEqual(await store.load(key), undefined);
    },
  },
  {
    name: "[ST5] the instant of the latest append counts, earlier or later than the one before",
    run: async ({ store, old, newer }) => {
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[0], newer, 30);
      await store.append(KEYS[1], under(KEYS[1], old), 30);
      await store.append(KEYS[1], under(KEYS[1], newer), 10);
      strictEqual(await discardAll(store, 20), 1);
      sameRecord(await store.load(KEYS[0]), newer);
      strictEqual(await store.load(KEYS[1]), undefined);
    },
  },
  {
    name: "[ST6] after close every call rejects with STORE_CLOSED, and closing again is nothing",
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, NEVER_MS);
      await store.close();
      const calls = [
        () => store.load(KEYS[0]),
        () => store.append(KEYS[0], old, NEVER_MS),
        () => store.discardExpired(0, 1),
        () => listed(store),
        () => store.claim(KEYS[0], "a", 1, 2),
        () => store.release(KEYS[0], "a", 2),
        () => store.revocations(),
        () => store.revoke(SUBJECTS[0], 1, 2),
        async () => store.version?.(KEYS[0]) ?? Promise.reject(new SessionError("STORE_CLOSED", "it has none")),
      ];
      for (const call of calls) await rejects(call, { name: "SessionError", code: "STORE_CLOSED" });
      await store.close();
    },
  },
  {
    name: "[ST6] what was asked for before close is done",
    needs: ["reopen"],
    run: async ({ store, reopen, old, newer }) => {
      const appended = [store.append(KEYS[0], old, NEVER_MS), store.append(KEYS[0], newer, NEVER_MS)];
      await store.close();
      await Promise.all(appended);
      sameRecord(await (await reopen()).load(KEYS[0]), newer);
    },
  },
];
