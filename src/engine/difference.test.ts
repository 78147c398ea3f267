import { describe, expect, test } from "vitest";
import { type Data, sync, TestWorld, type TestWorldOptions } from "../../test/support/replica.ts";

type Edit = (data: Data) => void;
type Lines = Record<string, unknown>;

/** Two replicas that hold `before`; `left` edits @10, `right` @11; what both hold in the end, whichever of them compacted. */
function merged(before: Data, left: Edit, right: Edit, options: TestWorldOptions = {}): unknown {
  const outcomes = [[], [0], [1], [0, 1]].map((compacted) => {
    const world = new TestWorld(1, options);
    const [first, second] = [world.replica(), world.replica()];
    first.edit((data) => Object.assign(data, structuredClone(before)), 1);
    second.take(first.record());
    first.edit(left, 10);
    second.edit(right, 11);
    for (const index of compacted) (index === 0 ? first : second).compact();
    sync(first, second);
    expect(first.plain()).toEqual(second.plain());
    return first.plain();
  });
  for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
  return outcomes[0];
}

const object = (data: Data, name: string): Lines => data[name] as Lines;
const list = (data: Data, name: string): unknown[] => data[name] as unknown[];

describe("set or removed a property", () => {
  test("[W1] in place, that property only", () => {
    const outcome = merged(
      { cart: { a: 1, b: { c: 1, d: 1 } } },
      (data) => (object(data, "cart")["a"] = 2),
      (data) => delete object(object(data, "cart"), "b")["c"],
    );
    expect(outcome).toEqual({ cart: { a: 2, b: { d: 1 } } });
  });

  test("[W1] [D2] of two writes of one property the later counts, a removal too", () => {
    expect(
      merged(
        { p: 1 },
        (data) => (data["p"] = 2),
        (data) => (data["p"] = 3),
      ),
    ).toEqual({ p: 3 });
    expect(
      merged(
        { p: 1 },
        (data) => (data["p"] = 2),
        (data) => delete data["p"],
      ),
    ).toEqual({});
    expect(
      merged(
        { p: 1 },
        (data) => delete data["p"],
        (data) => (data["p"] = 3),
      ),
    ).toEqual({ p: 3 });
  });

  test("[D2] at equal stamps the greater writer counts, on every replica", () => {
    const world = new TestWorld();
    const [left, right] = [world.replica(), world.replica()];
    left.edit((data) => (data["p"] = left.document.writer), 10);
    right.edit((data) => (data["p"] = right.document.writer), 10);
    sync(left, right);
    expect(left.plain()).toEqual({ p: Math.max(left.document.writer, right.document.writer) });
  });
});

describe("added the first object or array at a place", () => {
  test("[W2] [D5] it merges with one that was created there at the same time", () => {
    const outcome = merged(
      { cart: {} },
      (data) => (object(data, "cart")["shipping"] = { city: "Bern" }),
      (data) => (object(data, "cart")["shipping"] = { zip: 3000 }),
    );
    expect(outcome).toEqual({ cart: { shipping: { city: "Bern", zip: 3000 } } });
  });

  test("[W2] over a plain value that both saw, too", () => {
    expect(
      merged(
        { p: 1 },
        (data) => (data["p"] = { a: 1 }),
        (data) => (data["p"] = { b: 1 }),
      ),
    ).toEqual({ p: { a: 1, b: 1 } });
  });

  test("[W2] an array and an object at one place do not merge: the later counts", () => {
    expect(
      merged(
        {},
        (data) => (data["p"] = [1]),
        (data) => (data["p"] = { a: 1 }),
      ),
    ).toEqual({ p: { a: 1 } });
  });

  test("[D7] a unit does not merge", () => {
    expect(
      merged(
        {},
        (data) => (data["user"] = { id: 1, isAdmin: true }),
        (data) => (data["user"] = { id: 2 }),
      ),
    ).toEqual({ user: { id: 2 } });
    expect(
      merged(
        {},
        (data) => (data["prefs"] = { a: 1 }),
        (data) => (data["prefs"] = { b: 1 }),
        { units: ["prefs"] },
      ),
    ).toEqual({ prefs: { b: 1 } });
  });
});

