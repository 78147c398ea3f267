import { describe, expect, test } from "vitest";
import { sync, type TestReplica, TestWorld } from "../../test/support/replica.ts";
import { set } from "./attributes/set.ts";
import { emptyGenesis } from "./compaction.ts";
import { COMPACT_AT_ONCE, COMPACT_WHEN_QUIET } from "./document.ts";

const COMMIT_COUNT = 10_000;
/** DESIGN 3.4. */
const REMOVALS_KEPT = 32;

function jsonBytes(replica: TestReplica): number {
  return new TextEncoder().encode(JSON.stringify(replica.plain())).length;
}

function documentBytes(replica: TestReplica): number {
  return replica.document.encode().bytes.length;
}

/** As the engine does after every change. */
function compactAtOnce(replica: TestReplica): number {
  return replica.document.wantsCompaction(COMPACT_AT_ONCE) && replica.document.compact(COMPACT_AT_ONCE) ? 1 : 0;
}

function commitTo(replica: TestReplica, index: number): ReturnType<TestReplica["edit"]> {
  return replica.edit((data) => {
    data["lastSeenAtMs"] = 1_700_000_000_000 + index;
    data["page"] = `/products/${index % 97}`;
    data["cart"] = { items: index % 13, total: (index % 1000) / 100 };
  });
}

/** Ten attributes as a shop has them, about 1 KB. */
function shop(data: Record<string, unknown>): void {
  Object.assign(data, {
    userId: "7f9c2ba4e88f827d616045507605853e",
    name: "Ann Example",
    locale: "en-GB",
    theme: "dark",
    visits: 17,
    lastSeenAtMs: 1_700_000_000_000,
    csrf: "d2c1a8f9b0e34c57a6b8c9d0e1f2a3b4",
    cart: {
      lines: [
        { sku: "A-100", count: 2, price: 9.99 },
        { sku: "B-200", count: 1, price: 24.5 },
      ],
      currency: "EUR",
    },
    flags: { beta: true, consent: ["necessary", "statistics"] },
    note: "x".repeat(300),
  });
}

