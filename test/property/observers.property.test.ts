import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { SessionEvent } from "../../src/engine/events.ts";
import type { SessionKey } from "../../src/engine/record.ts";
import type { SessionChange, SessionData, SessionEngine, SessionHandle } from "../../src/engine/session-engine.ts";
import { deliver, exchange, TestNode } from "../support/engine-network.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { settle } from "../support/manual-runtime.ts";

const IDLE_MS = 30 * 60 * 1000;

async function opened(node: TestNode, key: SessionKey): Promise<SessionHandle> {
  const handle = await node.engine.open(key);
  if (handle === undefined) throw new Error("the session is not there");
  return handle;
}

/** Nobody listens to its events yet. */
function quietNode(): TestNode {
  const options: EngineOptions = {};
  Object.defineProperty(options, "onEvent", { value: undefined, enumerable: true });
  return new TestNode(1, options);
}

/** Names in which two snapshots differ. */
function differing(before: SessionData, after: SessionData): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

/** Stops a listener that is called without end, which would starve the test and its timeout. */
function bounded<T>(listener: (told: T) => void): (told: T) => void {
  let calls = 0;
  return (told) => {
    // What a listener throws is swallowed: so it has to stop by itself.
    if (++calls <= 1_000) listener(told);
  };
}

interface Write {
  readonly kind: "here" | "there" | "meet" | "deliver" | "compact" | "crowd" | "batch";
  readonly name: number;
  readonly value: number;
}

const names = ["a", "b", "c"];
const values: readonly unknown[] = [
  undefined,
  0,
  1,
  "x",
  null,
  { n: 1 },
  { n: 2, m: [1] },
  [],
  [1, 2],
  [2, 1],
  new Date(0),
  new Set([1]),
  5n,
];
const write: fc.Arbitrary<Write> = fc.record({
  kind: fc.constantFrom("here", "here", "there", "there", "meet", "deliver", "compact", "crowd", "batch"),
  name: fc.nat(names.length - 1),
  value: fc.nat(values.length - 1),
});

/** Rewrites the document, as the compactor does when there is enough to gain. */
async function compact(node: TestNode, key: SessionKey): Promise<void> {
  const { registry } = node.engine;
  const live = await registry.use(key, (session) => session);
  if (live?.document?.compact({ factor: 0, bytes: 0 }) !== true) return;
  void registry.changed(live);
  node.link.sendState(key, live.record());
}

async function put(node: TestNode, key: SessionKey, { name, value, kind }: Write): Promise<void> {
  const session = await node.open(key);
  const put1 = (attribute: string | undefined, content: unknown): void => {
    if (attribute === undefined) return;
    if (content === undefined) session.delete(attribute);
    else session.set(attribute, structuredClone(content));
  };
  put1(names[name], values[value]);
  if (kind === "batch") put1(names[(name + 1) % names.length], values[(value + 1) % values.length]);
  session.commit();
}