describe("changed an array", () => {
  test("[W3] in place: what was inserted is inserted, what was removed is removed", () => {
    const outcome = merged(
      { l: [1, 2, 3] },
      (data) => list(data, "l").push(4),
      (data) => list(data, "l").shift(),
    );
    expect(outcome).toEqual({ l: [2, 3, 4] });
  });

  test("[W3] by assigning a new one, the same", () => {
    const outcome = merged(
      { l: [1, 2, 3] },
      (data) => (data["l"] = [...list(data, "l"), 4]),
      (data) => (data["l"] = list(data, "l").filter((value) => value !== 1)),
    );
    expect(outcome).toEqual({ l: [2, 3, 4] });
  });

  test("[W3] elements match by identity first: an object that moved and changed keeps what another wrote in it", () => {
    const outcome = merged(
      { l: [{ id: 1 }, { id: 2 }] },
      (data) => {
        list(data, "l").reverse();
        (list(data, "l")[1] as Lines)["moved"] = true;
      },
      (data) => ((list(data, "l")[0] as Lines)["seen"] = true),
    );
    expect(outcome).toEqual({ l: [{ id: 2 }, { id: 1, moved: true, seen: true }] });
  });

  test("[W3] a pair of objects between matched neighbours is a change inside the element", () => {
    const outcome = merged(
      { l: [0, { id: 1, count: 1 }, 9] },
      (data) => (data["l"] = [0, { id: 1, count: 2 }, 9]),
      (data) => ((list(data, "l")[1] as Lines)["note"] = "x"),
    );
    expect(outcome).toEqual({ l: [0, { id: 1, count: 2, note: "x" }, 9] });
  });

  test("[W3] twenty parallel pushes of equal and different values all survive", () => {
    const world = new TestWorld();
    const replica = world.replica();
    replica.edit((data) => (data["l"] = []));
    const requests = Array.from({ length: 20 }, () => replica.request());
    requests.forEach(({ data }, index) => list(data, "l").push(index % 5));
    for (const request of requests) request.commit();
    const counts = [0, 1, 2, 3, 4].map((value) => (replica.plain() as { l: number[] }).l.filter((element) => element === value).length);
    expect(counts).toEqual([4, 4, 4, 4, 4]);
  });

  test("[W3] an equal value somewhere else is a move, and a removal wins over it", () => {
    expect(
      merged(
        { l: ["a", "b", "c"] },
        (data) => (data["l"] = ["c", "a", "b"]),
        (data) => list(data, "l").pop(),
      ),
    ).toEqual({ l: ["a", "b"] });
  });
});

describe("assigned an object over an object", () => {
  test("[W4] only adding, or only removing, is as if done in place", () => {
    const adding = merged(
      { o: { a: 1 } },
      (data) => (data["o"] = { a: 1, b: 2 }),
      (data) => (data["o"] = { a: 1, c: 3 }),
    );
    expect(adding).toEqual({ o: { a: 1, b: 2, c: 3 } });
    const removing = merged(
      { o: { a: 1, b: 2 } },
      (data) => (data["o"] = { a: 1 }),
      (data) => (object(data, "o")["c"] = 3),
    );
    expect(removing).toEqual({ o: { a: 1, c: 3 } });
  });

  test("[W4] a nested object that is the one handed out, at the same path, is compared in place and does not count", () => {
    const outcome = merged(
      { o: { inner: { x: 1 }, a: 1 } },
      (data) => {
        object(object(data, "o"), "inner")["x"] = 2;
        data["o"] = { ...object(data, "o"), b: 2 };
      },
      (data) => (object(object(data, "o"), "inner")["y"] = 3),
    );
    expect(outcome).toEqual({ o: { inner: { x: 2, y: 3 }, a: 1, b: 2 } });
  });

  test("[W5] over an empty object, or in any other way, replaces it as a unit", () => {
    expect(
      merged(
        { o: {} },
        (data) => (object(data, "o")["late"] = 1),
        (data) => (data["o"] = { a: 1 }),
      ),
    ).toEqual({ o: { a: 1 } });
    expect(
      merged(
        { o: { a: 1 } },
        (data) => (data["o"] = { b: 1, x: 1 }),
        (data) => (data["o"] = { c: 1 }),
      ),
    ).toEqual({ o: { c: 1 } });
    expect(
      merged(
        { o: { a: 1 } },
        (data) => (object(data, "o")["late"] = 1),
        (data) => (data["o"] = { a: 2 }),
      ),
    ).toEqual({ o: { a: 2 } });
  });

  test("[W4] emptying an object by assignment removes what it had, and no more", () => {
    expect(
      merged(
        { o: { a: 1 } },
        (data) => (object(data, "o")["late"] = 1),
        (data) => (data["o"] = {}),
      ),
    ).toEqual({ o: { late: 1 } });
  });
});

