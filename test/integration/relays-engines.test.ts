import { afterEach, describe, expect, it } from "vitest";
import type { SessionEngine, SessionEvent } from "../../src/engine/index.ts";
import { createEngine } from "../../src/runtime/index.ts";
import { relays } from "../../src/sync/index.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";
import { freeAddresses, TestRelay, type TestRelayOptions } from "../support/test-relay.ts";

const engines: SessionEngine[] = [];
const started = new Set<TestRelay>();
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await Promise.all([...started].map((relay) => relay.close()));
  started.clear();
});

async function startRelay(options: TestRelayOptions): Promise<TestRelay> {
  const relay = await TestRelay.start(options);
  started.add(relay);
  return relay;
}

/** Relays that know of each other, and are past their join barriers. */
async function startRelays(count: number): Promise<{ addresses: string[]; all: TestRelay[] }> {
  const addresses = await freeAddresses(count);
  const all = await Promise.all(addresses.map((address) => startRelay({ address, peers: addresses })));
  await eventually(() => {
    for (const { core } of all) expect(core.status).toMatchObject({ isComplete: true, memberCount: count });
  });
  return { addresses, all };
}

async function startNode(addresses: readonly string[], onEvent: (event: SessionEvent) => void = () => undefined): Promise<SessionEngine> {
  const engine = createEngine({ onEvent, sync: relays(addresses, { alone: "serve", secret: TEST_SECRET, missTimeoutMs: 1_000 }) });
  engines.push(engine);
  await engine.ready;
  return engine;
}

/** A new session on this node; its id. */
function create(engine: SessionEngine, attributes: Readonly<Record<string, unknown>>): string {
  const session = engine.draft();
  const id = engine.issueId();
  session.identify(id);
  for (const [name, value] of Object.entries(attributes)) session.set(name, value);
  session.commit();
  return id;
}

async function opened(engine: SessionEngine, id: string): Promise<ReturnType<SessionEngine["draft"]>> {
  const result = await engine.checkOut(engine.keyOf(id));
  if (result.kind !== "alive") throw new Error(`the session is ${result.kind} here`);
  return result.session;
}

async function write(engine: SessionEngine, id: string, name: string, value: unknown): Promise<void> {
  const session = await opened(engine, id);
  session.set(name, value);
  session.commit();
}

async function read(engine: SessionEngine, id: string): Promise<Record<string, unknown>> {
  const session = await opened(engine, id);
  return Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
}

