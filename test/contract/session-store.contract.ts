import { afterEach, describe, expect, test } from "vitest";
import { endEnvelope, type Envelope } from "../../src/engine/envelope.ts";
import { mergeRecords, type MergeContext } from "../../src/engine/merge-records.ts";
import { SessionError } from "../../src/engine/errors.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import type { SessionStore, StoredRecord } from "../../src/engine/session-store.ts";
import { sha256 } from "../support/manual-runtime.ts";
import { TestWorld } from "../support/replica.ts";

export interface StoreUnderTest {
  readonly store: SessionStore;
  /** What the store of a process finds that starts where this one stopped without notice. Stores that do not last leave it out. */
  readonly reopen?: () => Promise<SessionStore>;
  /** Another store on the same place, at the same time. Stores that are one process's own leave it out. */
  readonly beside?: () => SessionStore;
}

const KEYS = ["AAAAAAAAAAAAAAAAAAAAAA", "BAAAAAAAAAAAAAAAAAAAAA", "CAAAAAAAAAAAAAAAAAAAAA"] as const;
const SUBJECTS = ["AAAAAAAAAAAAAAAAAAAAAA", "DAAAAAAAAAAAAAAAAAAAAA"] as const;
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

    /** The second store of those that have one, otherwise the same once more. */
    function anotherOf(made: StoreUnderTest): SessionStore {
      const other = made.beside?.();
      if (other !== undefined) opened.push(other);
      return other ?? made.store;
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
      await store.append(KEYS[1], of(KEYS[1], newer), NEVER_MS);
      await store.append(KEYS[2], of(KEYS[2], ended), NEVER_MS);
      expect(await store.load(KEYS[0])).toEqual(old);
      expect(await store.load(KEYS[1])).toEqual(of(KEYS[1], newer));
      expect(await store.load(KEYS[2])).toEqual(of(KEYS[2], ended));
      expect(await store.load(KEYS[0])).toEqual(old);
    });

    test("[ST2] a store that says it lasts is found again by the next process", async () => {
      const { store, reopen } = await underTest();
      expect(store.durable).toBe(reopen !== undefined);
      if (reopen === undefined) return;
      const { newer, ended } = records();
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], of(KEYS[1], ended), NEVER_MS);
      const next = await reopen();
      opened.push(next);
      expect(await next.load(KEYS[0])).toEqual(newer);
      expect(await next.load(KEYS[1])).toEqual(of(KEYS[1], ended));
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
      await store.append(KEYS[1], of(KEYS[1], old), 11);
      await store.append(KEYS[2], of(KEYS[2], old), NEVER_MS);
      expect(await discardAll(store, 9)).toBe(0);
      expect(await discardAll(store, 10)).toBe(1);
      expect(await store.load(KEYS[0])).toBeUndefined();
      expect(await store.load(KEYS[1])).toEqual(of(KEYS[1], old));
      expect(await store.load(KEYS[2])).toEqual(of(KEYS[2], old));
    });

    test("[ST5] it never discards more than the limit in one call, and all of it in calls in a row", async () => {
      const store = await fresh();
      const { old } = records();
      for (const key of KEYS) await store.append(key, of(key, old), 10);
      expect(await store.discardExpired(10, 2)).toBeLessThanOrEqual(2);
      await discardAll(store, 10, 1);
      for (const key of KEYS) expect(await store.load(key)).toBeUndefined();
    });

    test("[ST5] the instant of the latest append counts, earlier or later than the one before", async () => {
      const store = await fresh();
      const { old, newer } = records();
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[0], newer, 30);
      await store.append(KEYS[1], of(KEYS[1], old), 30);
      await store.append(KEYS[1], of(KEYS[1], newer), 10);
      expect(await discardAll(store, 20)).toBe(1);
      expect(await store.load(KEYS[0])).toEqual(newer);
      expect(await store.load(KEYS[1])).toBeUndefined();
    });

    test("[ST6] after close every call rejects with STORE_CLOSED, and closing again is nothing", async () => {
      const store = await fresh();
      const { old } = records();
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
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: "SessionError", code: "STORE_CLOSED" });
      await store.close();
    });

    test("[ST6] what was asked for before close is done", async () => {
      const { store, reopen } = await underTest();
      if (reopen === undefined) return;
      const { old, newer } = records();
      const appended = [store.append(KEYS[0], old, NEVER_MS), store.append(KEYS[0], newer, NEVER_MS)];
      await store.close();
      await Promise.all(appended);
      const next = await reopen();
      opened.push(next);
      expect(await next.load(KEYS[0])).toEqual(newer);
    });

    test("[ST7] it lists every key once, ended ones too, and none that was discarded", async () => {
      const store = await fresh();
      expect(await listed(store)).toEqual([]);
      const { old, newer, ended } = records();
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], of(KEYS[1], ended), NEVER_MS);
      await store.append(KEYS[2], of(KEYS[2], old), 10);
      expect(await listed(store)).toEqual(KEYS.toSorted());
      await discardAll(store, 10);
      expect(await listed(store)).toEqual([KEYS[0], KEYS[1]].toSorted());
    });

    test("[ST7] it lists a thousand, each once, while others are appended and discarded", async () => {
      const store = await fresh();
      const { old } = records();
      const [staying, going] = [namedKeys(1_000, 1), namedKeys(100, 2)];
      await Promise.all(staying.map((key) => store.append(key, of(key, old), NEVER_MS)));
      await Promise.all(going.map((key) => store.append(key, of(key, old), 10)));
      const found: string[] = [];
      for await (const key of store.keys()) {
        found.push(key);
        if (found.length % 100 === 0) await store.discardExpired(10, 10);
        if (found.length === 500) for (const added of namedKeys(20, 3)) await store.append(added, of(added, old), NEVER_MS);
      }
      expect(new Set(found).size).toBe(found.length);
      expect(found.filter((key) => staying.includes(key)).toSorted()).toEqual(staying.toSorted());
    });

    test("[ST7] with a subject it lists those whose envelope names it now", async () => {
      const store = await fresh();
      const { old, ended } = records();
      const belonging = (key: SessionKey, subject: string | undefined, subjectAtMs: number): SessionRecord => {
        const { envelope, document } = of(key, old);
        return { envelope: { ...envelope, subject, subjectAtMs }, document };
      };
      await store.append(KEYS[0], belonging(KEYS[0], SUBJECTS[0], 5), NEVER_MS);
      await store.append(KEYS[1], belonging(KEYS[1], SUBJECTS[0], 5), 10);
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[1], 5), NEVER_MS);
      expect(await listed(store, SUBJECTS[0])).toEqual([KEYS[0], KEYS[1]].toSorted());
      // An older copy does not give it back; a later one moves it.
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[0], 4), NEVER_MS);
      expect(await listed(store, SUBJECTS[1])).toEqual([KEYS[2]]);
      await store.append(KEYS[2], belonging(KEYS[2], SUBJECTS[0], 6), NEVER_MS);
      expect(await listed(store, SUBJECTS[1])).toEqual([]);
      expect(await listed(store, SUBJECTS[0])).toEqual(KEYS.toSorted());
      await store.append(KEYS[2], belonging(KEYS[2], undefined, 7), NEVER_MS);
      // An ended one belongs to nobody.
      await store.append(KEYS[0], ended, NEVER_MS);
      expect(await listed(store, SUBJECTS[0])).toEqual([KEYS[1]]);
      await discardAll(store, 10);
      expect(await listed(store, SUBJECTS[0])).toEqual([]);
      expect(await listed(store)).toEqual([KEYS[0], KEYS[2]].toSorted());
    });

    test("[ST8] of claims that overlap one is true, until its time is over, at its very instant", async () => {
      const made = await underTest();
      const [store, other] = [made.store, anotherOf(made)];
      const claims = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other).claim(KEYS[0], "ticket", 5, 10));
      expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
      expect(await other.claim(KEYS[0], "ticket", 9, 20)).toBe(false);
      expect(await other.claim(KEYS[0], "ticket", 10, 20)).toBe(true);
      expect(await store.claim(KEYS[0], "ticket", 19, 30)).toBe(false);
    });

    test("[ST8] claims of other names and other sessions are others, and names may be long", async () => {
      const store = await fresh();
      const names = ["a", "b", "", "ab", "b".repeat(5_000), `${"b".repeat(4_999)}c`, "\u{1f600}"];
      for (const key of [KEYS[0], KEYS[1]]) for (const each of names) expect(await store.claim(key, each, 1, NEVER_MS)).toBe(true);
      for (const key of [KEYS[0], KEYS[1]]) for (const each of names) expect(await store.claim(key, each, 1, NEVER_MS)).toBe(false);
    });

    test("[ST8] what is released by who took it is free, for everybody, and nothing else", async () => {
      const made = await underTest();
      const [store, other] = [made.store, anotherOf(made)];
      await store.claim(KEYS[0], "a", 1, NEVER_MS);
      await store.claim(KEYS[0], "b", 1, NEVER_MS);
      await store.release(KEYS[0], "a", NEVER_MS - 1);
      expect(await other.claim(KEYS[0], "a", 1, NEVER_MS)).toBe(false);
      await store.release(KEYS[0], "a", NEVER_MS);
      await store.release(KEYS[0], "never claimed", NEVER_MS);
      expect(await other.claim(KEYS[0], "a", 1, NEVER_MS)).toBe(true);
      expect(await other.claim(KEYS[0], "b", 1, NEVER_MS)).toBe(false);
    });

    test("[ST8] a claim is none of the records, and outlives discarding until its time", async () => {
      const store = await fresh();
      await store.append(KEYS[0], records().old, 10);
      await store.claim(KEYS[0], "a", 1, 20);
      expect(await discardAll(store, 19)).toBe(1);
      expect(await listed(store)).toEqual([]);
      expect(await store.claim(KEYS[0], "a", 19, 30)).toBe(false);
      expect(await discardAll(store, 20)).toBe(0);
      expect(await store.claim(KEYS[0], "a", 20, 30)).toBe(true);
    });

    test("[ST8] a claim in a store that lasts is found by the next process", async () => {
      const { store, reopen } = await underTest();
      if (reopen === undefined) return;
      await store.claim(KEYS[0], "a", 1, 20);
      const next = await reopen();
      opened.push(next);
      expect(await next.claim(KEYS[0], "a", 19, 30)).toBe(false);
      expect(await next.claim(KEYS[0], "a", 20, 30)).toBe(true);
    });

    test("[ST9] of the revocations of a subject the latest counts, in whatever order they come", async () => {
      const made = await underTest();
      const [store, other] = [made.store, anotherOf(made)];
      expect(await store.revocations()).toEqual(new Map());
      await store.revoke(SUBJECTS[0], 5, NEVER_MS);
      await other.revoke(SUBJECTS[0], 9, NEVER_MS);
      await store.revoke(SUBJECTS[0], 7, NEVER_MS);
      await Promise.all([3, 8, 4].map((notBeforeMs) => other.revoke(SUBJECTS[1], notBeforeMs, NEVER_MS)));
      for (const each of [store, other])
        expect(await each.revocations()).toEqual(
          new Map([
            [SUBJECTS[0], 9],
            [SUBJECTS[1], 8],
          ]),
        );
    });

    test("[ST9] a revocation is there until its latest time, and in a store that lasts for the next process too", async () => {
      const { store, reopen } = await underTest();
      await store.revoke(SUBJECTS[0], 9, 20);
      await store.revoke(SUBJECTS[0], 5, 30);
      await store.revoke(SUBJECTS[0], 6, 25);
      expect(await discardAll(store, 29)).toBe(0);
      const next = reopen === undefined ? store : await reopen();
      opened.push(next);
      expect(await next.revocations()).toEqual(new Map([[SUBJECTS[0], 9]]));
    });

    test("[ST15] the high-water mark only grows, for all that share it and the next process", async () => {
      const made = await underTest();
      if (made.store.raiseHighWater === undefined) return;
      const [store, other] = [made.store, anotherOf(made)];
      expect(store.highWaterMs?.()).toBe(0);
      await store.raiseHighWater?.(5_000);
      await other.raiseHighWater?.(9_000);
      await store.raiseHighWater?.(7_000);
      expect([store.highWaterMs?.(), other.highWaterMs?.()]).toEqual([9_000, 9_000]);
      const next = made.reopen === undefined ? store : await made.reopen();
      opened.push(next);
      expect(next.highWaterMs?.()).toBe(9_000);
    });

    test("[ST15] the high-water mark knows of the instant up to which anything was discarded, and of no later one", async () => {
      const { store } = await underTest();
      if (store.highWaterMs === undefined) return;
      const { old } = records();
      await store.append(KEYS[0], old, 10);
      await store.append(KEYS[1], old, 20);
      await store.append(KEYS[2], old, 50);
      expect(await discardAll(store, 30)).toBe(2);
      expect(store.highWaterMs()).toBe(20);
    });

    test("[ST16] a scan gives every record that is there, once, as it was stored", async () => {
      const { store } = await underTest();
      if (store.scan === undefined) return;
      const { old, newer, ended } = records();
      await store.append(KEYS[0], old, NEVER_MS);
      await store.append(KEYS[0], newer, NEVER_MS);
      await store.append(KEYS[1], of(KEYS[1], ended), NEVER_MS);
      await store.append(KEYS[2], of(KEYS[2], old), 10);
      expect(await discardAll(store, 10)).toBe(1);
      const found: StoredRecord[] = [];
      for await (const stored of store.scan()) found.push(stored);
      expect(new Map(found.map(({ key, record }) => [key, record]))).toEqual(
        new Map([
          [KEYS[0], newer],
          [KEYS[1], of(KEYS[1], ended)],
        ]),
      );
      expect(found).toHaveLength(2);
    });

    test("[ST10] the version changes with each append that changed the record, whoever made it", async () => {
      const made = await underTest();
      if (made.store.version === undefined) return;
      const [store, other] = [made.store, anotherOf(made)];
      const version = (): number => store.version?.(KEYS[0]) ?? Number.NaN;
      const { old, newer, other: theirs, ended } = records();
      expect(version()).toBe(0);
      const seen = [version()];
      for (const [by, record] of [
        [store, old],
        [other, newer],
        [store, theirs],
        [other, ended],
      ] as const) {
        await by.append(KEYS[0], record, 10);
        seen.push(version());
        expect(other.version?.(KEYS[0])).toBe(version());
      }
      expect(new Set(seen).size).toBe(seen.length);
      // No number that it had comes back: a copy in memory would be taken for the record.
      await discardAll(store, 10);
      expect(version()).toBe(0);
      await other.append(KEYS[0], old, NEVER_MS);
      expect(seen).not.toContain(version());
      const now = version();
      await other.append(KEYS[1], of(KEYS[1], old), NEVER_MS);
      expect(version()).toBe(now);
    });
  });
}

/** The same as of another session. */
function of(key: SessionKey, record: SessionRecord): SessionRecord {
  return { ...record, envelope: { ...record.envelope, key, firstKey: key } };
}

/** Keys that lie all over the range of keys. */
function namedKeys(count: number, series: number): SessionKey[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(sha256(Buffer.from(`${series}/${index}`))).toString("base64url", 0, 16));
}

async function listed(store: SessionStore, subject?: string): Promise<SessionKey[]> {
  const keys: SessionKey[] = [];
  for await (const key of store.keys(subject)) keys.push(key);
  return keys.toSorted();
}

/** Calls in a row, until enough of them found nothing that every part of the store was looked at. */
async function discardAll(store: SessionStore, nowMs: number, limit = 10): Promise<number> {
  let discarded = 0;
  for (let call = 0; call < 20; call++) discarded += await store.discardExpired(nowMs, limit);
  return discarded;
}
