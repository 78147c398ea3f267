import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { KEYS } from "./sample-records.ts";
import { discardAll, listed, NEVER_MS, type StoreCase, SUBJECTS } from "./store-case.ts";

/** ST8 and ST9: what is taken by one at a time, and what is over for a subject. */
export const CLAIM_CASES: readonly StoreCase[] = [
  {
    name: "[ST8] of claims that overlap one is true, until its time is over, at its very instant",
    run: async ({ store, beside }) => {
      const other = beside();
      const claims = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other).claim(KEYS[0], "ticket", 5, 10));
      strictEqual((await Promise.all(claims)).filter(Boolean).length, 1, "of twenty claims at once exactly one may be true");
      strictEqual(await other.claim(KEYS[0], "ticket", 9, 20), false);
      strictEqual(await other.claim(KEYS[0], "ticket", 10, 20), true);
      strictEqual(await store.claim(KEYS[0], "ticket", 19, 30), false);
    },
  },
  {
    name: "[ST8] claims of other names and other sessions are others, and names may be long",
    run: async ({ store }) => {
      const names = ["a", "b", "", "ab", "b".repeat(5_000), `${"b".repeat(4_999)}c`, "\u{1f600}"];
      for (const expected of [true, false])
        for (const key of [KEYS[0], KEYS[1]]) for (const each of names) strictEqual(await store.claim(key, each, 1, NEVER_MS), expected);
    },
  },
  {
    name: "[ST8] what is released by who took it is free, for everybody, and nothing else",
    run: async ({ store, beside }) => {
      const other = beside();
      await store.claim(KEYS[0], "a", 1, NEVER_MS);
      await store.claim(KEYS[0], "b", 1, NEVER_MS);
      await store.release(KEYS[0], "a", NEVER_MS - 1);
      strictEqual(await other.claim(KEYS[0], "a", 1, NEVER_MS), false);
      await store.release(KEYS[0], "a", NEVER_MS);
      await store.release(KEYS[0], "never claimed", NEVER_MS);
      strictEqual(await other.claim(KEYS[0], "a", 1, NEVER_MS), true);
      strictEqual(await other.claim(KEYS[0], "b", 1, NEVER_MS), false);
    },
  },
  {
    name: "[ST8] a claim is none of the records, and outlives discarding until its time",
    run: async ({ store, old }) => {
      await store.append(KEYS[0], old, 10);
      await store.claim(KEYS[0], "a", 1, 20);
      strictEqual(await discardAll(store, 19), 1);
      deepStrictEqual(await listed(store), []);
      strictEqual(await store.claim(KEYS[0], "a", 19, 30), false);
      strictEqual(await discardAll(store, 20), 0);
      strictEqual(await store.claim(KEYS[0], "a", 20, 30), true);
    },
  },
  {
    name: "[ST8] a claim in a store that lasts is found by the next process",
    needs: ["reopen"],
    run: async ({ store, reopen }) => {
      await store.claim(KEYS[0], "a", 1, 20);
      const next = await reopen();
      strictEqual(await next.claim(KEYS[0], "a", 19, 30), false);
      strictEqual(await next.claim(KEYS[0], "a", 20, 30), true);
    },
  },
  {
    name: "[ST9] of the revocations of a subject the latest counts, in whatever order they come",
    run: async ({ store, beside }) => {
      const other = beside();
      deepStrictEqual(await store.revocations(), new Map());
      await store.revoke(SUBJECTS[0], 5, NEVER_MS);
      await other.revoke(SUBJECTS[0], 9, NEVER_MS);
      await store.revoke(SUBJECTS[0], 7, NEVER_MS);
      await Promise.all([3, 8, 4].map((notBeforeMs) => other.revoke(SUBJECTS[1], notBeforeMs, NEVER_MS)));
      for (const each of [store, other])
        deepStrictEqual(
          await each.revocations(),
          new Map([
            [SUBJECTS[0], 9],
            [SUBJECTS[1], 8],
          ]),
        );
    },
  },
  {
    name: "[ST9] a revocation is there until its latest time",
    run: async ({ store }) => {
      await store.revoke(SUBJECTS[0], 9, 20);
      await store.revoke(SUBJECTS[0], 5, 30);
      await store.revoke(SUBJECTS[0], 6, 25);
      strictEqual(await discardAll(store, 29), 0);
      deepStrictEqual(await store.revocations(), new Map([[SUBJECTS[0], 9]]));
    },
  },
  {
    name: "[ST9] a revocation in a store that lasts is found by the next process",
    needs: ["reopen"],
    run: async ({ store, reopen }) => {
      await store.revoke(SUBJECTS[0], 9, 20);
      await store.revoke(SUBJECTS[0], 5, 30);
      await discardAll(store, 29);
      deepStrictEqual(await (await reopen()).revocations(), new Map([[SUBJECTS[0], 9]]));
    },
  },
];