describe("observers", () => {
  test("[H2] [H4] [N1] the names that they hear always are those in which the session differs from what they knew, whoever wrote, joined or compacted it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 25 }), async (writes) => {
        const node = new TestNode(1, { limits: { hotCount: 2 } });
        const other = new TestNode(2);
        const key = node.create({ a: 0 });
        const handle = await opened(node, key);
        const wrong: string[] = [];
        let known = handle.data();
        const attributes = new Map<string, string>();
        for (const name of Object.keys(known)) attributes.set(name, "there");
        handle.observe((change) => {
          if (change.type === "ended") throw new Error("it did not end");
          const now = handle.data();
          const told = differing(known, now);
          if (JSON.stringify(told) !== JSON.stringify(change.names)) wrong.push(`told ${change.names.join()} of ${told.join()}`);
          known = now;
        });
        const engine: SessionEngine = node.engine;
        engine.on("attribute", (event) => {
          if (event.key !== key) return;
          const isThere = attributes.has(event.name);
          if ((event.change === "added") === isThere) wrong.push(`${event.change} ${event.name}`);
          if (event.change === "removed") attributes.delete(event.name);
          else attributes.set(event.name, "there");
        });
        await exchange(node, other, key);
        for (const each of writes) {
          if (each.kind === "here" || each.kind === "batch") await put(node, key, each);
          else if (each.kind === "there") await put(other, key, each);
          else if (each.kind === "meet") await exchange(node, other, key);
          else if (each.kind === "compact") await compact(each.value % 2 === 0 ? node : other, key);
          else if (each.kind === "crowd") for (let filler = 0; filler < 3; filler++) node.create({ filler });
          else {
            const messages = other.link.outbox.filter((message) => message.key === key);
            const message = messages[each.value % Math.max(1, messages.length)];
            if (message !== undefined) await deliver(message, other, node);
          }
          await settle();
          if (wrong.length > 0) throw new Error(wrong.join("; "));
          // Nothing that was missed, neither.
          expect(differing(known, handle.data())).toEqual([]);
          expect([...attributes.keys()].sort()).toEqual(Object.keys(handle.data()));
        }
      }),
      fewerRuns(3),
    );
  });

  test("[N1] who begins to listen later hears of the next commit to a session that is in memory already", async () => {
    const node = quietNode();
    const key = node.create({ a: 1 });
    const heard: SessionEvent[] = [];
    node.engine.on("attribute", (event) => heard.push(event));
    await node.write(key, { a: 2 });
    expect(heard).toMatchObject([{ name: "a", change: "replaced" }]);
  });

  test("[N1] who listens again hears only of what changed since", async () => {
    const node = quietNode();
    const stop = node.engine.on("attribute", () => undefined);
    const key = node.create({ a: 1, b: 1 });
    stop();
    await node.write(key, { a: 2 });
    const heard: SessionEvent[] = [];
    node.engine.on("attribute", (event) => heard.push(event));
    await node.write(key, { b: 2 });
    expect(heard).toMatchObject([{ name: "b", change: "replaced" }]);
  });

  test("[H3] an observer of a session that is over already hears that it is", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    await handle.end();
    const heard: SessionChange[] = [];
    handle.observe((change) => heard.push(change));
    await settle();
    expect(heard).toEqual([{ type: "ended", reason: "destroyed" }]);
  });

  test("[H3] who heard that a session is over is right: it does not go on", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    const heard: SessionChange[] = [];
    handle.observe((change) => heard.push(change));
    // Nobody asks for it; it is evicted.
    node.runtime.advance(2 * IDLE_MS);
    await settle();
    const isTold = heard.some(({ type }) => type === "ended");
    handle.touch();
    const result = await node.engine.checkOut(key);
    expect(isTold && result.kind === "alive").toBe(false);
  });

  test("[H4] a handle of a session that was evicted as idle, and that came back from where it was in use, tells what it holds now", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const key = node.create({ a: 1 });
    const handle = await opened(node, key);
    await exchange(node, other, key);
    for (let step = 0; step < 4; step++) {
      for (const { runtime } of [node, other]) runtime.advance(IDLE_MS / 2);
      (await other.open(key)).touch();
    }
    await other.write(key, { a: 2 });
    await exchange(node, other, key);
    expect(await node.read(key)).toEqual({ a: 2 });
    expect([handle.verdict(), handle.data()]).toEqual(["alive", { a: 2 }]);
  });
});

