import { describe, expect, test } from "vitest";
import { type Data, sync, type TestReplica, TestWorld, type TestWorldOptions } from "../../test/support/replica.ts";
import { counter } from "./attributes/counter.ts";

type Lines = Record<string, unknown>;

const objectOf = (data: Data, name: string): Data => data[name] as Data;
const listOf = (data: Data, name: string): unknown[] => data[name] as unknown[];

function replicaWith(data: Data, options?: TestWorldOptions): TestReplica {
  const replica = new TestWorld(1, options).replica();
  replica.edit((attributes) => Object.assign(attributes, data));
  return replica;
}

describe("one request that commits more than once", () => {
  test("[W8] goes on in place in what it assigned before", () => {
    const replica = replicaWith({});
    const other = replica.world.replica();
    const request = replica.request();
    const cart: Lines = { lines: [{ sku: "A" }] };
    request.data["cart"] = cart;
    request.commit();
    other.take(replica.record());
    (cart["lines"] as Lines[]).push({ sku: "B" });
    ((cart["lines"] as Lines[])[0] ?? {})["count"] = 2;
    request.commit();
    // In place, so that what another node put there meanwhile stays.
    other.edit((data) => (data["cart"] as { lines: Lines[] }).lines.push({ sku: "C" }));
    replica.exchange(other);
    expect((replica.plain() as { cart: { lines: Lines[] } }).cart.lines).toEqual(
      expect.arrayContaining([{ sku: "A", count: 2 }, { sku: "B" }, { sku: "C" }]),
    );
  });

  test("[W8] does not undo what others wrote between its commits, where it did not write itself", () => {
    const replica = replicaWith({ o: { a: 1, list: [1] }, p: 1 });
    const request = replica.request();
    (request.data["o"] as Lines)["a"] = 2;
    request.commit();
    replica.edit((data) => {
      (data["o"] as Lines)["b"] = 3;
      ((data["o"] as Lines)["list"] as number[]).push(2);
      data["p"] = 2;
    });
    (request.data["o"] as Lines)["c"] = 4;
    request.commit();
    expect(replica.plain()).toEqual({ o: { a: 2, b: 3, c: 4, list: [1, 2] }, p: 2 });
  });

  test("[W9] and changes nothing in between writes once", () => {
    const replica = replicaWith({ l: [{ x: 1 }, { x: 2 }] });
    const request = replica.request();
    (request.data["l"] as Lines[]).reverse();
    expect(request.commit()).toBeDefined();
    expect(request.commit()).toBeUndefined();
    replica.edit((data) => (data["other"] = 1));
    expect(request.commit()).toBeUndefined();
    expect(replica.plain()).toEqual({ l: [{ x: 2 }, { x: 1 }], other: 1 });
  });

  test("[W9] a push that was written once is not written again after another request's push", () => {
    const replica = replicaWith({ l: [] });
    const request = replica.request();
    (request.data["l"] as number[]).push(1);
    request.commit();
    replica.edit((data) => (data["l"] as number[]).push(2));
    (request.data["l"] as number[]).push(3);
    request.commit();
    expect((replica.plain() as { l: number[] }).l.toSorted((left, right) => left - right)).toEqual([1, 2, 3]);
  });

  test("[W9] an attribute that it removed, and others set again, is not removed again", () => {
    const replica = replicaWith({ a: 1, b: 1 });
    const request = replica.request();
    delete request.data["a"];
    request.commit();
    replica.edit((data) => (data["a"] = 2));
    request.data["b"] = 2;
    request.commit();
    expect(replica.plain()).toEqual({ a: 2, b: 2 });
  });
});

