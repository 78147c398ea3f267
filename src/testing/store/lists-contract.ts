import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import type { SessionKey, SessionRecord } from "../../engine/index.ts";
import { KEYS, under } from "./sample-records.ts";
import { discardAll, listed, NEVER_MS, type StoreCase, SUBJECTS } from "./store-case.ts";

/** ST7: which sessions there are. */
export const LIST_CASES: readonly StoreCase[] = [
  {
    name: "[ST7] it lists every key once, ended ones too, and none that was discarded",
    run: async ({ store, old, newer, ended }) => {
      deepStrictEqual(await listed(store), []);
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], under(KEYS[1], ended), NEVER_MS);
      await store.append(KEYS[2], under(KEYS[2], old), 10);
      deepStrictEqual(await listed(store), KEYS.toSorted());
      await discardAll(store, 10);
      deepStrictEqual(await listed(store), [KEYS[0], KEYS[1]].toSorted());
    },
  },
  {
    name: "[ST7] it lists a thousand, each once, while others are appended and discarded",
    run: async ({ store, old }) => {
      const [staying, going] = [namedKeys(1_000, 1), namedKeys(100, 2)];
      await Promise.all(staying.map((key) => store.append(key, under(key, old), NEVER_MS)));
      await Promise.all(going.map((key) => store.append(key, under(key, old), 10)));
      const found: SessionKey[] = [];
      for await (const key of store.keys()) {
        found.push(key);
        if (found.length % 100 === 0) await store.discardExpired(10, 10);
        if (found.length === 500) for (const added of namedKeys(20, 3)) await store.append(added, under(added, old), NEVER_MS);
      }
      const stayed = new Set(staying);
      strictEqual(new Set(found).size, found.length, "a key came twice");
      deepStrictEqual(found.filter((key) => stayed.has(key)).toSorted(), staying.toSorted());
    },
  },
  {
    name: "[ST7] with a subject it lists those whose envelope names it now",
    run: async ({ store, old, ended }) => {
      const belonging = (key: SessionKey, subject: string | undefined, subjectAtMs: number): SessionRecord => {
        const { envelope, document } = under(key, old);
        return { envelope: { ...envelope, subject, subjectAtMs }, document };
      };
      await store.append(KEYS[0], belonging(KEYS[0], SUBJECTS[0], 5), NEVER_MS);
      await store.append(KEYS[1], belonging(KEYS[1], SUBJECTS[0], 5), 10);
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[1], 5), NEVER_MS);
      deepStrictEqual(await listed(store, SUBJECTS[0]), [KEYS[0], KEYS[1]].toSorted());
      // An older copy does not give it back; a later one moves it.
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[0], 4), NEVER_MS);
      deepStrictEqual(await listed(store, SUBJECTS[1]), [KEYS[2]]);
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[0], 6), NEVER_MS);
      deepStrictEqual(await listed(store, SUBJECTS[1]), []);
      deepStrictEqual(await listed(store, SUBJECTS[0]), KEYS.toSorted());
      await store.append(KEYS[2], belonging(KEYS[2], undefined, 7), NEVER_MS);
      // An ended one belongs to nobody.
      await store.append(KEYS[0], ended, NEVER_MS);
      deepStrictEqual(await listed(store, SUBJECTS[0]), [KEYS[1]]);
      await discardAll(store, 10);
      deepStrictEqual(await listed(store, SUBJECTS[0]), []);
      deepStrictEqual(await listed(store), [KEYS[0], KEYS[2]].toSorted());
    },
  },
];

/** Keys that lie all over the range of keys. */
function namedKeys(count: number, series: number): SessionKey[] {
  return Array.from({ length: count }, (_, index) =>
    createHash("sha256").update(`${series}/${index}`).digest().toString("base64url", 0, 16),
  );
}
