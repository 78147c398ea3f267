import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/engine/compaction.ts";
import { toHex } from "../../src/engine/containers.ts";
import { fingerprintOf } from "../../src/engine/fingerprint.ts";
import { partOf } from "../../src/engine/key-table.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { readTable, readVector } from "../../src/engine/update-reader.ts";
import { deliver, exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { settle, sha256 } from "../support/manual-runtime.ts";

const NODE_COUNT = 3;
const IDLE_MS = 20_000;

type Step = {
  readonly kind: "write" | "fill" | "idle-timeout" | "subject" | "rotate" | "touch" | "end" | "crowd" | "quiet" | "deliver" | "exchange";
  readonly at: number;
  readonly from: number;
  readonly choice: number;
};

const node = fc.nat(NODE_COUNT - 1);
const steps = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom<Step["kind"][]>("write", "deliver") },
      { weight: 3, arbitrary: fc.constantFrom<Step["kind"][]>("fill", "quiet", "exchange", "crowd") },
      { weight: 1, arbitrary: fc.constantFrom<Step["kind"][]>("idle-timeout", "subject", "rotate", "touch") },
      { weight: 1, arbitrary: fc.constantFrom<Step["kind"][]>("end", "write", "write", "fill") },
    ),
    at: node,
    from: node,
    choice: fc.nat(30),
  }),
  { minLength: 8, maxLength: 40, size: "max" },
);

/** All that replicas must agree on, written out. */
function stateOf({ envelope, document }: SessionRecord, limits: TestNode["engine"]["host"]["limits"]): string {
  if (envelope.ended !== undefined || document === undefined) return `${envelope.key} ended`;
  const { touchedAtMs: _, ...rest } = envelope;
  const digest = toHex(digestOf(readTable(document.bytes, limits).table, sha256));
  return `${JSON.stringify(rest)} ${document.epoch.counter} ${document.epoch.hash} ${digest}`;
}

/** As a process sees it that finds the record in its store, and makes no document of it. */
function atRest({ envelope, document }: SessionRecord): number {
  const { key } = envelope;
  return fingerprintOf({ key, envelope, document: document && { epoch: document.epoch, vector: readVector(document.bytes) } });
}

function check(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}

/** Keeps what a listener to fingerprints can know, and finds out whether that is the truth. */
class Watcher {
  readonly node: TestNode;
  readonly #told = new Map<SessionKey, number>();

