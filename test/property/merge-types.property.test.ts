import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttributeType } from "../../src/engine/attributes/attribute-type.ts";
import { counter } from "../../src/engine/attributes/counter.ts";
import { list } from "../../src/engine/attributes/list.ts";
import { map } from "../../src/engine/attributes/map.ts";
import { register } from "../../src/engine/attributes/register.ts";
import { type AttributeTypes, Schema } from "../../src/engine/attributes/schema.ts";
import { set } from "../../src/engine/attributes/set.ts";
import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import { normaliseValue, type Plain } from "../../src/engine/values.ts";
import { type Data, sync, type TestReplica, TestWorld } from "../support/replica.ts";
import { doWild, sameKey, wildAttributes, wildEdit, wildValue } from "./model/wild-edit.ts";

const declared = wildAttributes(false);
const edits = fc.array(wildEdit, { minLength: 1, maxLength: 4 });
const initial: fc.Arbitrary<Record<string, Plain>> = fc.dictionary(fc.constantFrom("a", "b", "c", "user"), wildValue, {
  maxKeys: 4,
  noNullPrototype: true,
});
const change = fc.integer({ min: -9, max: 9 });
const name = fc.constantFrom("p", "q", "r");

function stored(data: Data): string {
  return sameKey(normaliseValue(data, "data", DEFAULT_LIMITS) ?? {});
}

function replicaWith(data: Data, attributes: AttributeTypes): TestReplica {
  const replica = new TestWorld(1, { attributes }).replica();
  replica.edit((given) => Object.assign(given, structuredClone(data)));
  return replica;
}

/** A second copy of what the first holds. */
function twin(of: TestReplica, schema?: Schema): TestReplica {
  const replica = of.world.replica(schema);
  replica.take(of.record());
  return replica;
}

describe("whatever is declared, one after the other", () => {
  test("[W8] requests always leave what they leave of plain objects, under any declarations", () => {
    fc.assert(
      fc.property(declared, initial, fc.array(edits, { minLength: 1, maxLength: 4 }), (attributes, before, requests) => {
        const replica = replicaWith(before, attributes);
        const plain = structuredClone(before) as Data;
        for (const todo of requests) {
          replica.edit((data) => todo.forEach((one) => doWild(data, one)));
          // As from a request, what was one object at two places are two.
          const copy = normaliseValue(plain, "data", DEFAULT_LIMITS) as Data;
          todo.forEach((one) => doWild(copy, one));
          for (const key of Object.keys(plain)) delete plain[key];
          Object.assign(plain, copy);
          expect(sameKey(replica.plain())).toBe(stored(plain));
        }
        replica.check();
      }),
    );
  });

  test("[W8] also where another node has other declarations, or none: who writes decides only how it merges", () => {
    fc.assert(
      fc.property(declared, declared, initial, fc.array(edits, { minLength: 2, maxLength: 4 }), (ours, theirs, before, requests) => {
        const left = replicaWith(before, ours);
        const right = twin(left, new Schema(theirs));
        let plain = normaliseValue(before, "data", DEFAULT_LIMITS) as Data;
        requests.forEach((todo, round) => {
          const author = round % 2 === 0 ? right : left;
          author.edit((data) => todo.forEach((one) => doWild(data, one)));
          plain = normaliseValue(plain, "data", DEFAULT_LIMITS) as Data;
          todo.forEach((one) => doWild(plain, one));
          left.exchange(right);
          expect([sameKey(left.plain()), sameKey(right.plain())]).toEqual([stored(plain), stored(plain)]);
        });
      }),
    );
  });

  test("[W8] [W9] a request that goes on after a commit, while others write elsewhere, never loses or repeats what it wrote", () => {
    fc.assert(
      fc.property(declared, initial, fc.array(edits, { minLength: 2, maxLength: 4 }), (attributes, before, commits) => {
        const replica = replicaWith(before, attributes);
        const plain = structuredClone(before) as Data;
        const request = replica.request();
        commits.forEach((todo, round) => {
          for (const one of todo) doWild(request.data, one);
          for (const one of todo) doWild(plain, one);
          request.commit();
          expect(request.commit()).toBeUndefined();
          replica.edit((data) => (data[`other${round}`] = round));
        });
        const others = Object.fromEntries(commits.map((_todo, round) => [`other${round}`, round]));
        expect(sameKey(replica.plain())).toBe(stored({ ...plain, ...others }));
        replica.check();
      }),
    );
  });

  test("[W9] what a node finds it never rewrites, whatever it declares: reading, or assigning an equal copy, writes nothing", () => {
    fc.assert(
      fc.property(declared, declared, initial, (ours, theirs, before) => {
        const right = twin(replicaWith(before, ours), new Schema(theirs));
        expect(right.edit((data) => Object.keys(data).forEach((key) => data[key]))).toBeUndefined();
        expect(
          right.edit((data) => Object.entries({ ...data }).forEach(([key, value]) => (data[key] = structuredClone(value)))),
        ).toBeUndefined();
      }),
    );
  });
});

