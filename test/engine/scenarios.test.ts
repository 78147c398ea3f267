import { describe, expect, test } from "vitest";
import type { Change } from "../../src/engine/record.ts";
import type { Plain } from "../../src/engine/values.ts";
import { sync, type TestReplica, TestWorld } from "../support/replica.ts";

/*
 * The histories that broke earlier designs of the document (SPEC.md, "Histories"). The number that `edit` and `commit` take is the
 * stamp's time, what a history writes after @.
 */

type Lines = Record<string, unknown>;

type Named<Letters extends string> = Letters extends `${infer First}${infer Rest}` ? Record<First, TestReplica> & Named<Rest> : unknown;

/** Replicas of one session by name, a letter each. */
function named<Letters extends string>(letters: Letters, made = new TestWorld()): Named<Letters> {
  return Object.fromEntries(Array.from(letters, (letter) => [letter, made.replica()])) as Named<Letters>;
}

function usersOf(isUnit: boolean): Named<"ABDZ"> {
  return named("ABDZ", new TestWorld(1, isUnit ? {} : { units: [] }));
}

function written(change: Change | undefined): Change {
  if (change === undefined) throw new Error("nothing was written");
  return change;
}

/** Exchanges everything, and expects the same of everybody. */
function expectEverywhere(expected: Plain, ...replicas: TestReplica[]): void {
  sync(...replicas);
  for (const replica of replicas) {
    expect(replica.plain()).toEqual(expected);
    replica.check();
  }
  expect(new Set(replicas.map((replica) => replica.digest())).size).toBe(1);
}

function jsonOf(replica: TestReplica): string {
  return JSON.stringify(replica.plain());
}

test("[S1] a removal that compaction forgot", () => {
  const { W, X, Y, Z } = named("WXYZ");
  Z.edit((data) => (data["z"] = 1), 5);
  Z.edit((data) => delete data["z"], 6);
  Z.compact();
  W.edit((data) => (data["p"] = "secret"), 10);
  X.take(W.record());
  Y.take(W.record());
  X.edit((data) => delete data["p"], 20);
  // Enough younger removals that compaction forgets the one of `p`.
  for (let index = 0; index < 40; index++) {
    X.edit((data) => (data[`q${index}`] = 1), 100 + 2 * index);
    X.edit((data) => delete data[`q${index}`], 101 + 2 * index);
  }
  X.compact();
  expect(X.document.removalFloor).toBeGreaterThanOrEqual(20 * 256);
  X.exchange(Z);
  Y.exchange(Z);
  expectEverywhere({}, X, Y, Z, W);
});

test("[S1] a removal that compaction keeps", () => {
  const { W, X, Y, Z } = named("WXYZ");
  Z.compact();
  W.edit((data) => (data["p"] = "secret"), 10);
  X.take(W.record());
  Y.take(W.record());
  X.edit((data) => delete data["p"], 20);
  X.compact();
  Y.exchange(Z);
  X.exchange(Z);
  expectEverywhere({}, X, Y, Z, W);
});

test.each(["X then Y", "Y then X", "X only", "Y only"])("[S2] a vector is never ahead of what was seen: %s", (order) => {
  const { W, X, Y, Z } = named("WXYZ");
  const first = written(W.edit((data) => (data["k1"] = 1), 10));
  const second = written(W.edit((data) => (data["k2"] = 2), 20));
  Y.apply(first);
  X.apply(first);
  X.apply(second);
  Z.compact();
  // The second change alone says nothing that Z could place.
  expect(Z.apply(second)).toBe("state-needed");
  expect(Z.plain()).toEqual({});
  for (const name of order.replace(" only", "").split(" then ")) {
    Z.take((name === "X" ? X : Y).record());
    const { vector } = Z.document;
    const seen = vector.get(W.document.writer) ?? 0;
    expect(Z.plain()).toEqual(seen >= second.stamp ? { k1: 1, k2: 2 } : { k1: 1 });
    Z.check();
  }
  expectEverywhere({ k1: 1, k2: 2 }, X, Y, Z, W);
});