  constructor(index: number) {
    this.node = new TestNode(index + 1, { idleTimeoutMs: IDLE_MS, limits: { hotCount: 2 }, subjectSecret: "s" });
    this.node.replica.onFingerprint((key, before, after) => {
      check(before === (this.#told.get(key) ?? 0), "a change is told from another state than the last one");
      check(after !== before, "what is no change is told");
      this.#told.set(key, after);
    });
  }

  check(): void {
    const { replica } = this.node;
    const held = [...replica.heldKeys()];
    for (const key of held) {
      const fingerprint = replica.fingerprint(key);
      check(fingerprint > 0 && fingerprint < 2 ** 53, "a fingerprint is out of its range");
      check(this.#told.get(key) === fingerprint, "a change was not told");
    }
    for (const part of new Set(held.map((key) => partOf(key)))) {
      const keys = new Set(held.filter((key) => partOf(key) === part));
      const told = [...replica.heldKeysIn(part)];
      check(told.length === keys.size && told.every((key) => keys.has(key)), "the keys of a part are others");
    }
    for (const [key, fingerprint] of this.#told) check(fingerprint === 0 || held.includes(key), "what is not held has a fingerprint");
  }
}

class Cluster {
  readonly watchers = Array.from({ length: NODE_COUNT }, (_, index) => new Watcher(index));
  readonly key: SessionKey;
  readonly #states = new Map<number, string>();
  readonly #fingerprints = new Map<string, number>();
  #written = 0;

  constructor() {
    this.key = this.node(0).create({ x: 0 });
  }

  node(index: number): TestNode {
    return (this.watchers[index] as Watcher).node;
  }

  async run({ kind, at, from, choice }: Step): Promise<void> {
    const { engine, runtime, replica } = this.node(at);
    await replica.record(this.key);
    const session = engine.checkOutHot(this.key);
    switch (kind) {
      case "write":
        session?.set(`x${choice % 3}`, ++this.#written);
        break;
      case "fill":
        session?.set(`big${choice % 2}`, `${++this.#written}`.repeat(600));
        break;
      case "idle-timeout":
        session?.setIdleTimeout(IDLE_MS + choice);
        break;
      case "subject":
        session?.setSubject(choice % 4 === 0 ? undefined : `user ${choice % 4}`);
        break;
      case "rotate":
        if (session !== undefined) session.setSuccessor(engine.keyOf(`next ${choice % 2}`), 5_000);
        break;
      case "touch":
        for (const { node: each } of this.watchers) each.runtime.advance(10);
        session?.touch();
        break;
      case "end":
        if (choice % 3 === 0) await engine.end(this.key);
        break;
      case "crowd":
        for (let filler = 0; filler < 3; filler++) this.node(at).create({ filler });
        break;
      case "quiet":
        runtime.advance(200);
        break;
      case "deliver": {
        const messages = this.node(from).link.outbox.filter(({ key }) => key === this.key);
        const message = messages[choice % Math.max(1, messages.length)];
        if (message !== undefined && from !== at) await deliver(message, this.node(from), this.node(at));
        break;
      }
      case "exchange":
        if (from !== at) await exchange(this.node(from), this.node(at), this.key);
    }
    session?.commit();
    await settle();
  }

  /** The same name for the same state, at any time and on any node, and another for any other. */
  async check(): Promise<void> {
    for (const { node: each } of this.watchers) {
      const before = each.replica.fingerprint(this.key);
      const record = await each.replica.record(this.key);
      // Looking at it may have woken it.
      const fingerprint = each.replica.fingerprint(this.key);
      check(fingerprint === before, "looking at a session changed its fingerprint");
      check((fingerprint === 0) === (record === undefined), "what is held has a fingerprint, and nothing else");
      if (record === undefined) continue;
      const state = stateOf(record, each.engine.host.limits);
      check((this.#states.get(fingerprint) ?? state) === state, "two states have one fingerprint");
      check((this.#fingerprints.get(state) ?? fingerprint) === fingerprint, "one state has two fingerprints");
      check(atRest(record) === fingerprint, "what is read of a record at rest is another state than what lives");
      this.#states.set(fingerprint, state);
      this.#fingerprints.set(state, fingerprint);
    }
    for (const watcher of this.watchers) watcher.check();
  }

  async exchangeAll(): Promise<void> {
    for (let round = 0; round < NODE_COUNT; round++)
      for (const left of this.watchers)
        for (const right of this.watchers) if (left !== right) await exchange(left.node, right.node, this.key);
  }
}

describe("fingerprints", () => {
  test("[R14] always name a state, and each change of one is told in its tick", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const cluster = new Cluster();
        for (const step of history) {
          await cluster.run(step);
          await cluster.check();
        }
        await cluster.exchangeAll();
        await cluster.check();
        const names = new Set(cluster.watchers.map(({ node: each }) => each.replica.fingerprint(cluster.key)));
        expect(names.size).toBe(1);
        await Promise.all(cluster.watchers.map(({ node: each }) => each.engine.close()));
      }),
      fewerRuns(5),
    );
  });

  test("[R14] those of sessions that came in, and went to rest, before anybody listened are known", async () => {
    const [one, two] = [new TestNode(1), new TestNode(2, { limits: { hotCount: 1 } })];
    const keys = Array.from({ length: 5 }, (_, index) => one.create({ index }));
    for (const key of keys) await two.replica.receiveState(key, await one.record(key));
    await settle();
    expect(two.engine.stats().sessions.cold).toBeGreaterThan(2);
    two.replica.onFingerprint(() => undefined);
    for (const key of keys) expect(two.replica.fingerprint(key)).toBe(one.replica.fingerprint(key));
    await Promise.all([one.engine.close(), two.engine.close()]);
  });

  test("[R14] a touch is no other state, and what is forgotten has none", async () => {
    const watcher = new Watcher(0);
    const { node: alone } = watcher;
    const key = alone.create({ x: 1 });
    const before = alone.replica.fingerprint(key);
    alone.runtime.advance(5_000);
    alone.engine.checkOutHot(key)?.touch();
    expect(alone.replica.fingerprint(key)).toBe(before);
    watcher.check();
    for (let seconds = 0; seconds < 60; seconds++) {
      alone.runtime.advance(1_000);
      await settle();
    }
    expect(alone.replica.fingerprint(key)).toBe(0);
    watcher.check();
    await alone.engine.close();
  });
});
