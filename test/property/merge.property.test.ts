import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeRecords } from "../../src/engine/merge-records.ts";
import type { Change, SessionRecord } from "../../src/engine/record.ts";
import { readTable } from "../../src/engine/update-reader.ts";
import { sync, type TestReplica, TestWorld } from "../support/replica.ts";
import { comparable, compactModel, joinModels, modelOf, type MergeModel } from "./model/merge-model.ts";
import { Schema } from "../../src/engine/attributes/schema.ts";
import { doWild, sameKey, wildAttributes, type WildEdit, wildEdit } from "./model/wild-edit.ts";

const REPLICA_COUNT = 3;
const replica = fc.nat(REPLICA_COUNT - 1);

type Step =
  | { readonly kind: "edit"; readonly at: number; readonly edits: readonly WildEdit[] }
  | { readonly kind: "deliver"; readonly change: number; readonly at: number }
  | { readonly kind: "state"; readonly from: number; readonly at: number }
  | { readonly kind: "compact" | "restart" | "save"; readonly at: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("edit" as const), at: replica, edits: fc.array(wildEdit, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("deliver" as const), change: fc.nat(20), at: replica }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("state" as const), from: replica, at: replica }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("compact" as const, "compact" as const, "restart" as const, "save" as const),
      at: replica,
    }),
  },
);
/** Arbitrary mutations at any depth, by nodes each of which has declarations of its own, or none: a deploy that never ends. */
const histories = fc.record({
  steps: fc.array(step, { maxLength: 25, size: "max" }),
  declared: fc.array(fc.oneof({ weight: 1, arbitrary: fc.constant({}) }, { weight: 3, arbitrary: wildAttributes(true) }), {
    minLength: REPLICA_COUNT,
    maxLength: REPLICA_COUNT,
  }),
});
type Story = typeof histories extends fc.Arbitrary<infer Value> ? Value : never;

function run({ steps, declared }: Story): TestReplica[] {
  const world = new TestWorld();
  const replicas = declared.map((attributes) => world.replica(new Schema(attributes)));
  const changes: Change[] = [];
  let saved: SessionRecord | undefined;
  for (const one of steps) {
    const target = replicas[one.at] as TestReplica;
    world.nowMs++;
    if (one.kind === "edit") {
      const change = editWild(target, one.edits);
      if (change !== undefined) changes.push(change);
    } else if (one.kind === "deliver") {
      const change = changes[one.change % Math.max(1, changes.length)];
      if (change !== undefined) target.apply(change);
    } else if (one.kind === "state") target.take((replicas[one.from] as TestReplica).record());
    else if (one.kind === "compact") target.compact();
    else if (one.kind === "save") saved = target.record();
    else if (saved !== undefined) target.restartFrom(saved);
  }
  return replicas;
}

function editWild(target: TestReplica, edits: readonly WildEdit[]): Change | undefined {
  return target.edit((data) => {
    for (const one of edits) doWild(data, one);
  });
}

function tableModel(record: SessionRecord, context: TestReplica["context"]): MergeModel {
  if (record.document === undefined) throw new Error("these replicas never end");
  return modelOf(readTable(record.document.bytes, context.limits).table);
}

describe("arbitrary mutations at any depth, on three replicas with declarations of their own", () => {
  test("[D1] [D11] [D12] [D15] [D20] exchanges in any order always end with equal records, which read back as they are", () => {
    fc.assert(
      fc.property(histories, (todo) => {
        const replicas = run(todo);
        sync(...replicas);
        expect(new Set(replicas.map((one) => one.digest())).size).toBe(1);
        for (const one of replicas) one.check();
        const [first] = replicas as [TestReplica];
        const { nowMs } = first.world;
        const times = [0, nowMs, nowMs + 5, nowMs + 10, nowMs + 50];
        const before = times.map((atMs) => sameKey(first.plain(atMs)));
        for (const one of replicas) expect(times.map((atMs) => sameKey(one.plain(atMs)))).toEqual(before);
        first.compact();
        expect(times.map((atMs) => sameKey(first.plain(atMs)))).toEqual(before);
        first.check();
      }),
    );
  });

  test("[D12] mergeRecords is always commutative and idempotent, and merging again changes nothing", () => {
    fc.assert(
      fc.property(histories, (todo) => {
        const [left, right] = run(todo) as [TestReplica, TestReplica];
        const { context } = left;
        const merged = mergeRecords(left.record(), right.record(), context);
        expect(mergeRecords(right.record(), left.record(), context)).toEqual(merged);
        expect(mergeRecords(left.record(), left.record(), context)).toEqual(left.record());
        expect(mergeRecords(merged, left.record(), context)).toEqual(merged);
        expect(mergeRecords(right.record(), merged, context)).toEqual(merged);
      }),
    );
  });

  test("[D12] [D13] mergeRecords always says what the definition on sets of cells says", () => {
    fc.assert(
      fc.property(histories, (todo) => {
        const [left, right] = run(todo) as [TestReplica, TestReplica];
        const { context } = left;
        const merged = mergeRecords(left.record(), right.record(), context);
        const expected = joinModels(tableModel(left.record(), context), tableModel(right.record(), context));
        expect(comparable(compactModel(tableModel(merged, context)))).toEqual(comparable(compactModel(expected)));
      }),
    );
  });

  test("[D11] a compaction always is what the definition says, and equal states compact to equal bytes", () => {
    fc.assert(
      fc.property(histories, (todo) => {
        const replicas = run(todo);
        const [first, second] = replicas as [TestReplica, TestReplica];
        const before = tableModel(first.record(), first.context);
        first.compact();
        expect(comparable(tableModel(first.record(), first.context))).toEqual(comparable(compactModel(before)));
        sync(first, second);
        first.compact();
        second.compact();
        expect(first.record()).toEqual(second.record());
      }),
    );
  });
});
