import {
  DEFAULT_LIMITS,
  Engine,
  replicaOf,
  type Runtime,
  SessionDocument,
  type SessionEngine,
  type SessionKey,
} from "../src/engine/index.ts";
import { nodeRuntime } from "../src/runtime/index.ts";
import { MemoryStore } from "../src/storage/index.ts";
import { rounded } from "./measure.ts";

const COMMITS = 10_000;
const COMMITS_A_WRITER = 20;

/** Time that is moved by hand: a commit a millisecond, then the quiet after which a session is compacted. */
class ManualRuntime implements Runtime {
  #nowMs = 1_790_000_000_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  randomBytes(byteCount: number): Uint8Array {
    return nodeRuntime.randomBytes(byteCount);
  }

  sha256(data: Uint8Array | string): Uint8Array {
    return nodeRuntime.sha256(data);
  }

  pass(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    while (this.#nowMs < untilMs) {
      this.#nowMs++;
      for (const timer of this.#timers) {
        if (timer.atMs <= this.#nowMs && this.#timers.delete(timer)) timer.run();
      }
    }
  }
}

/** Three attributes of a session that stays below 512 B of JSON. */
function edit(index: number): Record<string, unknown> {
  return {
    lastPage: `/catalogue/${index % 97}?sort=price`,
    step: index % 11,
    basket: { lines: index % 5, totalCents: (index * 37) % 100_000 },
  };
}

const BEGINNING = {
  user: { id: 48_213, name: "Ann Example" },
  locale: "de-DE",
  theme: "dark",
  csrfToken: "c7J2mXq1T0v9dKf3Lw8sZb5nRy6hPa4e",
  ...edit(0),
};

class Node {
  readonly engine: SessionEngine;
  compactions = 0;

  constructor(runtime: Runtime, sent: (from: Node, told: Told) => void) {
    this.engine = new Engine(
      {
        sync: () => ({
          acks: 0,
          degraded: "serve",
          alone: "serve",
          ready: Promise.resolve(),
          sendRevocation: () => Promise.resolve({ acks: 0, wanted: 0, durable: false }),
          delivered: () => Promise.resolve({ acks: 0, wanted: 0, durable: false }),
          backlog: () => ({ sessions: 0, bytes: 0, ageMs: 0 }),
          claim: () => Promise.resolve(false),
          release: () => Promise.resolve(),
          start: () => undefined,
          watch: () => undefined,
          unwatch: () => undefined,
          fetch: () => Promise.resolve({ kind: "absent", isComplete: true }),
          sendState: (_, record) => {
            if ((record.document?.epoch.counter ?? 0) > 0) this.compactions++;
            sent(this, (node, key) => void replicaOf(node.engine.host).receiveState(key, record));
          },
          sendChange: (_, change) => sent(this, (node, key) => void replicaOf(node.engine.host).receiveChange(key, change)),
          sendCompaction: (key, epoch) => {
            this.compactions++;
            sent(this, (node) => void replicaOf(node.engine.host).receiveCompaction(key, epoch));
          },
          sendTouch: () => undefined,
          sendEnd: () => Promise.resolve({ acks: 0, wanted: 0, durable: false }),
          close: () => Promise.resolve(),
        }),
      },
      runtime,
      (context) => new MemoryStore(context),
    );
  }

  write(key: SessionKey, values: Record<string, unknown>): void {
    const session = this.engine.checkOutHot(key);
    if (session === undefined) throw new Error("the session is not held");
    for (const [name, value] of Object.entries(values)) session.set(name, value);
    session.commit();
  }
}

type Told = (node: Node, key: SessionKey) => void;

