import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SessionRecord } from "../../src/engine/record.ts";
import type { OpenSession } from "../../src/engine/session-engine.ts";
import { verdict } from "../../src/engine/verdict.ts";
import { attributesOf, deliver, exchange, TestNode } from "../support/engine-network.ts";
import { settle } from "../support/manual-runtime.ts";
import { TroubledStore } from "../support/troubled-store.ts";

const NODE_COUNT = 3;
const IDLE_MS = 10_000;
const ABSOLUTE_MS = 60_000;

type Step =
  | {
      readonly kind: "write" | "hold" | "release" | "touch" | "end" | "read" | "crowd" | "save";
      readonly at: number;
      readonly choice: number;
    }
  | { readonly kind: "deliver"; readonly from: number; readonly at: number; readonly choice: number }
  | { readonly kind: "old-state"; readonly at: number; readonly choice: number }
  | { readonly kind: "wait"; readonly at: number; readonly choice: number };

const at = fc.nat(NODE_COUNT - 1);
const choice = fc.nat(20);
const quietKinds = fc.constantFrom(
  "write" as const,
  "hold" as const,
  "hold" as const,
  "release" as const,
  "release" as const,
  "touch" as const,
  "crowd" as const,
  "save" as const,
);

function stepsOf(kinds: fc.Arbitrary<"write" | "hold" | "release" | "touch" | "end" | "read" | "crowd" | "save">): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: kinds, at, choice }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("deliver" as const), from: at, at, choice }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("old-state" as const), at, choice }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), at, choice }) },
    ),
    { minLength: 10, maxLength: 40, size: "max" },
  );
}

/** Three engines, one session, and a network that delivers when it likes: again, in any order, or never. */
class Cluster {
  readonly nodes: TestNode[];
  readonly key: string;
  readonly #held: { readonly node: number; readonly session: OpenSession }[] = [];
  readonly #saved: SessionRecord[] = [];
  /** Nodes that were told, by anybody, that the session is over. */
  readonly knowsEnd = new Set<number>();
  #written = 0;

  constructor(skewsMs: readonly number[]) {
    this.nodes = Array.from({ length: NODE_COUNT }, (_, index) => {
      // In one appending takes no wait, in one it does, and one has a store that lasts.
      const store = index === 0 ? {} : { store: new TroubledStore(index === 2) };
      const times = { idleTimeoutMs: IDLE_MS, absoluteTimeoutMs: ABSOLUTE_MS };
      const node = new TestNode(index + 1, { ...times, ...store, limits: { hotCount: 2 } });
      node.runtime.stepTo(node.runtime.nowMs() + (skewsMs[index] ?? 0));
      return node.settle();
    });
    this.key = this.node(0).create({ x: 0, y: 0 });
  }

  node(index: number): TestNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error("there is no such node");
    return node;
  }

  /** Runs a step; a read must tell what the verdict on the envelope says. */
  async run(step: Step): Promise<void> {
    const node = this.node(step.at);
    switch (step.kind) {
      case "write":
      case "hold": {
        const session = await this.#openQuietly(node);
        if (session === undefined) return;
        const value = ++this.#written;
        session.set("x", value);
        session.set("y", value);
        if (step.kind === "hold") this.#held.push({ node: step.at, session });
        else session.commit();
        return;
      }
      case "release": {
        const [held] = this.#held.splice(step.choice % Math.max(1, this.#held.length), 1);
        held?.session.commit();
        return settle();
      }
      case "touch":
        (await this.#openQuietly(node))?.touch();
        return;
      case "end":
        await node.engine.end(this.key, "destroyed");
        this.knowsEnd.add(step.at);
        return;
      case "read": {
        const before = (await node.replica.record(this.key))?.envelope;
        const result = await node.engine.checkOut(this.key);
        if (result.kind === "ended") this.knowsEnd.add(step.at);
        const isAlive = before !== undefined && verdict(before, new Map(), node.runtime.nowMs()) === "alive";
        if (before !== undefined && isAlive !== (result.kind === "alive")) throw new Error(`[E5] a request was told ${result.kind}`);
        return settle();
      }
      case "crowd":
        for (let filler = 0; filler < 3; filler++) node.create({ filler });
        return settle();
      case "save": {
        const record = await node.replica.record(this.key);
        if (record !== undefined) this.#saved.push(record);
        return;
      }
      case "deliver": {
        const { outbox } = this.node(step.from).link;
        const messages = outbox.filter(({ key }) => key === this.key);
        const message = messages[step.choice % Math.max(1, messages.length)];
        if (message === undefined || step.from === step.at) return;
        await deliver(message, this.node(step.from), node);
        await this.#learn();
        return;
      }
      case "old-state": {
        const record = this.#saved[step.choice % Math.max(1, this.#saved.length)];
        if (record !== undefined) await node.replica.receiveState(this.key, record);
        return;
      }
      case "wait":
        for (const each of this.nodes) each.runtime.advance(step.choice * 200);
        return settle();
    }
  }

  async exchangeAll(): Promise<void> {
    for (let round = 0; round < NODE_COUNT; round++) {
      for (const left of this.nodes) for (const right of this.nodes) if (left !== right) await exchange(left, right, this.key);
    }
  }

  /** Brings it in from the cold without a request that could be told that it is over. */
  async #openQuietly(node: TestNode): Promise<OpenSession | undefined> {
    await node.replica.record(this.key);
    return node.engine.checkOutHot(this.key);
  }

  /** Whoever holds an end now knows of it from now on. */
  async #learn(): Promise<void> {
    for (let index = 0; index < NODE_COUNT; index++) {
      if ((await this.node(index).replica.record(this.key))?.envelope.ended !== undefined) this.knowsEnd.add(index);
    }
  }
}