describe("size", () => {
  test("[D14] 10,000 commits of three attributes by one writer leave at most 2 × JSON + 1 KiB", () => {
    const replica = new TestWorld().replica();
    let compactions = 0;
    for (let index = 0; index < COMMIT_COUNT; index++) {
      commitTo(replica, index);
      compactions += compactAtOnce(replica);
    }
    // What the quiet compaction would do.
    replica.compactByRule();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2 * jsonBytes(replica) + 1024);
    expect(compactions).toBeLessThanOrEqual(COMMIT_COUNT / 100);
    replica.check();
  });

  test("[D14] 10,000 commits by four alternating writers leave at most 4 × JSON + 2 KiB", () => {
    const world = new TestWorld();
    const replicas = Array.from({ length: 4 }, () => world.replica());
    for (let index = 0; index < COMMIT_COUNT; index++) {
      const author = replicas[index % 4] as TestReplica;
      const change = commitTo(author, index);
      if (change === undefined) throw new Error("nothing was written");
      for (const other of replicas) if (other !== author) expect(other.apply(change)).toBe("applied");
      // Everybody has the same state, so everybody compacts, or does not, to the same epoch.
      if (replicas.map(compactAtOnce).includes(1)) sync(...replicas);
    }
    for (const replica of replicas) replica.compactByRule();
    sync(...replicas);
    const [first] = replicas as [TestReplica];
    expect(documentBytes(first)).toBeLessThanOrEqual(4 * jsonBytes(first) + 2048);
    expect(new Set(replicas.map((replica) => replica.digest())).size).toBe(1);
  });

  test("[D14] a genesis of ten attributes is at most 2.5 × JSON + 256 B", () => {
    const replica = new TestWorld().replica();
    replica.edit(shop);
    replica.compact();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2.5 * jsonBytes(replica) + 256);
  });

  test("[D14] a genesis of an array of a hundred numbers is at most 2.5 × JSON + 256 B, however it was made", () => {
    const [atOnce, oneByOne] = [new TestWorld().replica(), new TestWorld().replica()];
    const numbers = Array.from({ length: 100 }, (_, index) => index * 7);
    atOnce.edit((data) => (data["list"] = numbers));
    for (const number of numbers) oneByOne.edit((data) => ((data["list"] ??= []) as number[]).push(number));
    for (const replica of [atOnce, oneByOne]) {
      replica.compact();
      expect(replica.plain()).toEqual({ list: numbers });
    }
    expect(documentBytes(atOnce)).toBeLessThanOrEqual(2.5 * jsonBytes(atOnce) + 256);
    // Each element carries the stamp of a commit of its own.
    expect(documentBytes(oneByOne)).toBeLessThanOrEqual(2.5 * jsonBytes(oneByOne) + 256 + 6 * numbers.length);
  });

  test("[D14] [D17] a genesis of a set of a hundred words is at most 2.5 × JSON + 256 B, and one that is filled and emptied for ever stays small", () => {
    const replica = new TestWorld(1, { attributes: { words: set() } }).replica();
    const words = Array.from({ length: 100 }, (_, index) => `word-${index}`);
    replica.edit((data) => (data["words"] = new Set(words)));
    replica.compact();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2.5 * JSON.stringify({ words }).length + 256);
    for (let index = 0; index < 1_000; index++) {
      replica.edit((data) => (data["words"] as Set<unknown>).add(`${index}`.repeat(30)));
      replica.edit((data) => (data["words"] = new Set()));
      compactAtOnce(replica);
    }
    replica.compactByRule();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2 * jsonBytes(replica) + 1024);
  });

  test("[D14] a list that is filled and emptied for ever stays small", () => {
    const replica = new TestWorld().replica();
    for (let index = 0; index < 1_000; index++) {
      replica.edit((data) => ((data["queue"] ??= []) as number[]).push(index));
      if (index % 3 === 0) replica.edit((data) => (data["queue"] as number[]).splice(0));
      compactAtOnce(replica);
    }
    replica.compactByRule();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2 * jsonBytes(replica) + 1024);
  });

  test("[D14] moving elements for ever does not make their position keys grow without bound", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => (data["list"] = ["a", "b", "c", "d"]));
    for (let index = 0; index < 1_000; index++) {
      replica.edit((data) => {
        const list = data["list"] as string[];
        list.splice(1, 0, ...list.splice(2, 1));
      });
    }
    replica.compact();
    expect(documentBytes(replica)).toBeLessThanOrEqual(2 * jsonBytes(replica) + 1024);
  });
});

describe("compaction", () => {
  test("[D11] it changes no value, and equal states compact to equal bytes and an equal epoch", () => {
    const world = new TestWorld();
    const [left, right] = [world.replica(), world.replica()];
    left.edit(shop);
    right.take(left.record());
    right.edit((data) => ((data["cart"] as { lines: unknown[] }).lines.push({ sku: "C-300" }), undefined));
    left.edit((data) => delete data["note"]);
    sync(left, right);
    const before = left.plain();
    left.compact();
    right.compact();
    expect(left.plain()).toEqual(before);
    expect(left.record()).toEqual(right.record());
    expect(left.document.epoch.counter).toBe(1);
  });

  test("[D11] a document that is small by right is not compacted again and again", () => {
    const replica = new TestWorld().replica();
    replica.edit(shop);
    expect(replica.compactByRule()).toBe(false);
    replica.compact();
    expect(replica.document.wantsCompaction(COMPACT_WHEN_QUIET)).toBe(false);
    expect(replica.compactByRule()).toBe(false);
  });

  test("[D13] it keeps the newest removals, and raises the floor over those it drops", () => {
    const replica = new TestWorld().replica();
    const names = Array.from({ length: REMOVALS_KEPT + 3 }, (_, index) => `n${index}`);
    replica.edit((data) => Object.assign(data, Object.fromEntries(names.map((name) => [name, 1]))), 1);
    names.forEach((name, index) => replica.edit((data) => delete data[name], 10 + index));
    expect(replica.document.removalFloor).toBe(0);
    replica.compact();
    // The three oldest are forgotten: those @10, @11 and @12.
    expect(Math.floor(replica.document.removalFloor / 256)).toBe(12);
    expect(replica.document.root(0).removals?.size).toBe(REMOVALS_KEPT);
  });

  test("every session begins in the same epoch", () => {
    const world = new TestWorld();
    expect(world.replica().document.epoch).toEqual(emptyGenesis(world.replica().context.sha256).epoch);
  });
});