describe("a set, by two at once", () => {
  const element = fc.oneof(fc.nat(5), fc.constantFrom("x", "y", "long ".repeat(20)), fc.record({ id: fc.nat(2) }));
  const todo = fc.array(fc.record({ element, isAdded: fc.boolean() }), { maxLength: 6 });
  const apply = (data: Data, one: readonly { element: Plain; isAdded: boolean }[]): void => {
    const kept = new Map(Array.from(data["tags"] as Set<Plain>, (member) => [sameKey(member), member]));
    for (const { element: member, isAdded } of one) {
      if (isAdded) kept.set(sameKey(member), member);
      else kept.delete(sameKey(member));
    }
    data["tags"] = new Set(kept.values());
  };

  test("[D17] always has what either added and nobody removed, each once; what one had and the other removed is gone", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(element, { selector: sameKey }),
        todo,
        todo,
        fc.boolean(),
        fc.boolean(),
        (before, ours, theirs, compact, found) => {
          const world = new TestWorld(1, { attributes: { tags: set() } });
          // Found as one value, of the release before, or as a set.
          const left = world.replica(found ? new Schema() : undefined);
          left.edit((data) => (data["tags"] = new Set(before)));
          const [one, other] = [twin(left), twin(left)];
          one.edit((data) => apply(data, ours), 10);
          other.edit((data) => apply(data, theirs), 11);
          const keysOf = (replica: TestReplica): Set<string> =>
            new Set(Array.from((replica.plain() as { tags: Set<Plain> }).tags, sameKey));
          const [one1, other1, before1] = [keysOf(one), keysOf(other), new Set(before.map(sameKey))];
          if (compact) one.compact();
          sync(one, other);
          const all = new Set([...one1, ...other1]);
          const expected = [...all].filter((key) => !before1.has(key) || (one1.has(key) && other1.has(key)));
          // Found as a value, it is written whole by the first who changes it: what the later one kept is kept.
          if (!found) expect([...keysOf(one)].sort()).toEqual(expected.sort());
          else for (const key of expected) expect([...keysOf(one)]).toContain(key);
          expect((one.plain() as { tags: Set<Plain> }).tags.size).toBe(keysOf(one).size);
        },
      ),
    );
  });

  test("[D17] first sets made at once are one, in one order everywhere; churn in it never harms what is first made elsewhere", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(99), { minLength: 40, maxLength: 60 }), (churn) => {
        const world = new TestWorld(1, { attributes: { tags: set() } });
        const [left, right] = [world.replica(), world.replica()];
        left.edit((data) => (data["tags"] = new Set(["l"])), 10);
        right.edit((data) => (data["tags"] = new Set(["r"])), 11);
        for (const [at, one] of churn.entries()) {
          left.edit((data) => (data["tags"] as Set<string>).add(`${at}:${one}`));
          left.edit((data) => (data["tags"] as Set<string>).delete(`${at}:${one}`));
        }
        left.compact();
        // More than 32 removals went: the floor does not rise for them, so that both make the same first object.
        left.edit((data) => (data["cart"] = { ours: 1 }));
        right.edit((data) => (data["cart"] = { theirs: 1 }));
        sync(left, right);
        expect(left.plain()).toEqual({ tags: new Set(["l", "r"]), cart: { ours: 1, theirs: 1 } });
        expect([...(left.plain() as { tags: Set<string> }).tags]).toEqual([...(right.plain() as { tags: Set<string> }).tags]);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a map, by two at once", () => {
  const properties = fc.dictionary(name, fc.nat(3), { noNullPrototype: true });

  test.each(["an object", "a Map"])("[D18] %s assigned whole always writes only the properties that differ", (kind) => {
    const made = (of: Record<string, number>): unknown => (kind === "a Map" ? new Map(Object.entries(of)) : of);
    const plain = (replica: TestReplica): Record<string, number> => {
      const value = (replica.plain() as Data)["m"];
      return value instanceof Map ? (Object.fromEntries(value) as Record<string, number>) : (value as Record<string, number>);
    };
    fc.assert(
      fc.property(properties, properties, properties, fc.boolean(), (before, ours, theirs, compact) => {
        const left = replicaWith({ m: made(before) }, { m: map() });
        const right = twin(left);
        left.edit((data) => (data["m"] = made(ours)), 10);
        right.edit((data) => (data["m"] = made(theirs)), 11);
        if (compact) right.compact();
        sync(left, right);
        const expected: Record<string, number> = {};
        for (const key of ["p", "q", "r"]) {
          // Who left it as it was did not write it; of two who did, the later counts.
          const value = theirs[key] !== before[key] ? theirs[key] : ours[key];
          if (value !== undefined) expected[key] = value;
        }
        expect(plain(left)).toEqual(expected);
      }),
    );
  });
});

