import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { endEnvelope, type EndReason, type Envelope } from "../../src/engine/envelope.ts";
import { keyFromBytes, keyToBytes } from "../../src/engine/key-bytes.ts";
import { KEY_PARTS, KeyTable, partOf } from "../../src/engine/key-table.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { Tombstones } from "../../src/engine/tombstones.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { Slabs } from "../../src/storage/slabs.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { TestWorld } from "../support/replica.ts";

const STEPS = 3_000;
const RUNS = { numRuns: 40 };
const REASONS: readonly EndReason[] = ["destroyed", "rotated", "expired", "revoked"];

/** Random choices that depend on the seed alone, with phases of growing and of shrinking. */
class Dice {
  readonly #random: () => number;
  readonly #crowded: boolean;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#crowded = this.below(2) === 0;
  }

  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  pick<T>(of: readonly T[]): T {
    if (of.length === 0) throw new Error("there is nothing to pick");
    return of[this.below(of.length)] as T;
  }

  /** In half of the runs all keys fall into one part of a table, and many to one place in it. */
  key(): SessionKey {
    const bytes = Uint8Array.from({ length: 16 }, () => this.below(256));
    if (this.#crowded) {
      bytes.fill(0, 0, 4);
      bytes.fill(this.pick([0, 3, 255]), 4, 7);
    }
    return keyFromBytes(bytes);
  }

  isGrowing(step: number): boolean {
    return this.below(10) < (Math.floor(step / 500) % 2 === 0 ? 8 : 2);
  }
}

function allKeys(table: { keysIn(part: number): SessionKey[] }): SessionKey[] {
  return Array.from({ length: KEY_PARTS }, (_, part) => table.keysIn(part)).flat();
}

describe("a key table", () => {
  test("[R8] always holds what a map holds, through growth, removal and reuse, and finds what is due", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = new Dice(seed);
        const table = new KeyTable(12, (view, at) => view.getFloat64(at));
        const model = new Map<SessionKey, { dueMs: number; value: number }>();
        const write = (key: SessionKey, dueMs: number, value: number): void => {
          expect(table.put(key)).toBe(!model.has(key));
          table.view.setFloat64(table.at, dueMs);
          table.view.setUint32(table.at + 8, value);
          table.due(dueMs);
          model.set(key, { dueMs, value });
        };
        for (let step = 0; step < STEPS; step++) {
          const known = model.size > 0 && dice.below(3) === 0 ? dice.pick([...model.keys()].slice(0, 50)) : dice.key();
          if (dice.isGrowing(step)) write(known, dice.below(1_000), step);
          else if (model.size > 0) {
            const key = dice.below(4) === 0 ? known : dice.pick([...model.keys()].slice(-50));
            expect(table.delete(key)).toBe(model.delete(key));
          }
          if (step % 200 === 0) {
            const nowMs = dice.below(400);
            for (let keys = table.takeDue(nowMs, 7, 100); keys !== undefined; keys = table.takeDue(nowMs, 7, 100)) {
              expect(keys.length).toBeLessThanOrEqual(7);
              for (const key of keys) {
                expect(model.get(key)?.dueMs).toBeLessThanOrEqual(nowMs);
                model.delete(key);
                table.delete(key);
              }
            }
            for (const { dueMs } of model.values()) expect(dueMs).toBeGreaterThan(nowMs);
          }
          expect(table.size).toBe(model.size);
        }
        for (const [key, { dueMs, value }] of model) {
          expect(table.find(key)).toBe(true);
          expect([table.view.getFloat64(table.at), table.view.getUint32(table.at + 8)]).toEqual([dueMs, value]);
          expect(table.findBytes(keyToBytes(key))).toBe(true);
          expect(table.keysIn(partOf(key))).toContain(key);
        }
        expect(allKeys(table).sort()).toEqual([...model.keys()].sort());
        expect(table.find(dice.key())).toBe(false);
      }),
      RUNS,
    );
  });
});

describe("tombstones", () => {
  test("[R8] always read back as they were, in at most 32 bytes each and a fifth of room for more", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = new Dice(seed);
        const tombstones = new Tombstones();
        const model = new Map<SessionKey, { envelope: Envelope; discardAtMs: number }>();
        for (let step = 0; step < STEPS; step++) {
          const key = model.size > 0 && dice.below(4) === 0 ? dice.pick([...model.keys()].slice(-20)) : dice.key();
          if (dice.below(5) === 0) {
            expect(tombstones.delete(key)).toBe(model.delete(key));
            continue;
          }
          const atMs = 1_700_000_000_000 + dice.below(2 ** 31);
          const isOdd = dice.below(20) === 0;
          const deadlineMs = isOdd ? dice.pick([2 ** 50, 0, 17]) : atMs - 3_600_000 + dice.below(30 * 86_400_000);
          const envelope = endEnvelope({ key, deadlineMs }, { reason: dice.pick(REASONS), atMs });
          const discardAtMs = deadlineMs + dice.pick([6_000, 0, 90_000, isOdd ? -1 : 1]);
          tombstones.set(envelope, discardAtMs);
          model.set(key, { envelope, discardAtMs });
        }
        for (const [key, tombstone] of model) expect(tombstones.get(key)).toEqual(tombstone);
        expect(allKeys(tombstones).sort()).toEqual([...model.keys()].sort());
        expect(tombstones.size).toBe(model.size);
      }),
      RUNS,
    );
    const many = new Tombstones();
    const dice = new Dice(1);
    for (let count = 0; count < 100_000; count++) {
      const key = keyFromBytes(Uint8Array.from({ length: 16 }, () => dice.below(256)));
      many.set(endEnvelope({ key, deadlineMs: 1_700_000_000_000 }, { reason: "destroyed", atMs: 1_699_999_000_000 }), 1_700_000_006_000);
    }
    expect(many.byteLength / many.size).toBeLessThan(32 * 1.3);
  });
});