const skews = fc.tuple(fc.constant(0), fc.integer({ min: -1_000, max: 1_000 }), fc.integer({ min: -1_000, max: 1_000 }));

describe("three engines", () => {
  test("[E8] [E2] a session that ended never reads alive where that is known, under any interleaving with writes, touches, late saves and old copies", async () => {
    const kinds = fc.oneof(
      { weight: 5, arbitrary: quietKinds },
      { weight: 1, arbitrary: fc.constantFrom("end" as const, "read" as const) },
    );
    await fc.assert(
      fc.asyncProperty(skews, stepsOf(kinds), async (skewsMs, steps) => {
        const cluster = new Cluster(skewsMs);
        for (const step of steps) {
          await cluster.run(step);
          for (const index of cluster.knowsEnd) {
            expect(cluster.node(index).engine.checkOutHot(cluster.key)).toBeUndefined();
            const record = await cluster.node(index).replica.record(cluster.key);
            if (record === undefined) continue;
            expect(record.envelope.ended).toBeDefined();
            expect(record.document).toBeUndefined();
          }
        }
        const anybody = cluster.knowsEnd.size > 0;
        await cluster.exchangeAll();
        for (const node of cluster.nodes) {
          const record = await node.replica.record(cluster.key);
          if (anybody && record !== undefined) expect(record.envelope.ended).toBeDefined();
        }
      }),
    );
  });

  test("[E3] [E6] touches never move back, and the passing of time never ends a session: only a request that is told does", async () => {
    await fc.assert(
      fc.asyncProperty(skews, stepsOf(quietKinds), async (skewsMs, steps) => {
        const cluster = new Cluster(skewsMs);
        const latest = cluster.nodes.map(() => 0);
        for (const step of steps) {
          await cluster.run(step);
          for (const [index, node] of cluster.nodes.entries()) {
            const envelope = (await node.replica.record(cluster.key))?.envelope;
            if (envelope === undefined) latest[index] = 0;
            else {
              expect(envelope.touchedAtMs).toBeGreaterThanOrEqual(latest[index] ?? 0);
              latest[index] = envelope.touchedAtMs;
              expect(envelope.ended).toBeUndefined();
            }
          }
        }
      }),
    );
  });

  test("[D1] [D4] [D12] requests, also slow ones, are seen whole or not at all, and after an exchange everybody holds the same", async () => {
    await fc.assert(
      fc.asyncProperty(skews, stepsOf(quietKinds), async (skewsMs, steps) => {
        const cluster = new Cluster(skewsMs);
        for (const step of steps) {
          await cluster.run(step);
          for (const node of cluster.nodes) {
            const session = node.engine.checkOutHot(cluster.key);
            if (session === undefined) continue;
            const { x, y } = attributesOf(session);
            expect(x).toBe(y);
          }
        }
        if (steps.some(({ kind }) => kind === "wait")) return;
        await cluster.exchangeAll();
        const records = await Promise.all(cluster.nodes.map((node) => node.record(cluster.key)));
        for (const record of records) expect(record.document).toEqual(records[0]?.document);
      }),
    );
  });
});