describe("a request that goes on after a commit, while others wrote", () => {
  test("[W1] [D9] adds to a counter what it added since, though the same process counted for others meanwhile", () => {
    const replica = replicaWith({ visits: 10, fresh: 0 }, { attributes: { visits: counter(), hits: counter() } });
    const request = replica.request();
    const count = (data: Data, by: number): void => {
      data["visits"] = Number(data["visits"]) + by;
      data["hits"] = Number(data["hits"] ?? 0) + by;
    };
    count(request.data, 1);
    replica.edit((data) => count(data, 100));
    request.commit();
    replica.edit((data) => count(data, 1000));
    count(request.data, 2);
    request.commit();
    expect(request.commit()).toBeUndefined();
    expect(request.data["visits"]).toBe(13);
    expect(replica.plain()).toEqual({ visits: 1113, fresh: 0, hits: 1103 });
  });

  test("[W1] [W3] still changes in place what it was given: what others wrote beside stays", () => {
    const replica = replicaWith({ cart: { a: 1, inner: { x: 1 } }, prefs: { a: 1 } });
    const request = replica.request();
    const prefs = objectOf(request.data, "prefs");
    objectOf(request.data, "cart")["b"] = 1;
    replica.edit((data) => {
      objectOf(objectOf(data, "cart"), "inner")["theirs"] = 1;
      objectOf(data, "prefs")["theirs"] = 1;
    });
    request.commit();
    objectOf(objectOf(request.data, "cart"), "inner")["ours"] = 1;
    prefs["ours"] = 1;
    request.commit();
    expect(replica.plain()).toEqual({ cart: { a: 1, b: 1, inner: { x: 1, theirs: 1, ours: 1 } }, prefs: { a: 1, theirs: 1, ours: 1 } });
  });

  test("[W1] [W5] moves, changes, inserts and removes elements, each once", () => {
    const replica = replicaWith({ lines: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    const request = replica.request();
    const lines = listOf(request.data, "lines");
    lines.reverse();
    lines.push({ id: 4 });
    replica.edit((data) => listOf(data, "lines").push({ id: 5 }));
    request.commit();
    (lines[0] as Data)["first"] = true;
    lines.splice(1, 1);
    lines.unshift(lines.pop());
    request.commit();
    expect(lines).toEqual([{ id: 4 }, { id: 3, first: true }, { id: 1 }]);
    const merged = listOf(replica.plain() as Data, "lines");
    expect(merged.filter((line) => (line as Data)["id"] !== 5)).toEqual(lines);
    expect(merged).toContainEqual({ id: 5 });
    expect(merged).toHaveLength(4);
    expect(request.commit()).toBeUndefined();
  });

  test("[W4] creates again what it removed, so that two who saw the removal create one", () => {
    const left = replicaWith({ cart: { old: 1 } });
    const right = left.world.replica();
    const request = left.request();
    delete request.data["cart"];
    left.edit((data) => (data["other"] = 1));
    request.commit();
    right.take(left.record());
    request.data["more"] = 1;
    left.edit((data) => (data["other"] = 2));
    request.commit();
    request.data["cart"] = { ours: 1 };
    request.commit();
    right.edit((data) => (data["cart"] = { theirs: 1 }));
    sync(left, right);
    expect(left.plain()).toEqual({ cart: { ours: 1, theirs: 1 }, other: 2, more: 1 });
  });

  test("[D7] a unit is written whole, in place and replaced", () => {
    const replica = replicaWith({ user: { id: 1 } });
    const request = replica.request();
    objectOf(request.data, "user")["name"] = "a";
    replica.edit((data) => (data["other"] = 1));
    request.commit();
    objectOf(request.data, "user")["name"] = "b";
    request.commit();
    expect(request.commit()).toBeUndefined();
    expect(replica.plain()).toEqual({ user: { id: 1, name: "b" }, other: 1 });
  });
});

describe("names", () => {
  test("[V4] that could pollute a prototype are refused where they are set", () => {
    const replica = replicaWith({});
    for (const name of ["__proto__", "constructor", "prototype"]) {
      expect(() => replica.request().session.set(name, 1)).toThrow(expect.objectContaining({ code: "ATTRIBUTE_NAME_REFUSED" }));
    }
    const polluted = JSON.parse('{"__proto__":{"isAdmin":true}}') as unknown;
    expect(() => replica.edit((data) => (data["o"] = polluted))).toThrow(expect.objectContaining({ code: "VALUE_REFUSED" }));
    expect(replica.plain()).toEqual({});
  });

  test("[V1] that are built-in methods of objects are names like any other", () => {
    const replica = replicaWith({ toString: 1, hasOwnProperty: { valueOf: 2 } });
    replica.edit((data) => ((data["hasOwnProperty"] as Lines)["toString"] = 3));
    expect(replica.plain()).toEqual({ toString: 1, hasOwnProperty: { valueOf: 2, toString: 3 } });
    expect(replica.request().session.has("valueOf")).toBe(false);
    expect(replica.request().session.get("valueOf")).toBeUndefined();
  });

  test("[W8] come in the order of Object.keys: those of the base by name, then new ones as they were set", () => {
    const replica = replicaWith({ b: 1, a: 1, c: 1 });
    const { session } = replica.request();
    session.set("z", 1);
    session.set("y", 1);
    session.delete("b");
    session.set("a", 2);
    expect(session.names()).toEqual(["a", "c", "z", "y"]);
    session.set("b", 1);
    expect(session.names()).toEqual(["a", "b", "c", "z", "y"]);
  });
});

test.each(["cart", "user"])(
  "[V1] what cannot be read is refused by the commit, and asking whether anything changed does not throw: %s",
  (name) => {
    const { session } = replicaWith({ [name]: { a: 1 } }).request();
    const broken = session.get(name) as Data;
    Object.defineProperty(broken, "a", {
      enumerable: true,
      get: () => {
        throw new TypeError("closed");
      },
    });
    expect(session.isModified()).toBe(true);
    expect(() => session.commit()).toThrow(expect.objectContaining({ code: "VALUE_REFUSED" }));
  },
);
