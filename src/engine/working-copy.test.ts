import { describe, expect, test } from "vitest";
import { type Data, TestWorld } from "../../test/support/replica.ts";

type Lines = Record<string, unknown>;

function replicaWith(data: Data): ReturnType<TestWorld["replica"]> {
  const replica = new TestWorld().replica();
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