test("[S3] an inner change before its container", () => {
  const { A, B, Z } = named("ABZ");
  const created = written(B.edit((data) => (data["cart"] = { a: 1 }), 10));
  A.apply(created);
  const inner = written(A.edit((data) => ((data["cart"] as Lines)["x"] = 7), 20));
  expect(Z.apply(inner)).toBe("state-needed");
  Z.compact();
  expect(Z.apply(created)).toBe("joined");
  expect(Z.apply(inner)).toBe("joined");
  expectEverywhere({ cart: { a: 1, x: 7 } }, A, B, Z);
});

test("[S4] object, scalar, removed, object", () => {
  const made = new TestWorld(1, { units: [] });
  const [A, B] = [made.replica(), made.replica()];
  A.edit((data) => (data["user"] = { name: "ann" }), 10);
  B.take(A.record());
  B.edit((data) => ((data["user"] as Lines)["isAdmin"] = true), 15);
  A.edit((data) => (data["user"] = 5), 20);
  A.edit((data) => delete data["user"], 30);
  A.compact();
  A.edit((data) => (data["user"] = { name: "bob" }), 40);
  expectEverywhere({ user: { name: "bob" } }, A, B);
});

test("[S4] the same with so many removals that compaction forgets the one of the object", () => {
  const made = new TestWorld(1, { units: [] });
  const [A, B] = [made.replica(), made.replica()];
  A.edit((data) => (data["user"] = { name: "ann" }), 10);
  B.take(A.record());
  B.edit((data) => ((data["user"] as Lines)["isAdmin"] = true), 15);
  A.edit((data) => delete data["user"], 30);
  for (let index = 0; index < 40; index++) {
    A.edit((data) => (data[`q${index}`] = 1));
    A.edit((data) => delete data[`q${index}`]);
  }
  A.compact();
  A.edit((data) => (data["user"] = { name: "bob" }), 400);
  expectEverywhere({ user: { name: "bob" } }, A, B);
});

test("[S5] the same default array twice", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["roles"] = ["user"]), 10);
  B.edit((data) => (data["roles"] = ["user"]), 11);
  expectEverywhere({ roles: ["user"] }, A, B);
});

test("[S5] the same default array twice, compacted apart", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["roles"] = ["user", "user", { of: "app" }]), 10);
  B.edit((data) => (data["roles"] = ["user", "user", { of: "app" }]), 11);
  A.compact();
  B.compact();
  B.compact();
  expectEverywhere({ roles: ["user", "user", { of: "app" }] }, A, B);
});

test("[S6] add and remove in one assignment", () => {
  const made = new TestWorld(1, { units: [] });
  const [A, B] = [made.replica(), made.replica()];
  A.edit((data) => (data["user"] = { guest: true }), 1);
  B.take(A.record());
  A.edit((data) => (data["user"] = { id: 1, admin: true }), 10);
  B.edit((data) => (data["user"] = { id: 2 }), 11);
  expectEverywhere({ user: { id: 2 } }, A, B);
});

test.each([
  { name: "user", expected: { id: 2 } },
  { name: "profile", expected: { id: 2, admin: true } },
])("[S6b] two first creations of $name", ({ name, expected }) => {
  const { A, B } = named("AB");
  A.edit((data) => (data[name] = { id: 1, admin: true }), 10);
  B.edit((data) => (data[name] = { id: 2 }), 11);
  expectEverywhere({ [name]: expected }, A, B);
});

test("[S7] ever new names", () => {
  const { A } = named("A");
  for (let index = 0; index < 500; index++) {
    A.edit((data) => (data[`job${index}`] = { step: index, done: false }));
    A.edit((data) => delete data[`job${index}`]);
  }
  A.compact();
  expect(A.plain()).toEqual({});
  expect(A.document.encode().bytes.length).toBeLessThanOrEqual(1024);
  A.check();
});