describe("several relays", () => {
  it("[SY20] show a node on one of them what a node on another one wrote, and ended", async () => {
    const { addresses } = await startRelays(2);
    const [a = "", b = ""] = addresses;
    const [left, right] = [await startNode([a]), await startNode([b])];
    const id = create(left, { from: "left" });
    await eventually(async () => expect(await read(right, id)).toEqual({ from: "left" }));
    await write(right, id, "to", "left");
    await write(left, id, "more", 1);
    for (const node of [left, right]) {
      await eventually(async () => expect(await read(node, id)).toEqual({ from: "left", to: "left", more: 1 }));
    }
    await right.end(right.keyOf(id));
    await eventually(async () => expect(await left.checkOut(left.keyOf(id))).toMatchObject({ kind: "ended" }));
  });

  it("[SY20] are one for three nodes on both, whoever writes", async () => {
    const { addresses } = await startRelays(2);
    const nodes = [await startNode(addresses), await startNode(addresses), await startNode(addresses)];
    const id = create(nodes[0]!, { first: 0 });
    for (const [index, node] of nodes.entries()) await write(node, id, `by ${index}`, index);
    for (const node of nodes) {
      await eventually(async () => expect(await read(node, id)).toEqual({ first: 0, "by 0": 0, "by 1": 1, "by 2": 2 }));
    }
  });

  it("[SY20] of three, each tells the others what is news, and nobody tells it again", async () => {
    const { addresses, all } = await startRelays(3);
    const [writer, reader] = [await startNode([addresses[0]!]), await startNode([addresses[2]!])];
    const id = create(writer, { n: 0 });
    await eventually(async () => expect(await read(reader, id)).toEqual({ n: 0 }));
    for (let n = 1; n <= 20; n += 1) await write(writer, id, "n", n);
    await writer.end(writer.keyOf(id));
    await eventually(async () => expect(await reader.checkOut(reader.keyOf(id))).toMatchObject({ kind: "ended" }));
    for (const { log } of all) expect(log.filter((line) => line.includes("closed"))).toEqual([]);
  });

  it("[SY21] bring a relay that was killed under writes and came back empty up to what the others have", async () => {
    const { addresses, all } = await startRelays(2);
    const [a = "", b = ""] = addresses;
    const both = await startNode(addresses);
    const ids = Array.from({ length: 50 }, (_, n) => create(both, { n }));
    await all[0]!.kill();
    for (const [index, id] of ids.entries()) await write(both, id, "after", index);
    const ended = create(both, { over: true });
    await both.end(both.keyOf(ended));
    await startRelay({ address: a, peers: addresses });
    const late = await startNode([a]);
    for (const [n, id] of ids.entries()) await eventually(async () => expect(await read(late, id)).toEqual({ n, after: n }));
    await eventually(async () => expect(await late.checkOut(late.keyOf(ended))).toMatchObject({ kind: "ended" }));
    // And nothing was lost on the one that stayed.
    const other = await startNode([b]);
    for (const [n, id] of ids.entries()) expect(await read(other, id)).toEqual({ n, after: n });
  });

  it("[SY22] [SY6] hear of a logout while one of them was away as soon as it is back", async () => {
    const { addresses, all } = await startRelays(2);
    const [a = ""] = addresses;
    const [node, onlyA] = [await startNode(addresses), await startNode([a])];
    const id = create(node, { user: 1 });
    await eventually(async () => expect(await read(onlyA, id)).toEqual({ user: 1 }));
    await all[0]!.kill();
    await node.end(node.keyOf(id));
    await startRelay({ address: a, peers: addresses });
    await eventually(async () => expect(await onlyA.checkOut(onlyA.keyOf(id))).toMatchObject({ kind: "ended" }));
  });

  it("[SY29] [C3] grant a ticket once on whatever node, and say so when they cannot", async () => {
    const three = await startRelays(3);
    const [one, other] = [await startNode(three.addresses), await startNode(three.addresses)];
    const id = create(one, { cart: 1 });
    await eventually(async () => expect(await read(other, id)).toEqual({ cart: 1 }));
    const key = one.keyOf(id);
    await three.all[2]!.kill();
    // Born within the error of the clocks after the relays began: of such a session they might have forgotten a claim.
    const born = await eventually(async () => {
      const later = create(one, { cart: 2 });
      expect(await one.claim(one.keyOf(later), "first ticket")).toBe(true);
      return one.keyOf(later);
    });
    const answers = await Promise.all([one, other, one, other].map((node) => node.claim(born, "order")));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await other.once(born, "mail", () => "sent")).toBe("sent");
    await three.all[1]!.kill();
    await expect(other.claim(born, "another")).rejects.toMatchObject({ code: "CLAIM_UNAVAILABLE" });
    expect(key).not.toBe(born);
  });

  it("[SY30] end the sessions of a subject on all nodes, whichever they are on, those included that come to light later", async () => {
    const { addresses, all } = await startRelays(2);
    const [a = "", b = ""] = addresses;
    const [left, right] = [await startNode([a]), await startNode([b])];
    const session = right.draft();
    const id = right.issueId();
    session.identify(id);
    session.setSubject("user 7");
    session.set("n", 1);
    session.commit();
    expect(await read(right, id)).toEqual({ n: 1 });
    await all[0]!.kill();
    await startRelay({ address: a, peers: addresses });
    await left.revokeAll("user 7");
    await eventually(async () => expect(await right.checkOut(right.keyOf(id))).toMatchObject({ kind: "ended", reason: "revoked" }));
    await eventually(async () => expect(await left.checkOut(left.keyOf(id))).toMatchObject({ kind: "ended", reason: "revoked" }));
  });

  it("[SY27] tell nodes that they stop, and nodes tell the application who is there", async () => {
    const { addresses, all } = await startRelays(2);
    const [a = "", b = ""] = addresses;
    const seen: SessionEvent[] = [];
    const member = ({ type }: SessionEvent): boolean => type.startsWith("member-");
    const node = await startNode(addresses, (event) => void (member(event) && seen.push(event)));
    await eventually(() =>
      expect(seen.map((event) => event.type === "member-joined" && event.member)).toEqual(expect.arrayContaining([a, b])),
    );
    seen.length = 0;
    await all[0]!.close();
    await eventually(() => expect(seen).toEqual([{ type: "member-left", member: a, isDrained: true }]));
    await all[1]!.kill();
    await eventually(() => expect(seen[1]).toEqual({ type: "member-left", member: b, isDrained: false }));
    await node.close();
  });
});