describe("slabs", () => {
  test("[R7] always hold what was put in, and waste no more than a 32nd of each slot and one page of each size", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = new Dice(seed);
        const model = new Map<number, { ref: number; bytes: Uint8Array }>();
        const ids = (): number[] => [...model.keys()];
        const byId = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
        const slabs = new Slabs((bytes, ref) => {
          const owner = model.get(byId(bytes));
          if (owner === undefined) throw new Error("something moved that nobody owns");
          owner.ref = ref;
        });
        const bytesOf = (id: number): Uint8Array => {
          const bytes = new Uint8Array((dice.below(50) === 0 ? 70_000 : dice.pick([4, 70, 500, 600, 5_000])) + dice.below(20)).fill(
            id % 256,
          );
          new DataView(bytes.buffer).setUint32(0, id);
          return bytes;
        };
        for (let step = 1; step < STEPS / 3; step++) {
          if (dice.isGrowing(step)) {
            const bytes = bytesOf(step);
            const ref = slabs.take(bytes.length);
            slabs.at(ref).set(bytes);
            model.set(step, { ref, bytes });
          } else if (model.size > 0) {
            const id = dice.pick(ids());
            const ref = model.get(id)?.ref ?? 0;
            model.delete(id);
            slabs.free(ref);
          }
          if (dice.below(3) > 0 || model.size === 0) continue;
          const again = dice.pick(ids());
          const entry = model.get(again);
          if (entry === undefined) continue;
          const shorter = entry.bytes.slice(0, Math.max(4, entry.bytes.length - dice.below(9)));
          if (slabs.refit(entry.ref, shorter.length)) {
            slabs.at(entry.ref).set(shorter);
            model.set(again, { ref: entry.ref, bytes: shorter });
          }
        }
        let usedBytes = 0;
        const sizes = new Set<number>();
        for (const { ref, bytes } of model.values()) {
          expect(Buffer.compare(slabs.at(ref), bytes)).toBe(0);
          usedBytes += Math.max(64, (bytes.length + 4) * (33 / 32) + 2);
          sizes.add(Math.floor(ref / 2 ** 32));
        }
        expect(slabs.byteLength).toBeLessThanOrEqual(usedBytes + sizes.size * 64 * 1024);
        for (const id of ids()) {
          const ref = model.get(id)?.ref ?? 0;
          model.delete(id);
          slabs.free(ref);
        }
        expect(slabs.byteLength).toBe(0);
      }),
      RUNS,
    );
  });
});

describe("the memory store", () => {
  test("[ST2] [ST5] always holds what a map of records holds, alive and ended, through any order of calls", async () => {
    const world = new TestWorld();
    const records: SessionRecord[] = [];
    for (let index = 0; index < 12; index++) {
      const replica = world.replica();
      replica.edit((data) => (data["a"] = "x".repeat(index * index * 7)));
      records.push(replica.record());
    }
    const { context } = world.replica();
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const dice = new Dice(seed);
        const store = new MemoryStore(context);
        const model = new Map<SessionKey, { record: SessionRecord; discardAtMs: number }>();
        const subjects = [undefined, dice.key(), dice.key()];
        for (let step = 0; step < STEPS / 3; step++) {
          const key = model.size > 0 && dice.below(3) === 0 ? dice.pick([...model.keys()].slice(0, 30)) : dice.key();
          const discardAtMs = dice.below(1_000);
          const before = model.get(key)?.record;
          if (before?.envelope.ended !== undefined || (before !== undefined && dice.below(2) === 0)) {
            const envelope = endEnvelope(before.envelope, before.envelope.ended ?? { reason: dice.pick(REASONS), atMs: step });
            store.appendNow(key, { envelope, document: undefined }, discardAtMs);
            model.set(key, { record: { envelope, document: undefined }, discardAtMs });
          } else {
            const { envelope, document } = before ?? dice.pick(records);
            const subject = before === undefined ? dice.pick(subjects) : envelope.subject;
            const subjectAtMs = subject === undefined ? 0 : 1;
            const record = { envelope: { ...envelope, key, subject, subjectAtMs, touchedAtMs: envelope.touchedAtMs + step }, document };
            await store.append(key, record, discardAtMs);
            model.set(key, { record, discardAtMs });
          }
          if (step % 100 !== 99) continue;
          const nowMs = dice.below(300);
          for (let round = 0; round < 50; round++) expect(await store.discardExpired(nowMs, 5)).toBeLessThanOrEqual(5);
          for (const [due, entry] of model) if (entry.discardAtMs <= nowMs) model.delete(due);
        }
        for (const [key, { record }] of model) expect(await store.load(key)).toEqual(record);
        for (const subject of subjects) {
          const wanted = [...model].filter(([, { record }]) => subject === undefined || record.envelope.subject === subject);
          const keys: SessionKey[] = [];
          for await (const key of store.keys(subject)) keys.push(key);
          expect(keys.sort()).toEqual(wanted.map(([key]) => key).sort());
        }
      }),
      RUNS,
    );
  });
});
