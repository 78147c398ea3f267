import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { StoredRecord } from "../../engine/index.ts";
import { KEYS, under } from "./sample-records.ts";
import { discardAll, NEVER_MS, sameRecord, type StoreCase } from "./store-case.ts";

/** ST10, ST15 and ST16: what stores need that last, or that processes share. */
export const LASTING_CASES: readonly StoreCase[] = [
  {
    name: "[ST10] the version changes with each append that changed the record, whoever made it",
    needs: ["version"],
    run: async ({ store, beside, old, newer, other: theirs, ended }) => {
      const other = beside();
      const version = (): number => store.version?.(KEYS[0]) ?? Number.NaN;
      strictEqual(version(), 0);
      const seen = [version()];
      const appends = [
        [store, old],
        [other, newer],
        [store, theirs],
        [other, ended],
      ] as const;
      for (const [by, record] of appends) {
        await by.append(KEYS[0], record, 10);
        seen.push(version());
        strictEqual(other.version?.(KEYS[0]), version());
      }
      strictEqual(new Set(seen).size, seen.length, `a version came twice: ${seen.join()}`);
      // No number that it had comes back: a copy in memory would be taken for the record.
      await discardAll(store, 10);
      strictEqual(version(), 0);
      await other.append(KEYS[0], old, NEVER_MS);
      ok(!seen.includes(version()));
      const now = version();
      await other.append(KEYS[1], under(KEYS[1], old), NEVER_MS);
      strictEqual(version(), now);
    },
  },
  {
    name: "[ST15] the high-water mark only grows, for all that share it",
    needs: ["highWaterMs"],
    run: async ({ store, beside }) => {
      const other = beside();
      strictEqual(store.highWaterMs?.(), 0);
      await store.raiseHighWater?.(5_000);
      await other.raiseHighWater?.(9_000);
      await store.raiseHighWater?.(7_000);
      for (const each of [store, other]) strictEqual(each.highWaterMs?.(), 9_000);
    },
  },
  {
    name: "[ST15] the high-water mark is found by the next process",
    needs: ["highWaterMs", "reopen"],
    run: async ({ store, reopen }) => {
      await store.raiseHighWater?.(9_000);
      const next = await reopen();
      strictEqual(next.highWaterMs?.(), 9_000);
    },
  },
  {
    name: "[ST15] the high-water mark knows of the instant up to which anything was discarded, and of no later one",
    needs: ["highWaterMs"],
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[1], under(KEYS[1], old), 20);
      await store.append(KEYS[2], under(KEYS[2], old), 50);
      strictEqual(await discardAll(store, 30), 2);
      strictEqual(store.highWaterMs?.(), 20);
    },
  },
  {
    name: "[ST16] a scan gives every record that is there, once, as it was stored",
    needs: ["scan"],
    run: async ({ store, old, newer, ended }) => {
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], under(KEYS[1], ended), NEVER_MS);
      await store.append(KEYS[2], under(KEYS[2], old), 10);
      strictEqual(await discardAll(store, 10), 1);
      const found: StoredRecord[] = [];
      for await (const stored of store.scan?.() ?? []) found.push(stored);
      deepStrictEqual(found.map(({ key }) => key).toSorted(), [KEYS[0], KEYS[1]].toSorted());
      sameRecord(found.find(({ key }) => key === KEYS[0])?.record, newer);
      sameRecord(found.find(({ key }) => key === KEYS[1])?.record, under(KEYS[1], ended));
    },
  },
];
