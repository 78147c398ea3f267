import { describe, expect, test } from "vitest";
import { TestNode } from "../../../test/support/engine-network.ts";
import { type Data, sync, type TestReplica, TestWorld } from "../../../test/support/replica.ts";
import type { AttributeOptions, AttributeType } from "./attribute-type.ts";
import { counter } from "./counter.ts";
import { list } from "./list.ts";
import { map } from "./map.ts";
import { register } from "./register.ts";
import { Schema } from "./schema.ts";
import { set } from "./set.ts";

const TTL_MS = 100;

/** What is declared, how a request writes `value` in place, and what shows where only these values were written. */
const types: readonly (readonly [
  what: string,
  type: (options?: AttributeOptions) => AttributeType<unknown>,
  write: (data: Data, value: number) => void,
  shown: (...values: readonly number[]) => unknown,
])[] = [
  ["a map", (options) => map(undefined, options), (data, value) => (((data["a"] ??= {}) as Data)[`p${value}`] = value), named],
  ["a list", (options) => list(undefined, options), (data, value) => ((data["a"] ??= []) as number[]).push(value), (...values) => values],
  ["a set", set, (data, value) => ((data["a"] ??= new Set()) as Set<number>).add(value), (...values) => new Set(values)],
  [
    "a counter",
    counter,
    (data, value) => (data["a"] = Number(data["a"] ?? 0) + value),
    (...values) => values.reduce((sum, one) => sum + one),
  ],
  ["a map of counters", (options) => map(counter(), options), (data, value) => (((data["a"] ??= {}) as Data)[`p${value}`] = value), named],
];

function named(...values: readonly number[]): unknown {
  return Object.fromEntries(values.map((value) => [`p${value}`, value]));
}

function shownBy(replica: TestReplica, atMs?: number): unknown {
  return (replica.plain(atMs) as Data)["a"];
}

/** Two nodes; `a` expires, and the first has written it at the time 10. */
function twoNodes(type: AttributeType<unknown>, write: (data: Data, value: number) => void): readonly [TestReplica, TestReplica] {
  const world = new TestWorld(1, { attributes: { a: type } });
  const [left, right] = [world.replica(), world.replica()];
  left.edit((data) => (write(data, 1), (data["b"] = 1)), 10);
  right.take(left.record());
  return [left, right];
}