/** Encoded size of one session after all commits, once the quiet compaction has run on every node. */
async function grow(nodeCount: number, commitsAWriter = Number.POSITIVE_INFINITY): Promise<{ bytes: number; compactions: number }> {
  const runtime = new ManualRuntime();
  const nodes: Node[] = [];
  let key = "";
  const send = (from: Node, told: Told): void => {
    for (const node of nodes) if (node !== from) told(node, key);
  };
  for (let index = 0; index < nodeCount; index++) nodes.push(new Node(runtime, send));
  const first = nodes[0];
  if (first === undefined) throw new Error("no node");
  const draft = first.engine.draft();
  for (const [name, value] of Object.entries(BEGINNING)) draft.set(name, value);
  const id = first.engine.issueId();
  key = first.engine.keyOf(id);
  draft.identify(id);
  draft.commit();
  await settle();
  for (let index = 1; index <= COMMITS; index++) {
    runtime.pass(1);
    if (index % commitsAWriter === 0) await replaceWriter(runtime, nodes, send, key);
    nodes[index % nodes.length]?.write(key, edit(index));
    await settle();
    if (index % 2_500 === 0) process.stderr.write(`${nodeCount} node(s), ${index} of ${COMMITS} commits\n`);
  }
  for (let round = 0; round < 4; round++) {
    runtime.pass(250);
    await settle();
  }
  const records = await Promise.all(nodes.map(async (node) => replicaOf(node.engine.host).record(key)));
  const bytes = Math.max(...records.map((record) => record?.document?.bytes.length ?? Number.NaN));
  const compactions = Math.max(...nodes.map((node) => node.compactions));
  return { bytes, compactions };
}

/** The process restarts: another writer takes over what the one before left. */
async function replaceWriter(runtime: Runtime, nodes: Node[], send: (from: Node, told: Told) => void, key: SessionKey): Promise<void> {
  const [before] = nodes;
  if (before === undefined) throw new Error("no node");
  const record = await replicaOf(before.engine.host).record(key);
  if (record === undefined) throw new Error("the session is gone");
  const next = new Node(runtime, send);
  next.compactions = before.compactions;
  nodes[0] = next;
  await replicaOf(next.engine.host).receiveState(key, record);
  await before.engine.close();
}

/** Lets what was sent arrive: receiving takes a few microtasks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

async function genesisBytes(values: Record<string, unknown>): Promise<number> {
  const runtime = new ManualRuntime();
  const node = new Node(runtime, () => undefined);
  const id = node.engine.issueId();
  const draft = node.engine.draft();
  for (const [name, value] of Object.entries(values)) draft.set(name, value);
  draft.identify(id);
  draft.commit();
  const record = await replicaOf(node.engine.host).record(node.engine.keyOf(id));
  if (record?.document === undefined) throw new Error("no document");
  const context = {
    sha256: (data: Uint8Array | string): Uint8Array => runtime.sha256(data),
    limits: DEFAULT_LIMITS,
    writer: () => 2 ** 33,
    newWriter: () => 2 ** 33 + 1,
    drawWriter: () => 2 ** 33 + 1,
  };
  return SessionDocument.load(context, record.document).genesis().bytes.length;
}

/** How a session's bytes grow with its history; see issue text "growth" in README, What is measured. */
export async function benchGrowth(): Promise<object> {
  const jsonBytes = JSON.stringify({ ...BEGINNING, ...edit(COMMITS) }).length;
  const one = await grow(1);
  const four = await grow(4);
  const many = await grow(1, COMMITS_A_WRITER);
  const ten = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`attribute${index}`, `value of attribute ${index}`]));
  const hundred = { list: Array.from({ length: 100 }, (_, index) => index + 1) };
  return {
    jsonBytes,
    oneWriterBytes: one.bytes,
    fourWritersBytes: four.bytes,
    manyWritersBytes: many.bytes,
    compactions: one.compactions + four.compactions + many.compactions,
    genesisRatio10Attributes: rounded((await genesisBytes(ten)) / JSON.stringify(ten).length),
    genesisRatioArray100: rounded((await genesisBytes(hundred)) / JSON.stringify(hundred).length),
  };
}
