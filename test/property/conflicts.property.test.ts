import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import { deliver, exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { settle } from "../support/manual-runtime.ts";

const NAMES = ["a", "b"];

/** A write of one scalar: its place in the causal history, and what its author had seen. */
interface Written {
  readonly id: number;
  readonly name: string;
  readonly node: number;
  /** Ids of all writes that its author knew. */
  readonly saw: ReadonlySet<number>;
}

interface Step {
  readonly kind: "write" | "deliver" | "meet" | "compact" | "subject" | "wait";
  readonly at: number;
  readonly from: number;
  readonly name: number;
  readonly choice: number;
}

const step = (nodeCount: number): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom("write", "write", "write", "deliver", "deliver", "deliver", "meet", "compact", "subject", "wait"),
    at: fc.nat(nodeCount - 1),
    from: fc.nat(nodeCount - 1),
    name: fc.nat(NAMES.length - 1),
    choice: fc.nat(20),
  });

/** Nodes that write the ids of their writes, so that what a node holds tells which write counts. */
class History {
  readonly nodes: TestNode[];
  readonly key: string;
  readonly writes: Written[] = [];
  readonly #knows: Set<number>[];

  constructor(nodeCount: number) {
    this.nodes = Array.from({ length: nodeCount }, (_, index) => new TestNode(index + 1));
    this.key = this.node(0).create({ a: "first", b: "first" });
    this.#knows = this.nodes.map(() => new Set<number>());
  }

  node(index: number): TestNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error("there is no such node");
    return node;
  }

  knows(index: number): Set<number> {
    const known = this.#knows[index];
    if (known === undefined) throw new Error("there is no such node");
    return known;
  }

  async write(index: number, name: string, isSubject: boolean): Promise<void> {
    const id = this.writes.length;
    this.writes.push({ id, name, node: index, saw: new Set(this.knows(index)) });
    this.knows(index).add(id);
    const session = await this.node(index).open(this.key);
    session.set(name, id);
    // Tells the session whole instead of as a change.
    if (isSubject) session.setSubject(`subject ${id}`);
    session.commit();
  }

  /** After any delivery: what the version vectors cover is what is known. */
  async learn(): Promise<void> {
    for (const [index, node] of this.nodes.entries()) {
      const vector = (await node.engine.registry.use(this.key, (live) => live?.document?.vector)) ?? new Map<number, number>();
      for (const { id, dot } of this.#dots) if ((vector.get(dot[0]) ?? 0) >= dot[1]) this.knows(index).add(id);
    }
  }

  readonly #dots: { readonly id: number; readonly dot: readonly [number, number] }[] = [];

  async noteDot(index: number): Promise<void> {
    const own = await this.node(index).engine.registry.use(this.key, (live) => live?.document?.own);
    if (own === undefined) throw new Error("the session is not held");
    this.#dots.push({ id: this.writes.length - 1, dot: own });
  }

  areConcurrent(left: Written, right: Written): boolean {
    return left.node !== right.node && !left.saw.has(right.id) && !right.saw.has(left.id);
  }

  /** Whether a conflict about this name may have been told at all. */
  hasConcurrent(name: string): boolean {
    const own = this.writes.filter((write) => write.name === name);
    return own.some((left) => own.some((right) => left.id < right.id && this.areConcurrent(left, right)));
  }

  async run({ kind, at, from, name, choice }: Step): Promise<void> {
    const node = this.node(at);
    if (kind === "write" || kind === "subject") {
      await this.write(at, NAMES[name] ?? "", kind === "subject");
      await this.noteDot(at);
    } else if (kind === "meet") {
      if (at !== from) await exchange(this.node(from), node, this.key);
    } else if (kind === "compact") {
      const live = await node.engine.registry.use(this.key, (session) => session);
      if (live?.document?.compact({ factor: 0, bytes: 0 }) === true) {
        void node.engine.registry.changed(live);
        node.link.sendState(this.key, live.record());
      }
    } else if (kind === "wait") for (const { runtime } of this.nodes) runtime.advance(1);
    else if (at !== from) {
      const messages = this.node(from).link.outbox.filter((message) => message.key === this.key && message.kind !== "touch");
      const message = messages[choice % Math.max(1, messages.length)];
      if (message !== undefined) await deliver(message, this.node(from), node);
    }
    await settle();
    await this.learn();
  }
}

function told(node: TestNode): string[] {
  return node.told("conflict").map(({ name }) => name);
}