describe("counters inside", () => {
  /** Where counters are, and how one is changed. */
  const places: readonly (readonly [string, AttributeType<unknown>, (data: Data, name: string, by: number) => void])[] = [
    ["a map", map(counter()), (data, key, by) => addTo((data["n"] ??= {}) as Data, key, by)],
    ["a map of maps", map(map(counter())), (data, key, by) => addTo((((data["n"] ??= {}) as Data)["in"] ??= {}) as Data, key, by)],
    [
      "a Map",
      map(counter()),
      (data, key, by) => {
        const counts = (data["n"] ??= new Map()) as Map<string, number>;
        counts.set(key, (counts.get(key) ?? 0) + by);
      },
    ],
    [
      "a list of maps",
      list(map(counter())),
      (data, key, by) => {
        const [row] = data["n"] as Data[];
        addTo(row as Data, key, by);
      },
    ],
  ];
  const addTo = (counts: Data, key: string, by: number): void => {
    counts[key] = ((counts[key] as number | undefined) ?? 0) + by;
  };
  const sums = (replica: TestReplica): Record<string, number> => {
    let value: unknown = (replica.plain() as Data)["n"] ?? {};
    if (Array.isArray(value)) [value] = value as unknown[];
    if (value instanceof Map) value = Object.fromEntries(value);
    return ((value as Data)["in"] ?? value) as Record<string, number>;
  };

  test.each(places)("[D19] in %s always add up, also of requests that overlap on one node and go on after a commit", (_what, type, add) => {
    const step = fc.record({ at: fc.nat(1), request: fc.nat(3), name, by: change, commit: fc.boolean(), compact: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (todo) => {
        const world = new TestWorld(1, { attributes: { n: type } });
        const replicas = [world.replica(), world.replica()] as const;
        if (type.kind === "list") {
          replicas[0].edit((data) => (data["n"] = [{}]));
          replicas[1].take(replicas[0].record());
        }
        // All requests began before any of them wrote.
        const requests = replicas.map((replica) => Array.from({ length: 4 }, () => replica.request()));
        const expected: Record<string, number> = {};
        for (const { at, request, name: key, by, commit, compact } of todo) {
          const one = requests[at]?.[request];
          if (one === undefined) continue;
          add(one.data, key, by);
          expected[key] = (expected[key] ?? 0) + by;
          if (commit) one.commit();
          if (compact) replicas[at as 0 | 1].compact();
        }
        for (const one of requests.flat()) one.commit();
        sync(...replicas);
        expect(sums(replicas[0])).toEqual(expected);
      }),
    );
  });

  test("[D19] [D20] numbers that are found where counters are declared are always where they begin, also in one value", () => {
    const found = fc.dictionary(name, change, { noNullPrototype: true });
    const adds = fc.array(fc.record({ name, by: change }), { maxLength: 4 });
    fc.assert(
      fc.property(found, adds, adds, fc.constantFrom("object", "map", "unit"), (before, ours, theirs, kind) => {
        const world = new TestWorld(1, { attributes: { n: map(counter()) } });
        const old = world.replica(new Schema(kind === "unit" ? { n: register() } : {}));
        old.edit((data) => (data["n"] = kind === "map" ? new Map(Object.entries(before)) : before));
        const [left, right] = [twin(old), twin(old)];
        const expected: Record<string, number> = { ...before };
        const count = (data: Data, todo: typeof ours): void => {
          for (const { name: key, by } of todo) {
            expected[key] = (expected[key] ?? 0) + by;
            const counts = data["n"];
            if (counts instanceof Map) counts.set(key, ((counts.get(key) as number | undefined) ?? 0) + by);
            else addTo(counts as Data, key, by);
          }
        };
        left.edit((data) => count(data, ours), 10);
        right.edit((data) => count(data, theirs), 11);
        sync(left, right);
        expect(sums(left)).toEqual(expected);
      }),
    );
  });
});