describe.each(types)("%s with ttlMs", (_what, type, write, shown) => {
  test("[D21] is there until ttlMs after it was last written, and then gone everywhere, while the rest stays", () => {
    const [left, right] = twoNodes(type({ ttlMs: TTL_MS }), write);
    right.edit((data) => write(data, 2), 50);
    left.take(right.record());
    for (const replica of [left, right]) {
      expect(replica.plain(149)).toEqual({ a: shown(1, 2), b: 1 });
      expect(replica.plain(150)).toEqual({ b: 1 });
      replica.compact();
      expect(replica.plain(149)).toEqual({ a: shown(1, 2), b: 1 });
      expect(replica.plain(1_000_000)).toEqual({ b: 1 });
    }
  });

  test("[D22] begins anew after it expired: two who write it then merge, and nothing of before comes back", () => {
    const [left, right] = twoNodes(type({ ttlMs: TTL_MS }), write);
    const old = left.record();
    left.world.nowMs = 200;
    left.edit((data) => write(data, 2), 200);
    right.edit((data) => write(data, 4), 201);
    left.compact();
    sync(left, right);
    left.take(old);
    // Of what two append to a new list at once the order is the same everywhere, but nobody's choice.
    expect([
      { a: shown(2, 4), b: 1 },
      { a: shown(4, 2), b: 1 },
    ]).toContainEqual(left.plain(202));
    expect(left.plain(301)).toEqual({ b: 1 });
  });

  test("[D22] a write elsewhere, made before it expired and heard of later, extends its life", () => {
    const [left, right] = twoNodes(type({ ttlMs: TTL_MS }), write);
    const change = right.edit((data) => write(data, 2), 100);
    if (change === undefined) throw new Error("nothing was written");
    expect(shownBy(left, 150)).toBeUndefined();
    left.apply(change);
    expect([shownBy(left, 150), shownBy(left, 199), shownBy(left, 200)]).toEqual([shown(1, 2), shown(1, 2), undefined]);
  });

  test.each([true, false])(
    "[D22] a request that was given it, and changes it in place after it expired, does not revive it; others wrote: %s",
    (others) => {
      const [left] = twoNodes(type({ ttlMs: TTL_MS }), write);
      const slow = left.request();
      expect(slow.data["a"]).toEqual(shown(1));
      if (others) left.edit((data) => (data["b"] = 2), 20);
      write(slow.data, 2);
      slow.commit(500);
      expect(shownBy(left)).toBeUndefined();
      expect(shownBy(left, 10_000)).toBeUndefined();
      left.edit((data) => write(data, 4), 510);
      expect(shownBy(left)).toEqual(shown(4));
    },
  );

  test("[D21] a request that only read it, and writes elsewhere after it expired, does not revive it", () => {
    const [left] = twoNodes(type({ ttlMs: TTL_MS }), write);
    const slow = left.request();
    void slow.data["a"];
    for (const atMs of [109, 500, 600]) {
      slow.data["b"] = atMs;
      slow.commit(atMs);
    }
    expect(left.plain()).toEqual({ b: 600 });
  });

  test.each(["inside", "whole"])(
    "[D21] [D20] a node that declares no ttlMs and writes it, %s, takes the expiry away; one that does gives it again",
    (how) => {
      const [left] = twoNodes(type({ ttlMs: TTL_MS }), write);
      const other = left.world.replica(new Schema({ a: type() }));
      other.take(left.record());
      other.edit((data) => (how === "inside" ? write(data, 2) : ((data["a"] = null), undefined)), 50);
      left.take(other.record());
      left.compact();
      for (const replica of [left, other]) expect(shownBy(replica, 1_000)).toEqual(how === "inside" ? shown(1, 2) : null);
      left.edit((data) => (how === "inside" ? write(data, 4) : (data["a"] = 1)), 1_000);
      expect(shownBy(left, 1_099)).toBeDefined();
      expect(shownBy(left, 1_100)).toBeUndefined();
    },
  );

  test("[D22] removed and set again it is as new", () => {
    const [left, right] = twoNodes(type({ ttlMs: TTL_MS }), write);
    left.edit((data) => delete data["a"], 50);
    left.edit((data) => write(data, 2), 60);
    sync(left, right);
    expect(left.plain(159)).toEqual({ a: shown(2), b: 1 });
    expect(left.plain(160)).toEqual({ b: 1 });
  });
});

test("[D21] ttlMs may be a fraction, or longer than any clock", () => {
  const world = new TestWorld(1, { attributes: { short: register({ ttlMs: 0.5 }), long: register({ ttlMs: 1e300 }) } });
  const replica = world.replica();
  replica.edit((data) => Object.assign(data, { short: 1, long: 1 }), 10);
  expect(replica.plain(10)).toEqual({ short: 1, long: 1 });
  expect(replica.plain(11)).toEqual({ long: 1 });
  replica.compact();
  replica.check();
  expect(replica.plain(2 ** 50)).toEqual({ long: 1 });
});

test("[D21] in an engine it is gone from requests that begin later, whichever node they reach", async () => {
  const options = { attributes: { code: register({ ttlMs: 60_000 }) } };
  const [left, right] = [new TestNode(1, options), new TestNode(2)];
  const key = left.create({ code: "123", cart: 1 });
  await right.replica.receiveState(key, await left.record(key));
  for (const node of [left, right]) {
    node.runtime.advance(59_999);
    expect(await node.read(key)).toEqual({ code: "123", cart: 1 });
    node.runtime.advance(1);
    expect(await node.read(key)).toEqual({ cart: 1 });
  }
});