describe("observers that do something", () => {
  test("[H2] who stops and observes again inside the call is called once a commit", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const handle = await opened(node, key);
    let calls = 0;
    let stop = (): void => undefined;
    handle.observe(() => undefined);
    const listener = bounded(() => {
      calls++;
      stop();
      stop = handle.observe(listener);
    });
    stop = handle.observe(listener);
    await node.write(key, { a: 1 });
    expect(calls).toBe(1);
    await node.write(key, { a: 2 });
    expect(calls).toBe(2);
  });

  test("[H2] who begins to observe inside a call hears of later commits only", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const handle = await opened(node, key);
    const heard: SessionChange[] = [];
    handle.observe(bounded(() => void handle.observe((change) => heard.push(change))));
    await node.write(key, { a: 1 });
    expect(heard).toEqual([]);
  });

  test("[N2] a listener to events that listens again inside the call is called once an event", () => {
    const node = new TestNode(1);
    let calls = 0;
    let stop = (): void => undefined;
    node.engine.on("created", () => undefined);
    const listener = bounded(() => {
      calls++;
      stop();
      stop = node.engine.on("created", listener);
    });
    stop = node.engine.on("created", listener);
    node.create({ a: 0 });
    expect(calls).toBe(1);
  });

  test("[H2] who stops another inside the call: that one is not called any more", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const handle = await opened(node, key);
    const heard: string[] = [];
    let stopSecond = (): void => undefined;
    handle.observe(() => (heard.push("first"), stopSecond()));
    stopSecond = handle.observe(() => heard.push("second"));
    await node.write(key, { a: 1 });
    expect(heard).toEqual(["first"]);
  });

  test("[H3] nobody hears anything after the end, also when another observer ends the session inside its call", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const handle = await opened(node, key);
    const heard: string[][] = [[], [], []];
    handle.observe(({ type }) => heard[0]?.push(type));
    handle.observe(({ type }) => {
      heard[1]?.push(type);
      if (type === "changed") void handle.end();
    });
    handle.observe(({ type }) => heard[2]?.push(type));
    await node.write(key, { a: 1 });
    for (const each of heard) {
      expect(each.filter((type) => type === "ended")).toEqual(["ended"]);
      expect(each.at(-1)).toBe("ended");
    }
  });

  test("[H3] [N1] nobody hears anything after the end, also when a listener to attributes ends the session inside its call", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0, b: 0 });
    const handle = await opened(node, key);
    const heard: string[] = [];
    handle.observe(({ type }) => heard.push(type));
    const stop = node.engine.on("attribute", () => {
      stop();
      void handle.end();
    });
    node.events.length = 0;
    await node.write(key, { a: 1, b: 1 });
    expect(heard).toEqual(["ended"]);
    const types = node.events.map(({ type }) => type).filter((type) => type === "attribute" || type === "ended");
    expect(types.at(-1)).toBe("ended");
  });

  test("[H2] what an observer writes inside its call is told to everybody after what it was told itself, each once", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const handle = await opened(node, key);
    const request = await node.open(key);
    const heard: string[][] = [[], [], []];
    const note = (index: number, change: SessionChange): void => {
      if (change.type === "changed") heard[index]?.push(change.names.join());
    };
    handle.observe((change) => note(0, change));
    handle.observe((change) => {
      note(1, change);
      if (change.type !== "changed" || !change.names.includes("a")) return;
      request.set("b", 1);
      request.commit();
    });
    handle.observe((change) => note(2, change));
    await node.write(key, { a: 1 });
    expect(heard).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("[N1] what a listener to attributes writes inside its call is told once, and so is what it was told itself", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const request = await node.open(key);
    const handle = await opened(node, key);
    const observed: string[] = [];
    handle.observe((change) => observed.push(change.type === "changed" ? change.names.join() : change.type));
    node.events.length = 0;
    const stop = node.engine.on("attribute", () => {
      stop();
      request.set("b", 1);
      request.commit();
    });
    await node.write(key, { a: 1 });
    await node.write(key, { c: 1 });
    expect(node.told("attribute").map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(observed.join().split(",").sort()).toEqual(["a", "b", "c"]);
  });

  test("[H2] a session that comes in from elsewhere while another is written here is told as remote", async () => {
    const [node, other] = [new TestNode(1), new TestNode(2)];
    const [here, there] = [node.create({ a: 0 }), node.create({ b: 0 })];
    await exchange(node, other, there);
    await other.write(there, { b: 1 });
    const record = await other.record(there);
    const origins: string[] = [];
    (await opened(node, there)).observe((change) => change.type === "changed" && origins.push(change.origin));
    (await opened(node, here)).observe(() => void node.replica.receiveState(there, record));
    await node.write(here, { a: 1 });
    await settle();
    expect(origins).toEqual(["remote"]);
  });

  test("[N2] a listener or observer that is asynchronous and fails harms nobody: no rejection is left unhandled", async () => {
    const node = new TestNode(1);
    const key = node.create({ a: 0 });
    const unhandled: unknown[] = [];
    // The test runner's own listeners would end the run.
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", (reason) => unhandled.push(reason));
    try {
      const failing = async (): Promise<void> => {
        await Promise.resolve();
        throw new Error("on purpose");
      };
      // oxlint-disable-next-line typescript/no-misused-promises -- what applications do
      node.engine.on("attribute", failing);
      // oxlint-disable-next-line typescript/no-misused-promises -- what applications do
      (await opened(node, key)).observe(failing);
      await node.write(key, { a: 1 });
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      process.removeAllListeners("unhandledRejection");
      for (const other of others) process.on("unhandledRejection", other);
    }
    expect(unhandled).toEqual([]);
  });
});