describe("a list, by two at once", () => {
  test("[W10] elements that are registers are always units: what one of the two left, never a mixture", () => {
    const line = fc.record({ id: fc.nat(3), count: fc.nat(3) }, { requiredKeys: [] });
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 3 }),
        line,
        line,
        fc.nat(2),
        fc.boolean(),
        (before, ours, theirs, at, compact) => {
          const index = at % before.length;
          const left = replicaWith({ lines: before }, { lines: list(register()) });
          const right = twin(left);
          left.edit((data) => Object.assign((data["lines"] as Data[])[index] as Data, ours), 10);
          right.edit((data) => Object.assign((data["lines"] as Data[])[index] as Data, theirs), 11);
          const outcomes = [left.plain(), right.plain()];
          if (compact) left.compact();
          sync(left, right);
          expect(outcomes).toContainEqual(left.plain());
        },
      ),
    );
  });

  test("[W10] what is inserted by both is there once each, whatever the elements are", () => {
    const types: fc.Arbitrary<AttributeType<unknown>> = fc.constantFrom<AttributeType<unknown>[]>(
      list(),
      list(register()),
      list(counter()),
      list(map()),
    );
    fc.assert(
      fc.property(
        types,
        fc.uniqueArray(fc.integer({ min: 10, max: 99 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (type, before, isObject) => {
          const made = (of: number): unknown => (isObject ? { of } : of);
          const left = replicaWith({ l: before.map(made) }, { l: type });
          const right = twin(left);
          left.edit((data) => (data["l"] as unknown[]).push(made(1)), 10);
          right.edit((data) => (data["l"] = [made(2), ...(data["l"] as unknown[])]), 11);
          sync(left, right);
          expect((left.plain() as Data)["l"]).toEqual([2, ...before, 1].map(made));
        },
      ),
    );
  });
});