test("[S7b] flash", () => {
  const { A } = named("A");
  A.edit((data) => (data["flash"] = []));
  for (let index = 0; index < 500; index++) {
    A.edit((data) => (data["flash"] as unknown[]).push({ type: "info", text: `saved ${index}` }));
    A.edit((data) => (data["flash"] as unknown[]).splice(0));
  }
  A.compact();
  expect(A.plain()).toEqual({ flash: [] });
  expect(A.document.encode().bytes.length).toBeLessThanOrEqual(100);
  A.check();
});

test("[S8] many writers", () => {
  const { A } = named("A");
  let compactions = 0;
  for (let index = 0; index < 300; index++) {
    A.restartFrom(A.record());
    A.edit((data) => {
      data["count"] = index;
      data[`slot${index % 7}`] = `value ${index}`;
    });
    if (A.compactByRule()) compactions++;
  }
  expect(A.plain()).toMatchObject({ count: 299, slot5: "value 299" });
  expect(A.document.vector.size).toBe(300);
  expect(compactions).toBeLessThanOrEqual(12);
  A.compact();
  const jsonBytes = jsonOf(A).length;
  // About 13 bytes a writer.
  expect(A.document.encode().bytes.length).toBeLessThanOrEqual(2 * jsonBytes + 256 + 300 * 14);
  expect(A.compactByRule()).toBe(false);
  A.check();
});

test("[S9] [D10] a process that lost its own tail takes a new writer id", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["x"] = 1), 10);
  const old = A.record();
  const before = A.document.writer;
  A.edit((data) => (data["x"] = 2), 20);
  B.take(A.record());
  A.reloadFrom(old);
  expect(A.document.writer).not.toBe(before);
  A.edit((data) => (data["y"] = 3), 12);
  expectEverywhere({ x: 2, y: 3 }, A, B);
});

test("[S9] [D10] a process that loads a copy with all of its own commits keeps its writer id", () => {
  const { A } = named("A");
  A.edit((data) => (data["x"] = 1), 10);
  const before = A.document.writer;
  A.reloadFrom(A.record());
  expect(A.document.writer).toBe(before);
  A.edit((data) => (data["x"] = 2), 20);
  expect(A.plain()).toEqual({ x: 2 });
  A.check();
});

test("[S10] the same element", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = [1, 2, 3]), 1);
  B.take(A.record());
  A.edit((data) => ((data["l"] as number[])[1] = 20), 10);
  B.edit((data) => (data["l"] = (data["l"] as number[]).map((value) => (value === 2 ? 21 : value))), 11);
  expectEverywhere({ l: [1, 21, 3] }, A, B);
});

test("[S11] an older write after a removal that compaction knows", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["x"] = 1), 1);
  B.take(A.record());
  A.edit((data) => (data["x"] = 2), 10);
  B.edit((data) => delete data["x"], 20);
  B.compact();
  expectEverywhere({}, A, B);
});

describe.each([{ unit: true }, { unit: false }])("removed here, first created there (unit: $unit)", ({ unit }) => {
  test("[S12] everybody lives", () => {
    const { A, B, D } = usersOf(unit);
    A.edit((data) => (data["user"] = { name: "ann" }), 10);
    D.take(A.record());
    A.edit((data) => ((data["user"] as Lines)["lastSeen"] = 1), 12);
    D.edit((data) => delete data["user"], 20);
    B.edit((data) => (data["user"] = { name: "bob" }), 30);
    sync(A, B, D);
    const [user] = [A, B, D].map((replica) => replica.plain() as { user: Lines });
    if (unit) expect(user).toEqual({ user: { name: "bob" } });
    // Limit L2: `lastSeen` may be kept or dropped.
    else expect(user?.user["name"]).toBe("bob");
    expect(new Set([A, B, D].map(jsonOf)).size).toBe(1);
  });

  test("[S12b] the remover dies", () => {
    const { A, B, D, Z } = usersOf(unit);
    A.edit((data) => (data["user"] = { name: "ann", secret: "s" }), 10);
    D.take(A.record());
    Z.take(A.record());
    A.edit((data) => ((data["user"] as Lines)["lastSeen"] = 1), 12);
    const removal = written(D.edit((data) => delete data["user"], 20));
    B.edit((data) => (data["user"] = { name: "bob" }), 30);
    Z.take(B.record());
    Z.compact();
    expect(Z.apply(removal)).toBe("joined");
    sync(A, B, Z);
    for (const replica of [A, B, Z]) {
      expect(jsonOf(replica)).not.toContain("secret");
      expect((replica.plain() as { user: Lines }).user["name"]).toBe("bob");
      replica.check();
    }
  });
});