describe("removed or replaced an object while another changed something inside it", () => {
  test.each(["earlier", "later"])("[W6] [D6] the removal wins, be the change %s", (when) => {
    const change: Edit = (data) => (object(object(data, "o"), "inner")["late"] = 1);
    const remove: Edit = (data) => delete data["o"];
    const before = { o: { inner: { x: 1 } }, p: 1 };
    expect(when === "later" ? merged(before, remove, change) : merged(before, change, remove)).toEqual({ p: 1 });
  });

  test("[W6] [D6] the replacement wins, by a scalar, an array or another object", () => {
    const change: Edit = (data) => (object(data, "o")["late"] = 1);
    expect(merged({ o: { x: 1 } }, (data) => (data["o"] = 5), change)).toEqual({ o: 5 });
    expect(merged({ o: { x: 1 } }, (data) => (data["o"] = [1]), change)).toEqual({ o: [1] });
    expect(merged({ o: { x: 1 } }, (data) => (data["o"] = { y: 2 }), change)).toEqual({ o: { y: 2 } });
  });

  test("[W6] removing an element wins over a change inside it", () => {
    const outcome = merged(
      { l: [{ id: 1 }, { id: 2 }] },
      (data) => list(data, "l").shift(),
      (data) => ((list(data, "l")[0] as Lines)["late"] = 1),
    );
    expect(outcome).toEqual({ l: [{ id: 2 }] });
  });

  test("[W6] [D7] removing or assigning a unit wins over a change in place, whichever is later", () => {
    const change: Edit = (data) => (object(data, "user")["late"] = 1);
    const before = { user: { id: 1 } };
    expect(merged(before, (data) => delete data["user"], change)).toEqual({});
    expect(merged(before, change, (data) => delete data["user"])).toEqual({});
    expect(merged(before, (data) => (data["user"] = { id: 2 }), change)).toEqual({ user: { id: 2 } });
  });

  test("[W6] on one node, a slow request that changes what was removed meanwhile changes nothing", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => (data["o"] = { x: 1 }));
    const slow = replica.request();
    object(slow.data, "o")["late"] = 1;
    replica.edit((data) => delete data["o"]);
    // Nobody would ever see it: nothing is written.
    expect(slow.commit()).toBeUndefined();
    expect(replica.plain()).toEqual({});
    replica.edit((data) => (data["o"] = { y: 1 }));
    expect(replica.plain()).toEqual({ o: { y: 1 } });
    replica.check();
  });
});

describe("put one object at two places, or moved it", () => {
  test("[W7] it is a copy at the new place, and each goes its own way", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => {
      const shared = { x: 1 };
      data["a"] = shared;
      data["b"] = shared;
    });
    replica.edit((data) => (object(data, "a")["x"] = 2));
    expect(replica.plain()).toEqual({ a: { x: 2 }, b: { x: 1 } });
  });

  test("[W7] two names that were swapped are compared where they are", () => {
    const outcome = merged(
      { a: { x: 1 }, b: { x: 2 } },
      (data) => ([data["a"], data["b"]] = [data["b"], data["a"]]),
      (data) => (object(data, "a")["late"] = 1),
    );
    expect(outcome).toEqual({ a: { x: 2 }, b: { x: 1 } });
  });

  test("[W7] an object twice in one array stays two elements", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => (data["l"] = [{ x: 1 }]));
    replica.edit((data) => list(data, "l").push(list(data, "l")[0]));
    replica.edit((data) => ((list(data, "l")[1] as Lines)["x"] = 2));
    expect(replica.plain()).toEqual({ l: [{ x: 1 }, { x: 2 }] });
  });
});

describe("values", () => {
  test("[V1] what a read gives belongs to its request alone, and cannot pollute a prototype", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => (data["o"] = { list: [1], at: new Date(5), bytes: new Uint8Array([1]), map: new Map([["k", { x: 1 }]]) }));
    const [one, other] = [replica.request(), replica.request()];
    const mine = one.data["o"] as { list: number[]; at: Date; bytes: Uint8Array; map: Map<string, Lines> };
    mine.list.push(2);
    mine.at.setTime(6);
    mine.bytes[0] = 2;
    (mine.map.get("k") ?? {})["x"] = 2;
    const untouched = { list: [1], at: new Date(5), bytes: new Uint8Array([1]), map: new Map([["k", { x: 1 }]]) };
    expect(other.data["o"]).toEqual(untouched);
    expect(replica.plain()).toEqual({ o: untouched });
    one.commit();
    expect(replica.plain()).toEqual({ o: { list: [1, 2], at: new Date(6), bytes: new Uint8Array([2]), map: new Map([["k", { x: 2 }]]) } });
    mine.list.push(3);
    expect((replica.plain() as { o: { list: number[] } }).o.list).toEqual([1, 2]);
  });

  test("[V1] changing what was assigned after the commit changes nothing that is stored", () => {
    const replica = new TestWorld().replica();
    const given = { x: 1 };
    replica.edit((data) => (data["o"] = given));
    given.x = 2;
    expect(replica.plain()).toEqual({ o: { x: 1 } });
  });

  test("[W8] a request sees its own writes, before and after its commit", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => Object.assign(data, { a: 1, b: { c: 1 } }));
    const { data, ...request } = replica.request();
    void request;
    data["d"] = 1;
    delete data["a"];
    object(data, "b")["c"] = 2;
    expect(Object.keys(data)).toEqual(["b", "d"]);
    expect({ ...data }).toEqual({ b: { c: 2 }, d: 1 });
  });
});
