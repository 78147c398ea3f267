import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counter } from "../../src/engine/attributes/counter.ts";
import { list } from "../../src/engine/attributes/list.ts";
import { map } from "../../src/engine/attributes/map.ts";
import { register } from "../../src/engine/attributes/register.ts";
import { set } from "../../src/engine/attributes/set.ts";
import { checkDocument, checkPlaces, mergeState } from "../../src/engine/intake.ts";
import { mergeDocuments } from "../../src/engine/merge-records.ts";
import type { DocumentRecord } from "../../src/engine/record.ts";
import { type TestReplica, TestWorld } from "../support/replica.ts";
import { expectSound, expectUnpolluted, unlessCorrupt } from "../support/soundness.ts";
import { doWild, type WildEdit, wildEdit } from "./model/wild-edit.ts";

/** A broken wire, or somebody who plays with the bytes: `at` and `with` are taken modulo what there is. */
interface Mutation {
  readonly kind: "set" | "flip" | "insert" | "remove" | "repeat" | "cut";
  readonly at: number;
  readonly with: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom("set", "set", "flip", "flip", "insert", "remove", "repeat", "cut"),
  at: fc.nat(2_000),
  with: fc.nat(255),
});
const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });
const commits = fc.array(fc.array(wildEdit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });

function mutated(bytes: Uint8Array, todo: readonly Mutation[]): Uint8Array {
  let copy = [...bytes];
  for (const { kind, at, with: byte } of todo) {
    const index = at % Math.max(1, copy.length);
    if (kind === "set") copy[index] = byte;
    else if (kind === "flip") copy[index] = (copy[index] ?? 0) ^ (1 << (byte % 8));
    else if (kind === "insert") copy.splice(index, 0, byte);
    else if (kind === "remove") copy.splice(index, 1);
    else if (kind === "repeat") copy.splice(index, 0, ...copy.slice(index, index + 1 + (byte % 16)));
    else copy = copy.slice(0, index);
  }
  return Uint8Array.from(copy);
}

/** Every kind of container, and attributes that expire. */
const ATTRIBUTES = { a: set(), b: map(counter(), { ttlMs: 1_000 }), c: list(register()), user: map(set()) };

function newReplica(): TestReplica {
  return new TestWorld(1, { attributes: ATTRIBUTES }).replica();
}

function written(replica: TestReplica, todo: readonly (readonly WildEdit[])[]): TestReplica {
  for (const edits of todo) replica.edit((data) => edits.forEach((one) => doWild(data, one)));
  return replica;
}

describe("bytes that somebody broke", () => {
  test("[D15] [D16] a document is always either refused, or a session like any other", () => {
    fc.assert(
      fc.property(commits, fc.boolean(), mutations, (todo, compact, broken) => {
        const replica = written(newReplica(), todo);
        if (compact) replica.compact();
        const { epoch, bytes } = replica.document.encode();
        const document: DocumentRecord = { epoch, bytes: mutated(bytes, broken) };
        unlessCorrupt(() => {
          replica.restartFrom({ ...replica.record(), document });
          expectSound(replica);
        });
        expectUnpolluted();
      }),
    );
  });

  test("[D15] [D16] a state of the same epoch is always either refused, and nothing changed, or taken in whole", () => {
    fc.assert(
      fc.property(commits, commits, mutations, (ours, theirs, broken) => {
        const left = written(newReplica(), ours);
        const right = left.world.replica();
        right.take(left.record());
        written(right, theirs);
        const { epoch, bytes } = right.document.encode();
        const before = left.record();
        const digest = left.digest();
        const taken = unlessCorrupt(() => {
          mergeState(left.document, { epoch, bytes: mutated(bytes, broken) });
          return true;
        });
        if (taken === undefined) {
          expect(left.record()).toEqual(before);
          expect(left.digest()).toBe(digest);
        }
        left.check();
        expectSound(left);
      }),
    );
  });

  test("[D15] [D16] a change is always either refused, and nothing changed, or applied whole", () => {
    fc.assert(
      fc.property(commits, fc.array(wildEdit, { minLength: 1, maxLength: 3 }), fc.boolean(), mutations, (todo, edits, late, broken) => {
        const left = written(newReplica(), todo);
        const right = left.world.replica();
        right.take(left.record());
        const change = right.edit((data) => edits.forEach((one) => doWild(data, one)));
        if (change === undefined) return;
        if (late) left.compact();
        const before = left.record();
        const digest = left.digest();
        const receipt = unlessCorrupt(() => left.apply({ ...change, update: mutated(change.update, broken) }));
        if (receipt !== "applied" && receipt !== "joined") {
          expect(left.record()).toEqual(before);
          expect(left.digest()).toBe(digest);
        }
        left.check();
        expectSound(left);
      }),
    );
  });

  test("[D16] merging a broken record, or joining a broken late change, is always refused or gives a sound record", () => {
    fc.assert(
      fc.property(commits, commits, mutations, (ours, theirs, broken) => {
        const left = written(newReplica(), ours);
        const right = left.world.replica();
        right.take(left.record());
        written(right, theirs);
        left.compact();
        const { epoch, bytes } = right.document.encode();
        const copy = { epoch, bytes: mutated(bytes, broken) };
        const merged = unlessCorrupt(() => {
          checkPlaces(left.document.parts().table, checkDocument(left.context, copy).table.countingRows());
          return mergeDocuments(left.document.encode(), copy, left.context);
        });
        if (merged === undefined) return;
        left.document.adopt(merged);
        expectSound(left);
      }),
    );
  });
});