describe("conflicts", () => {
  test("[N3] what an author had seen when it told the session whole, it has seen when it tells its next change", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ theme: "light" });
    await exchange(node, other, key);
    const login = await other.open(key);
    login.set("greeted", true);
    login.setSubject("ann");
    login.commit();
    await other.write(key, { theme: "dark" });
    for (const message of other.link.outbox.splice(0)) await deliver(message, other, node);
    expect(await node.read(key)).toMatchObject({ theme: "dark" });
    expect(told(node)).toEqual([]);
  });

  test.each([2, 3])(
    "[N3] of %s nodes none ever tells of one in an attribute whose writers had always seen each other's writes",
    async (nodeCount) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step(nodeCount), { minLength: 3, maxLength: 25 }), async (steps) => {
          const history = new History(nodeCount);
          for (let index = 1; index < nodeCount; index++) await exchange(history.node(0), history.node(index), history.key);
          for (const each of steps) {
            // Nobody writes who has not seen all that was written to that attribute: then there is nothing concurrent.
            if (each.kind === "write" || each.kind === "subject") {
              const name = NAMES[each.name] ?? "";
              const known = history.knows(each.at);
              if (history.writes.some((write) => write.name === name && !known.has(write.id))) continue;
            }
            await history.run(each);
          }
          for (const name of NAMES) expect(history.hasConcurrent(name)).toBe(false);
          for (const node of history.nodes) expect(told(node)).toEqual([]);
        }),
        fewerRuns(2),
      );
    },
  );

  test("[N3] two concurrent writes of one scalar that meet as changes within one epoch are always told, where they meet, once", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 }), fc.boolean(), async (ours, theirs, isMet) => {
        const history = new History(2);
        const [left, right] = [history.node(0), history.node(1)];
        await exchange(left, right, history.key);
        if (isMet) {
          // Something that both have seen since.
          await history.run({ kind: "write", at: 0, from: 0, name: 0, choice: 0 });
          await exchange(left, right, history.key);
        }
        for (const { link } of history.nodes) link.outbox.length = 0;
        for (let index = 0; index <= ours; index++) await history.write(0, "a", false);
        for (let index = 0; index <= theirs; index++) await history.write(1, "a", false);
        const [fromLeft, fromRight] = [left.link.outbox.splice(0), right.link.outbox.splice(0)];
        for (const message of fromLeft) await deliver(message, left, right);
        for (const message of fromRight) await deliver(message, right, left);
        for (const node of [left, right]) expect(told(node)).toContain("a");
        expect(await left.read(history.key)).toEqual(await right.read(history.key));
      }),
      fewerRuns(5),
    );
  });

  test("[N3] the stamps that are told always are of two different writes, the kept one not older", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(3), { minLength: 5, maxLength: 25 }), async (steps) => {
        const history = new History(3);
        for (let index = 1; index < 3; index++) await exchange(history.node(0), history.node(index), history.key);
        for (const each of steps) await history.run(each);
        for (const node of history.nodes) {
          for (const { name, keptAtMs, discardedAtMs } of node.told("conflict")) {
            expect(keptAtMs).toBeGreaterThanOrEqual(discardedAtMs);
            expect(history.hasConcurrent(name)).toBe(true);
          }
        }
      }),
      fewerRuns(3),
    );
  });

  test("[N3] requests of one process: one is told exactly when a commit writes over what its request was not given", async () => {
    const request = fc.record({ kind: fc.constantFrom("open", "commit", "commit", "reload"), choice: fc.nat(3), name: fc.nat(1) });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 20 }), async (requests) => {
        const node = new TestNode(1);
        const key = node.create({ a: -1, b: -1 });
        interface Open {
          readonly session: OpenSession;
          /** The value that the request knows of each attribute. */
          readonly knows: Map<string, number>;
        }
        const now = new Map([
          ["a", -1],
          ["b", -1],
        ]);
        const open: Open[] = [];
        for (const [id, { kind, choice, name }] of requests.entries()) {
          const chosen = open[choice % Math.max(1, open.length)];
          if (kind === "open" || chosen === undefined) {
            open.push({ session: await node.open(key), knows: new Map(now) });
            continue;
          }
          if (kind === "reload") {
            chosen.session.reload();
            for (const [attribute, value] of now) chosen.knows.set(attribute, value);
            continue;
          }
          const attribute = NAMES[name] ?? "";
          const before = node.told("conflict").length;
          const isConflict = chosen.knows.get(attribute) !== now.get(attribute);
          chosen.session.set(attribute, id);
          chosen.session.commit();
          chosen.knows.set(attribute, id);
          now.set(attribute, id);
          const fresh = node.told("conflict").slice(before);
          expect(fresh.map((event) => event.name)).toEqual(isConflict ? [attribute] : []);
        }
      }),
      fewerRuns(3),
    );
  });
});
