import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Plain, normaliseValue } from "../../src/engine/values.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { type Data, sync, type TestReplica, TestWorld } from "../support/replica.ts";
import { storableValue } from "../support/storable-value.ts";
import { doWild, wildEdit, wildValue } from "./model/wild-edit.ts";

const wildAttributes: fc.Arbitrary<Record<string, Plain>> = fc.dictionary(fc.constantFrom("a", "b", "c", "user"), wildValue, {
  maxKeys: 4,
  noNullPrototype: true,
});
const edits = fc.array(wildEdit, { minLength: 1, maxLength: 5 });

function replicaWith(data: Data): TestReplica {
  const replica = new TestWorld().replica();
  replica.edit((attributes) => Object.assign(attributes, data));
  return replica;
}

/** What a plain object is once it was stored: `undefined` gone, nothing shared. */
function stored(data: Data): Plain {
  return normaliseValue(data, "data", DEFAULT_LIMITS) ?? {};
}

describe("a difference, applied", () => {
  test("[W8] [V1] assigning any value over any other always gives that value", () => {
    fc.assert(
      fc.property(storableValue, storableValue, (before, after) => {
        const replica = replicaWith({ it: before });
        expect(replica.plain()).toEqual({ it: before });
        replica.edit((data) => (data["it"] = after));
        expect(replica.plain()).toEqual({ it: after });
        replica.check();
      }),
    );
  });

  test("[W8] any mutations in place, at any depth, always do what they do to plain objects", () => {
    fc.assert(
      fc.property(wildAttributes, edits, (before, todo) => {
        const replica = replicaWith(before);
        const plain = structuredClone(before) as Data;
        replica.edit((data) => {
          for (const one of todo) doWild(data, one);
        });
        for (const one of todo) doWild(plain, one);
        expect(replica.plain()).toEqual(stored(plain));
        replica.check();
      }),
    );
  });

  test("[W8] several commits of one request always do what they do to plain objects", () => {
    fc.assert(
      fc.property(wildAttributes, fc.array(edits, { minLength: 2, maxLength: 4 }), (before, commits) => {
        const replica = replicaWith(before);
        const plain = structuredClone(before) as Data;
        const request = replica.request();
        for (const todo of commits) {
          for (const one of todo) doWild(request.data, one);
          for (const one of todo) doWild(plain, one);
          request.commit();
          expect(replica.plain()).toEqual(stored(plain));
        }
        replica.check();
      }),
    );
  });

  test("[W8] a request that goes on after a commit, while others write elsewhere, never loses or repeats what it wrote", () => {
    fc.assert(
      fc.property(wildAttributes, fc.array(edits, { minLength: 2, maxLength: 4 }), (before, commits) => {
        const replica = replicaWith(before);
        const plain = structuredClone(before) as Data;
        const request = replica.request();
        commits.forEach((todo, round) => {
          for (const one of todo) doWild(request.data, one);
          for (const one of todo) doWild(plain, one);
          request.commit();
          replica.edit((data) => (data[`other${round}`] = round));
        });
        const others = Object.fromEntries(commits.map((_todo, round) => [`other${round}`, round]));
        expect(replica.plain()).toEqual({ ...(stored(plain) as object), ...others });
        replica.check();
      }),
    );
  });

  test("[W9] a request that changed nothing always writes nothing: reading, assigning what is there, or an equal copy", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("a", "user"), storableValue, { maxKeys: 2, noNullPrototype: true }), (before) => {
        const replica = replicaWith(before);
        const record = replica.record();
        expect(
          replica.edit((data) => {
            for (const name of Object.keys(data)) void data[name];
          }),
        ).toBeUndefined();
        expect(
          replica.edit((data) => {
            for (const [name, value] of Object.entries({ ...data })) data[name] = value;
          }),
        ).toBeUndefined();
        expect(replica.edit((data) => Object.assign(data, structuredClone(before)))).toBeUndefined();
        expect(replica.record()).toEqual(record);
      }),
    );
  });

  test("[D4] a change always takes a replica from what its author was given to what he left, and nothing in between", () => {
    fc.assert(
      fc.property(wildAttributes, edits, (before, todo) => {
        const author = replicaWith(before);
        const other = author.world.replica();
        other.take(author.record());
        const change = author.edit((data) => {
          for (const one of todo) doWild(data, one);
        });
        if (change !== undefined) expect(other.apply(change)).toBe("applied");
        expect(other.plain()).toEqual(author.plain());
        expect(other.record()).toEqual(author.record());
      }),
    );
  });
});

