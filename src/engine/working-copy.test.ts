import { describe, expect, test } from "vitest";
import { type Data, sync, type TestReplica, TestWorld, type TestWorldOptions } from "../../test/support/replica.ts";
import { counter } from "./attributes/counter.ts";

const object = (data: Data, name: string): Data => data[name] as Data;
const list = (data: Data, name: string): unknown[] => data[name] as unknown[];

function replicaWith(before: Data, options?: TestWorldOptions): TestReplica {
  const replica = new TestWorld(1, options).replica();
  replica.edit((data) => Object.assign(data, before));
  return replica;
}

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
    const prefs = object(request.data, "prefs");
    object(request.data, "cart")["b"] = 1;
    replica.edit((data) => {
      object(object(data, "cart"), "inner")["theirs"] = 1;
      object(data, "prefs")["theirs"] = 1;
    });
    request.commit();
    object(object(request.data, "cart"), "inner")["ours"] = 1;
    prefs["ours"] = 1;
    request.commit();
    expect(replica.plain()).toEqual({ cart: { a: 1, b: 1, inner: { x: 1, theirs: 1, ours: 1 } }, prefs: { a: 1, theirs: 1, ours: 1 } });
  });

  test("[W1] [W5] moves, changes, inserts and removes elements, each once", () => {
    const replica = replicaWith({ lines: [{ id: 1 }, { id: 2 }, { id: 3 }] });
    const request = replica.request();
    const lines = list(request.data, "lines");
    lines.reverse();
    lines.push({ id: 4 });
    replica.edit((data) => list(data, "lines").push({ id: 5 }));
    request.commit();
    (lines[0] as Data)["first"] = true;
    lines.splice(1, 1);
    lines.unshift(lines.pop());
    request.commit();
    expect(lines).toEqual([{ id: 4 }, { id: 3, first: true }, { id: 1 }]);
    const merged = list(replica.plain() as Data, "lines");
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
    request.data["cart"] = { ours: 1 };
    request.commit();
    right.edit((data) => (data["cart"] = { theirs: 1 }));
    sync(left, right);
    expect(left.plain()).toEqual({ cart: { ours: 1, theirs: 1 }, other: 1 });
  });

  test("[D7] a unit is written whole, in place and replaced", () => {
    const replica = replicaWith({ user: { id: 1 } });
    const request = replica.request();
    object(request.data, "user")["name"] = "a";
    replica.edit((data) => (data["other"] = 1));
    request.commit();
    object(request.data, "user")["name"] = "b";
    request.commit();
    expect(request.commit()).toBeUndefined();
    expect(replica.plain()).toEqual({ user: { id: 1, name: "b" }, other: 1 });
  });
});

test("[W2] names are listed in one order: those that were there by name, then new ones as they came", () => {
  const { session } = replicaWith({ b: 1, a: 1, c: 1 }).request();
  session.set("z", 1);
  session.set("d", 1);
  session.delete("b");
  session.set("c", 2);
  expect(session.names()).toEqual(["a", "c", "z", "d"]);
  session.delete("z");
  expect(session.names()).toEqual(["a", "c", "d"]);
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
