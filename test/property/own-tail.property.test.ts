import fc from "fast-check";
import { expect, test } from "vitest";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { decodeUpdate } from "../../src/engine/decoded-update.ts";
import { exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { collectGarbage } from "../support/garbage.ts";
import { settle } from "../support/manual-runtime.ts";
import { TroubledStore } from "../support/troubled-store.ts";

const IDLE_MS = 10_000;
const OPTIONS = { idleTimeoutMs: IDLE_MS, absoluteTimeoutMs: 24 * 60 * 60 * 1_000 };

type Step = {
  readonly kind: "write" | "write-elsewhere" | "deliver" | "exchange" | "rest" | "forget" | "keep" | "old-disk" | "restart" | "old-state";
  readonly choice: number;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Step["kind"]>("write") },
      { weight: 6, arbitrary: fc.constantFrom<Step["kind"][]>("deliver", "rest", "forget", "keep", "old-disk", "old-state") },
      { weight: 2, arbitrary: fc.constantFrom<Step["kind"][]>("write-elsewhere", "exchange", "restart") },
    ),
    choice: fc.nat(20),
  }),
  { minLength: 4, maxLength: 24, size: "max" },
);

/** A process that loses what it wrote, in every way that there is, and a peer that has some of it. */
class LosingProcess {
  readonly key: SessionKey;
  readonly peer: TestNode;
  node: TestNode;
  readonly #store = new TroubledStore(false);
  #seed = 10;
  readonly #kept: SessionRecord[] = [];
  #written = 0;
  /** Of each writer id the stamp that was used last, by anybody. */
  readonly #latest = new Map<number, number>();
  /** What Yjs knows a row by, and the commit that wrote it. */
  readonly #named = new Map<string, number>();
  #looked = 0;

  constructor() {
    this.peer = new TestNode(1, OPTIONS);
    this.key = this.peer.create({ x: 0 });
    this.node = this.#start();
  }

  async run({ kind, choice }: Step): Promise<void> {
    switch (kind) {
      case "write":
        return this.#write();
      case "write-elsewhere":
        return this.peer.write(this.key, { elsewhere: ++this.#written });
      case "deliver": {
        const changes = this.node.link.outbox.filter((message) => message.kind === "change" && message.key === this.key);
        const message = changes[choice % Math.max(1, changes.length)];
        if (message?.kind === "change") await this.peer.replica.receiveChange(this.key, message.change);
        return;
      }
      case "exchange":
        return exchange(this.node, this.peer, this.key);
      case "rest":
        return this.#rest();
      case "forget":
        for (let second = 0; second < 2 + (3 * IDLE_MS) / 1_000; second++) {
          this.node.runtime.advance(1_000);
          this.peer.runtime.advance(1_000);
          // In use there, of which nothing is told here.
          this.peer.engine.checkOutHot(this.key)?.touch();
          await settle();
        }
        return;
      case "keep": {
        const from = choice % 2 === 0 ? this.node : this.peer;
        const record = await from.replica.record(this.key);
        if (record !== undefined) this.#kept.push(record);
        return;
      }
      case "old-disk": {
        const old = this.#old(choice);
        if (old === undefined) return;
        this.#store.load = async (key) => (key === this.key ? this.#inUse(old) : undefined);
        return this.#rest();
      }
      case "restart":
        // As by kill -9: nothing is stored on the way down.
        this.#look();
        this.node = this.#start();
        return;
      case "old-state": {
        const old = this.#old(choice);
        if (old !== undefined) await this.node.replica.receiveState(this.key, this.#inUse(old));
      }
    }
  }

  async #rest(): Promise<void> {
    this.node.create({ filler: true });
    await settle();
    // Who still had the live object would have got that back.
    await collectGarbage();
  }

  #old(choice: number): SessionRecord | undefined {
    return this.#kept[choice % Math.max(1, this.#kept.length)];
  }

  /** Old in what it holds: an idle one would be over, and nothing written to it. */
  #inUse({ envelope, document }: SessionRecord): SessionRecord {
    return { envelope: { ...envelope, touchedAtMs: this.node.runtime.nowMs() }, document };
  }

  /** Each commit must follow the last one of its writer id: had an id been used again after a loss, it would follow an older one. */
  #look(): void {
    const { outbox } = this.node.link;
    for (; this.#looked < outbox.length; this.#looked++) {
      const message = outbox[this.#looked];
      if (message?.kind !== "change" || message.key !== this.key) continue;
      const { epoch, writer, previousStamp, stamp, update } = message.change;
      if (previousStamp !== (this.#latest.get(writer) ?? 0)) throw new Error("a commit follows one that was not its writer's last");
      if (stamp <= previousStamp) throw new Error("a writer's stamps go back");
      this.#latest.set(writer, stamp);
      for (const { client, clock } of [...decodeUpdate(update).structs.values()].flat()) {
        const name = `${epoch.counter} ${epoch.hash} ${client} ${clock}`;
        if ((this.#named.get(name) ?? stamp) !== stamp) throw new Error("Yjs knows two rows by one name");
        this.#named.set(name, stamp);
      }
    }
  }

  async #write(): Promise<void> {
    // Stamps of one millisecond say nothing of which came first, to who has lost what he had seen.
    for (const { runtime } of [this.node, this.peer]) runtime.advance(1);
    const record = await this.peer.record(this.key);
    this.node.link.answer = async () => ({ kind: "found", record, isComplete: true });
    const found = await this.node.engine.checkOut(this.key);
    if (found.kind !== "alive") throw new Error(`the session is ${found.kind}`);
    found.session.set("x", ++this.#written);
    if (found.session.commit() !== "committed") throw new Error("a write went nowhere");
    await settle();
    this.#look();
  }

  #start(): TestNode {
    const node = new TestNode(this.#seed++, { ...OPTIONS, store: this.#store, limits: { hotCount: 1 } });
    node.runtime.stepTo(this.peer.runtime.nowMs());
    this.#looked = 0;
    return node;
  }

  /** Both sides have the same in the end, and the last write is in it. */
  async converge(): Promise<{ readonly documents: unknown[]; readonly x: unknown; readonly written: number }> {
    this.peer.engine.checkOutHot(this.key)?.touch();
    await this.#write();
    await exchange(this.node, this.peer, this.key);
    const documents = [(await this.node.record(this.key)).document, (await this.peer.record(this.key)).document];
    return { documents, x: (await this.peer.open(this.key)).get("x"), written: this.#written };
  }
}

test("[D10] a writer id is never used again after a loss: by a process that forgot, lost its disk's newest copy, or died", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const process = new LosingProcess();
      for (const step of history) await process.run(step);
      const { documents, x, written } = await process.converge();
      expect(documents[0]).toEqual(documents[1]);
      expect(x).toBe(written);
    }),
    fewerRuns(30),
  );
});