describe("two requests at once", () => {
  test("[D1] [W6] whatever two replicas do at once, they always converge, by changes or by states, compacted or not", () => {
    fc.assert(
      fc.property(
        wildAttributes,
        edits,
        edits,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (before, ours, theirs, compactOurs, compactTheirs, byChange) => {
          const left = replicaWith(before);
          const right = left.world.replica();
          right.take(left.record());
          const changes = [
            left.edit((data) => ours.forEach((one) => doWild(data, one)), 10),
            right.edit((data) => theirs.forEach((one) => doWild(data, one)), 11),
          ];
          if (compactOurs) left.compact();
          if (compactTheirs) right.compact();
          if (byChange) {
            if (changes[1] !== undefined) left.apply(changes[1]);
            if (changes[0] !== undefined) right.apply(changes[0]);
          }
          sync(left, right);
          expect(left.plain()).toEqual(right.plain());
          expect(left.digest()).toBe(right.digest());
          left.check();
        },
      ),
    );
  });

  test("[D7] a unit is never a mixture: it is what one of the two requests left", () => {
    const user = fc.dictionary(fc.constantFrom("id", "name", "roles"), wildValue, { minKeys: 1, noNullPrototype: true });
    const change = fc.oneof(
      fc.record({ kind: fc.constant("assign" as const), user }),
      fc.record({ kind: fc.constant("inside" as const), user }),
      fc.record({ kind: fc.constant("remove" as const), user }),
    );
    const apply = (data: Data, { kind, user: value }: { kind: "assign" | "inside" | "remove"; user: object }): void => {
      if (kind === "remove") delete data["user"];
      else if (kind === "inside" && typeof data["user"] === "object") Object.assign(data["user"] as object, value);
      else data["user"] = value;
    };
    fc.assert(
      fc.property(fc.option(user, { nil: undefined }), change, change, fc.boolean(), (before, ours, theirs, compact) => {
        const left = replicaWith(before === undefined ? {} : { user: before });
        const right = left.world.replica();
        right.take(left.record());
        left.edit((data) => apply(data, ours), 10);
        right.edit((data) => apply(data, theirs), 11);
        const outcomes = [left.plain(), right.plain()];
        if (compact) left.compact();
        sync(left, right);
        expect(outcomes).toContainEqual(left.plain());
      }),
    );
  });

  test("[W1] of properties that only one of them wrote, at any depth in place, none is ever lost", () => {
    const depth = fc.integer({ min: 0, max: 4 });
    fc.assert(
      fc.property(depth, depth, fc.boolean(), (ours, theirs, compact) => {
        const left = replicaWith({ o: { o: { o: { o: {} } } } });
        const right = left.world.replica();
        right.take(left.record());
        left.edit((data) => (inside(data, ours)["left"] = ours), 10);
        right.edit((data) => (inside(data, theirs)["right"] = theirs), 11);
        if (compact) right.compact();
        sync(left, right);
        expect(inside(left.plain() as Data, ours)["left"]).toBe(ours);
        expect(inside(left.plain() as Data, theirs)["right"]).toBe(theirs);
      }),
    );
  });

  test("[W2] [D5] first creations at one place always keep the properties of both, also inside elements and compacted apart", () => {
    const object = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.constantFrom(1, 2, 3), { noNullPrototype: true });
    fc.assert(
      fc.property(object, object, fc.boolean(), (ours, theirs, compact) => {
        const world = new TestWorld();
        const [left, right] = [world.replica(), world.replica()];
        left.edit((data) => (data["cart"] = { deep: ours }), 10);
        right.edit((data) => (data["cart"] = { deep: theirs }), 11);
        if (compact) {
          left.compact();
          right.compact();
        }
        sync(left, right);
        expect(left.plain()).toEqual({ cart: { deep: { ...ours, ...theirs } } });
      }),
    );
  });

  test("[D8] [W3] of a list both changed, what was inserted is there once, what was removed is gone, what stayed is in order", () => {
    const list = fc.uniqueArray(fc.nat(30), { maxLength: 8 });
    const change = fc.record({
      removed: fc.array(fc.nat(7), { maxLength: 3 }),
      inserted: fc.array(fc.nat(8), { maxLength: 3 }),
      inPlace: fc.boolean(),
    });
    type Change = { removed: number[]; inserted: number[]; inPlace: boolean };
    const apply = (data: Data, one: Change, firstNew: number): { removed: Set<number>; inserted: number[] } => {
      const before = data["list"] as number[];
      const removed = new Set(one.removed.flatMap((at) => before.slice(at, at + 1)));
      const next = before.filter((value) => !removed.has(value));
      const inserted = one.inserted.map((_at, index) => firstNew + index);
      one.inserted.forEach((at, index) => next.splice(at, 0, firstNew + index));
      if (one.inPlace) before.splice(0, before.length, ...next);
      else data["list"] = next;
      return { removed, inserted };
    };
    fc.assert(
      fc.property(list, change, change, fc.boolean(), (before, ours, theirs, compact) => {
        const left = replicaWith({ list: before });
        const right = left.world.replica();
        right.take(left.record());
        let [l, r] = [
          { removed: new Set<number>(), inserted: [] as number[] },
          { removed: new Set<number>(), inserted: [] as number[] },
        ];
        left.edit((data) => (l = apply(data, ours, 100)), 10);
        right.edit((data) => (r = apply(data, theirs, 200)), 11);
        if (compact) left.compact();
        sync(left, right);
        const merged = (left.plain() as { list: number[] }).list;
        // A scalar that is removed where another is inserted is that element with another value: the later of two values stands.
        const replaced = merged.filter((value) => value >= 100);
        expect(new Set(merged).size).toBe(merged.length);
        for (const value of merged) expect(before.includes(value) || l.inserted.includes(value) || r.inserted.includes(value)).toBe(true);
        const untouched = before.filter((value) => !l.removed.has(value) && !r.removed.has(value));
        expect(merged.filter((value) => untouched.includes(value))).toEqual(untouched);
        if (l.removed.size === 0 || r.removed.size === 0) expect(replaced.length).toBe(l.inserted.length + r.inserted.length);
        if (ours.inserted.length === 0 && theirs.inserted.length === 0) expect(merged).toEqual(untouched);
      }),
    );
  });
});

function inside(data: Data, depth: number): Data {
  let object = data;
  for (let level = 0; level < depth; level++) object = object["o"] as Data;
  return object;
}
