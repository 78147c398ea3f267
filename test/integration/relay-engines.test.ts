import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { counter, type SessionEngine } from "../../src/engine/index.ts";
import { startRelay } from "../../src/relay/relay.ts";
import { createEngine } from "../../src/runtime/index.ts";
import { type Relay, relays } from "../../src/sync/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawRelay } from "../support/raw-peer.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";

let relay: Relay;
const engines: SessionEngine[] = [];

beforeEach(async () => void (relay = await startRelay({ secret: TEST_SECRET })));
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await relay.close();
});

async function startNode(): Promise<SessionEngine> {
  const engine = createEngine({
    attributes: { visits: counter() },
    sync: relays([relay.address], { alone: "serve", secret: TEST_SECRET }),
  });
  engines.push(engine);
  await engine.ready;
  return engine;
}

/** A new session on this node; its key. */
function create(engine: SessionEngine, attributes: Readonly<Record<string, unknown>>): string {
  const session = engine.draft();
  session.identify(engine.issueId());
  for (const [name, value] of Object.entries(attributes)) session.set(name, value);
  session.commit();
  return session.key ?? "";
}

/** One request: everything that is alive is loaded, changed and committed in one go. */
async function request(engine: SessionEngine, key: string, change: (session: Awaited<ReturnType<typeof opened>>) => void): Promise<void> {
  const session = await opened(engine, key);
  change(session);
  session.commit();
}

/** Where it was made on another node a moment ago, its state may still be on the way. */
async function opened(engine: SessionEngine, key: string): Promise<ReturnType<SessionEngine["draft"]>> {
  let session: ReturnType<SessionEngine["draft"]> | undefined;
  await eventually(async () => {
    const result = await engine.checkOut(key);
    if (result.kind !== "alive") throw new Error(`the session is ${result.kind} here`);
    ({ session } = result);
  });
  if (session === undefined) throw new Error("the session was not opened");
  return session;
}

async function values(engine: SessionEngine, key: string): Promise<Record<string, unknown>> {
  const session = await opened(engine, key);
  return Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
}

describe("two engines on one relay", () => {
  it("[SY8] end with the same session after parallel requests on both", async () => {
    const nodes = [await startNode(), await startNode()] as const;
    const key = create(nodes[0], { cart: [], visits: 0 });
    await opened(nodes[1], key);
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        request(nodes[index % 2 === 0 ? 0 : 1], key, (session) => {
          session.set(`key${index}`, index);
          session.set("visits", Number(session.get("visits")) + 1);
          (session.get("cart") as number[]).push(index);
        }),
      ),
    );
    for (const engine of nodes) {
      await eventually(async () => {
        const { cart, visits, ...keys } = await values(engine, key);
        expect(visits).toBe(40);
        expect((cart as number[]).toSorted((left, right) => left - right)).toEqual(Array.from({ length: 40 }, (_, index) => index));
        expect(Object.keys(keys)).toHaveLength(40);
      });
    }
    expect(await values(nodes[0], key)).toEqual(await values(nodes[1], key));
    expect(relay.counters).toMatchObject({ malformedFrames: 0, refusedStates: 0, replicaFailures: 0 });
  });

  it("[SY8] end with the same session after enough requests that both compact it on the way", async () => {
    const nodes = [await startNode(), await startNode(), await startNode()] as const;
    const key = create(nodes[0], { n: 0 });
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(
        nodes.map((engine, index) =>
          request(engine, key, (session) => {
            session.set(`node${index}`, { round, text: "x".repeat(200) });
            session.set("n", round);
          }),
        ),
      );
      // A turn of the event loop, as between real requests: what the others wrote comes in.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const last = { round: 59, text: "x".repeat(200) };
    for (const engine of nodes) {
      await eventually(async () => expect(await values(engine, key)).toEqual({ n: 59, node0: last, node1: last, node2: last }));
    }
    const newcomer = await startNode();
    expect(await values(newcomer, key)).toEqual({ n: 59, node0: last, node1: last, node2: last });
    expect(relay.counters).toMatchObject({ malformedFrames: 0, refusedStates: 0, replicaFailures: 0 });
  });

  it("keep an end from both, whoever writes late", async () => {
    const [left, right] = [await startNode(), await startNode()];
    const key = create(left, { n: 1 });
    const late = await opened(right, key);
    expect(await left.end(key, "destroyed")).toEqual({ acks: 1, wanted: 1, durable: false });
    late.set("n", 2);
    late.commit();
    for (const engine of [left, right])
      await eventually(async () => expect(await engine.checkOut(key)).toMatchObject({ kind: "ended", reason: "destroyed" }));
    expect(await (await startNode()).checkOut(key)).toMatchObject({ kind: "ended" });
  });

  it("say absent for a session that never was, and unavailable when the relay is away", async () => {
    const engine = await startNode();
    expect(await engine.checkOut(engine.keyOf(engine.issueId()))).toEqual({ kind: "absent" });
    await relay.close();
    await eventually(() => expect(engine.checkOut(engine.keyOf(engine.issueId()))).rejects.toMatchObject({ code: "SESSION_UNAVAILABLE" }));
  });

  it("go on alone while the relay is away, and meet again", async () => {
    const [left, right] = [await startNode(), await startNode()];
    const key = create(left, { tags: ["a"] });
    await opened(right, key);
    const { port } = relay;
    await relay.close();
    await request(left, key, (session) => void (session.get("tags") as string[]).push("left"));
    await request(right, key, (session) => void (session.get("tags") as string[]).push("right"));
    relay = await startRelay({ secret: TEST_SECRET, port });
    for (const engine of [left, right]) {
      await eventually(async () => expect(((await values(engine, key))["tags"] as string[]).toSorted()).toEqual(["a", "left", "right"]));
    }
  });

  it("[SY5] [RP2] exchange far more than a queue may hold, without giving the connection up", async () => {
    const node = await startNode();
    const { port } = relay;
    await relay.close();
    // 300 sessions of 120 KB: 36 MB for a queue of 16 MiB.
    const [left, right] = ["l".repeat(60_000), "r".repeat(60_000)];
    const keys = Array.from({ length: 300 }, (_, index) => create(node, { index, left, right }));
    relay = await startRelay({ secret: TEST_SECRET, port });
    const newcomer = await startNode();
    for (const [index, key] of keys.entries()) {
      await eventually(async () => expect(await values(newcomer, key)).toEqual({ index, left, right }));
    }
    // One connection each, and nobody had to come back.
    expect(relay.connectionCount()).toBe(2);
    expect(relay.counters).toMatchObject({ queueOverflows: 0, refusedGreetings: 0 });
  });

  it("[SY7] never let an id leave the process: a relay sees keys only", async () => {
    const raw = await RawRelay.listen(TEST_SECRET);
    const engine = createEngine({ sync: relays([raw.address], { alone: "serve", secret: TEST_SECRET, ackTimeoutMs: 50 }) });
    engines.push(engine);
    await engine.ready;
    const id = engine.issueId();
    const session = engine.draft();
    session.identify(id);
    session.set("basket", 1);
    session.commit();
    await engine.checkOut(engine.keyOf(id));
    await engine.end(engine.keyOf(id), "destroyed");
    await eventually(() => expect(raw.peers[0]?.kinds().slice(0, 4)).toEqual(["hello", "ping", "state", "end"]));
    const all = Buffer.concat(raw.peers[0]?.received ?? []);
    raw.close();
    expect(all.includes("basket")).toBe(true);
    expect(all.includes(id)).toBe(false);
    expect(all.includes(Buffer.from(id, "base64url").subarray(0, 32))).toBe(false);
  });
});
