import type { Change, SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { SessionDocument } from "../../src/engine/document.ts";
import { decodeFrame, type Frame } from "../../src/sync/messages/index.ts";
import { Dice } from "../simulation/dice.ts";
import { exchange, type TestNode } from "../support/engine-network.ts";
import { settle } from "../support/manual-runtime.ts";
import { CorpusNet } from "./corpus-net.ts";
import { encodeFrame } from "./frame-encoders.ts";
import { fuzzedNode } from "./fuzzed-engine.ts";

/** A session as one replica holds it, and what others, who went on from it, then sent. */
export interface History {
  readonly victim: SessionRecord;
  /** The first applies as it is; the later ones after it. */
  readonly changes: readonly Change[];
  readonly states: readonly SessionRecord[];
}

/** Valid inputs of everything, made by the shipped code: the same each time. */
export interface Corpus {
  /** The instant at which all of it is read. */
  readonly nowMs: number;
  readonly histories: readonly History[];
  /** Of every kind that nodes and relays sent each other. */
  readonly frames: ReadonlyMap<Frame["kind"], readonly Uint8Array[]>;
}

const START_MS = 1_700_000_000_000;
const HISTORY_COUNT = 10;
/** Of one kind; more of it says nothing new. */
const FRAMES_MAX = 40;

export async function buildCorpus(): Promise<Corpus> {
  const histories: History[] = [];
  for (let index = 0; index < HISTORY_COUNT; index++) histories.push(await historyOf(index));
  return { nowMs: START_MS + 60_000, histories, frames: await exchangedFrames() };
}

/** Writes as applications do, of every merge type. */
function edit(dice: Dice, data: Record<string, unknown>): void {
  switch (dice.whole(0, 9)) {
    case 0:
      data["hits"] = ((data["hits"] as number | undefined) ?? 0) + dice.whole(1, 9);
      break;
    case 1:
      data["tags"] = new Set([...((data["tags"] as Set<unknown> | undefined) ?? []), dice.pick(["a", "b", 7, "a long tag ".repeat(8)])]);
      break;
    case 2:
      data["cart"] = { ...(data["cart"] as object | undefined), [dice.pick(["x", "y", "z"])]: dice.whole(1, 9) };
      break;
    case 3:
      data["items"] = [...((data["items"] as unknown[] | undefined) ?? []), dice.whole(0, 99)];
      break;
    case 4:
      data["note"] = dice.pick(["short", { to: "somebody", at: new Date(START_MS) }, null]);
      break;
    case 5:
      data["user"] = { id: dice.whole(0, 9), roles: ["admin", "editor"] };
      break;
    case 6:
      data["deep"] = { a: { b: { c: [1, { d: new Uint8Array([1, 2, 3]) }] } } };
      break;
    case 7:
      data[dice.pick(["a", "n", "s"])] = dice.pick([1, -7.5, true, "text é", 2n ** 70n, new Map([["k", 1]]), "long ".repeat(60)]);
      break;
    case 8:
      delete data[dice.pick(["a", "n", "user", "deep", "items"])];
      break;
    default: {
      const items = data["items"] as unknown[] | undefined;
      data["items"] = items === undefined ? [1, 2, 3] : items.slice(1).reverse();
    }
  }
}

async function write(node: TestNode, key: SessionKey, dice: Dice): Promise<void> {
  const session = await node.open(key);
  const data = Object.fromEntries(session.names().map((name) => [name, session.get(name)]));
  const names = new Set(session.names());
  for (let count = dice.whole(1, 3); count > 0; count--) edit(dice, data);
  for (const name of names) if (!Object.hasOwn(data, name)) session.delete(name);
  for (const [name, value] of Object.entries(data)) session.set(name, value);
  session.commit();
  await settle();
}

/** As if it had grown large and been quiet. */
async function compact(node: TestNode, key: SessionKey): Promise<void> {
  const { envelope, document } = await node.record(key);
  if (document === undefined) throw new Error("a session of the corpus is over");
  const compacted = SessionDocument.load(node.engine.host.context, document).genesis();
  await node.replica.receiveState(key, { envelope, document: compacted });
  await settle();
}

async function historyOf(index: number): Promise<History> {
  const dice = new Dice(1_000 + index);
  const [left, right, third] = [1, 2, 3].map((seed) => fuzzedNode(10 * index + seed, START_MS)) as [TestNode, TestNode, TestNode];
  const nodes = [left, right, third];
  const pass = (ms: number): void => {
    for (const node of nodes) node.runtime.advance(ms);
  };
  const key = left.create(index === 0 ? {} : { hits: 1, items: [1, 2], tags: new Set(["a"]), deep: { a: 1 } });
  await settle();
  for (const node of [right, third]) await exchange(left, node, key);
  for (let round = 0; round < index; round++) {
    pass(50);
    await write(nodes[round % 3] ?? left, key, dice);
    if (round % 2 === 0) await exchange(left, right, key);
    if (round % 3 === 0) await exchange(right, third, key);
  }
  // Right goes on from before: what it writes comes late.
  if (index % 4 !== 3) await exchange(left, right, key);
  if (index % 2 === 1) await compact(left, key);
  if (index % 4 === 1) await exchange(left, right, key);
  const victim = await left.record(key);
  const before = right.link.outbox.length;
  const states: SessionRecord[] = [await third.record(key)];
  for (let count = 0; count < 4; count++) {
    pass(20);
    await write(right, key, dice);
    states.push(await right.record(key));
  }
  const changes = right.link.outbox.slice(before).flatMap((message) => (message.kind === "change" ? [message.change] : []));
  pass(500);
  await settle();
  await exchange(right, third, key);
  states.push(await third.record(key));
  if (index % 3 === 0) {
    const session = await third.open(key);
    session.setSubject("ann");
    session.setIdleTimeout(120_000);
    session.commit();
    states.push(await third.record(key));
  }
  if (index % 4 === 1) {
    await third.engine.end(key, "destroyed");
    states.push(await third.record(key));
  }
  for (const node of nodes) await node.engine.close();
  return { victim, changes, states };
}

/** What two relays and three nodes say to each other in a life with everything in it. */
async function exchangedFrames(): Promise<Map<Frame["kind"], Uint8Array[]>> {
  const net = new CorpusNet();
  const dice = new Dice(4);
  net.relay("one", ["one", "two"]);
  net.relay("two", ["one", "two"]);
  const [left, right] = [net.node(["one", "two"]), net.node(["two", "one"])];
  await net.pass(12_000, 100);
  const keys: SessionKey[] = [];
  for (let index = 0; index < 6; index++) {
    const session = left.draft();
    session.identify(left.issueId());
    session.set("n", index);
    session.set("items", [index]);
    if (index === 2) session.setSubject("ann");
    session.commit();
    keys.push(session.key ?? "");
    await net.pass(30);
  }
  for (const [index, key] of keys.entries()) {
    const asked = right.checkOut(key);
    await net.pass(300);
    const opened = await asked;
    if (opened.kind !== "alive") throw new Error(`a session of the corpus is ${opened.kind}`);
    const { session } = opened;
    const data: Record<string, unknown> = {};
    for (let count = 0; count < 3; count++) edit(dice, data);
    for (const [name, value] of Object.entries(data)) session.set(name, value);
    session.commit();
    session.touch();
    await net.pass(40);
    if (index === 0) {
      for (let count = 0; count < 80; count++) {
        session.set("n", "grown ".repeat(20) + String(count));
        session.commit();
      }
      await net.pass(400);
    }
  }
  const settled = Promise.allSettled([
    left.checkOut(right.keyOf(right.issueId())),
    left.claim(keys[0] ?? "", "a ticket"),
    right.claim(keys[0] ?? "", "a ticket"),
    left.once(keys[1] ?? "", "a job", () => 1),
    right.revokeAll("ann"),
    left.end(keys[3] ?? ""),
  ]);
  await net.pass(1_000, 50);
  await settled;
  await net.pass(70_000, 1_000);
  for (const key of keys.slice(0, 2)) left.checkOutHot(key)?.touch();
  await net.pass(3_000, 50);
  const third = net.node(["one", "two"]);
  await net.pass(2_000, 50);
  for (const key of keys.slice(0, 2)) void third.checkOut(key).catch(() => undefined);
  await net.pass(1_500, 50);
  const closed = Promise.all([left.close(), third.close()]);
  await net.pass(7_000, 100);
  await closed;
  const frames = new Map<Frame["kind"], Uint8Array[]>();
  const seen = new Set<string>();
  for (const bytes of net.frames) {
    const { kind } = decodeFrame(bytes);
    const ofKind = frames.get(kind) ?? [];
    frames.set(kind, ofKind);
    const text = Buffer.from(bytes).toString("latin1");
    if (ofKind.length >= FRAMES_MAX || seen.has(text)) continue;
    seen.add(text);
    ofKind.push(bytes);
  }
  for (const frame of unsent(keys)) {
    const ofKind = frames.get(frame.kind) ?? [];
    frames.set(frame.kind, [...ofKind, encodeFrame(frame)]);
  }
  return frames;
}

/** What that life had no occasion for. */
function unsent(keys: readonly SessionKey[]): Frame[] {
  const [key = ""] = keys;
  const fingerprints = Array.from({ length: 32 }, (_, index) => index * 2 ** 47);
  const sessions = keys.map((each, index) => ({ key: each, fingerprint: index * 2 ** 50, isRecent: index === 1 }));
  return [
    { kind: "watch", sessions },
    { kind: "unwatch", key },
    { kind: "ask-state", keys },
    { kind: "compaction", key, epoch: { counter: 3, hash: "0123456789abcdef" } },
    { kind: "digest", isRepair: true, level: "groups", groups: fingerprints },
    { kind: "digest", isRepair: false, level: "buckets", groups: [0, 7, 31].map((group) => ({ group, buckets: fingerprints })) },
    { kind: "digest", isRepair: false, level: "list", bucket: 1_023, sessions },
    { kind: "digest", isRepair: true, level: "done", isPartial: true },
  ];
}