test("[S13] two places", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["a"] = { x: 1 }), 1);
  B.take(A.record());
  A.edit((data) => {
    data["b"] = data["a"];
    delete data["a"];
  }, 10);
  B.edit((data) => ((data["a"] as Lines)["y"] = 2), 11);
  expectEverywhere({ b: { x: 1 } }, A, B);
  A.edit((data) => {
    data["c"] = data["b"];
    (data["c"] as Lines)["z"] = 9;
  }, 20);
  expectEverywhere({ b: { x: 1, z: 9 }, c: { x: 1, z: 9 } }, A, B);
  A.edit((data) => ((data["c"] as Lines)["z"] = 10), 30);
  expectEverywhere({ b: { x: 1, z: 9 }, c: { x: 1, z: 10 } }, A, B);
});

test("[S14] null and absent", () => {
  const { A, B } = named("AB");
  A.edit((data) => {
    data["a"] = null;
    data["b"] = { c: null };
  }, 1);
  B.take(A.record());
  expect(B.plain()).toEqual({ a: null, b: { c: null } });
  A.edit((data) => delete data["a"], 9);
  B.edit((data) => ((data["b"] as Lines)["c"] = undefined), 9);
  expectEverywhere({ b: {} }, A, B);
});

test("[S15] both move one element", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = [1, 2, 3]), 1);
  B.take(A.record());
  for (const [replica, atMs] of [
    [A, 10],
    [B, 11],
  ] as const) {
    replica.edit((data) => {
      const list = data["l"] as number[];
      list.push(list.shift() ?? 0);
    }, atMs);
  }
  expectEverywhere({ l: [2, 3, 1] }, A, B);
});

test("[S16] move and change", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = [{ id: 1 }, { id: 2 }, { id: 3 }]), 1);
  B.take(A.record());
  A.edit((data) => {
    const list = data["l"] as Lines[];
    list.push(list.shift() ?? {});
  }, 10);
  B.edit((data) => (((data["l"] as Lines[])[0] ?? {})["seen"] = true), 11);
  expectEverywhere({ l: [{ id: 2 }, { id: 3 }, { id: 1, seen: true }] }, A, B);
});

test("[S17] insert between twins", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = ["a", "z"]), 1);
  B.take(A.record());
  A.edit((data) => (data["l"] as string[]).splice(1, 0, "twin A"), 10);
  B.edit((data) => (data["l"] as string[]).splice(1, 0, "twin B"), 10);
  sync(A, B);
  const twins = (A.plain() as { l: string[] }).l;
  expect(twins.toSorted()).toEqual(["a", "twin A", "twin B", "z"]);
  A.edit((data) => (data["l"] as string[]).splice(2, 0, "between"), 20);
  expectEverywhere({ l: twins.toSpliced(2, 0, "between") }, A, B);
});

test("[S18] move and remove", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = ["a", "b", "c"]), 1);
  B.take(A.record());
  A.edit((data) => {
    const list = data["l"] as string[];
    list.push(list.shift() ?? "");
  }, 20);
  B.edit((data) => (data["l"] as string[]).shift(), 10);
  expectEverywhere({ l: ["b", "c"] }, A, B);
});

test("[S18] move and remove, compacted before they meet", () => {
  const { A, B } = named("AB");
  A.edit((data) => (data["l"] = ["a", "b", "c"]), 1);
  B.take(A.record());
  A.edit((data) => {
    const list = data["l"] as string[];
    list.push(list.shift() ?? "");
  }, 20);
  B.edit((data) => (data["l"] as string[]).shift(), 10);
  A.compact();
  B.compact();
  expectEverywhere({ l: ["b", "c"] }, A, B);
});
