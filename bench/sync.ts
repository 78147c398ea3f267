import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { rounded, spreadOf } from "./measure.ts";
import { processCpuUs } from "./process-cpu.ts";
import { endProcess, startRelayProcess } from "./relay-process.ts";
import type { RawTask } from "./sync-raw.ts";
import type { SyncTask } from "./sync-node.ts";

const ROUNDS = 5;
const WRITES = 400;
const WRITE_PAUSE_MS = 2;
const BURST_CHANGES = 20_000;
const BURST_SESSIONS = 200;
const JOIN_SESSIONS = 100_000;
const BYTES_CHANGES = 500;
const ANSWER_MS = 300_000;

/**
 * The way of a change: from the commit on one node to its being readable on another, beside a frame of the same size by a forwarder that knows
 * nothing; the relay's CPU time for each change that goes to two nodes, beside that of the forwarder; bytes of a change; and how long a
 * relay that comes up empty takes to learn 100,000 sessions.
 */
export async function benchSync(): Promise<object> {
  const children: ChildProcess[] = [];
  const start = async (script: string, ...args: string[]): Promise<Worker> => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: ["--import", "tsx"] });
    children.push(child);
    const worker = new Worker(child);
    return worker.started();
  };
  try {
    const relay = await startRelayProcess();
    children.push(relay.child);
    const [writer, reader, other] = [
      await start("./sync-node.ts", relay.address),
      await start("./sync-node.ts", relay.address),
      await start("./sync-node.ts", relay.address),
    ];
    const forwarder = await start("./sync-raw.ts", "forwarder");
    const rawAddress = String(forwarder.first);
    const [rawWriter, rawReader, rawOther] = [
      await start("./sync-raw.ts", "peer", rawAddress),
      await start("./sync-raw.ts", "peer", rawAddress),
      await start("./sync-raw.ts", "peer", rawAddress),
    ];
    const keys = await writer.ask<string[]>({ kind: "create", count: BURST_SESSIONS, padBytes: 0 });
    for (const node of [reader, other]) await node.ask({ kind: "hold", keys });
    const bytesPerChange = await bytesOfChange(relay.address, children);

    const delays: Record<"ours" | "raw", number[]> = { ours: [], raw: [] };
    const rates: Record<"ours" | "raw", number[]> = { ours: [], raw: [] };
    for (let round = 1; round <= ROUNDS; round += 1) {
      process.stderr.write(`round ${round} of ${ROUNDS}\n`);
      const key = keys[round] ?? "";
      const reading = reader.ask<number[]>({ kind: "poll", key, count: WRITES });
      const sent = await writer.ask<number[]>({ kind: "write", key, count: WRITES, pauseMs: WRITE_PAUSE_MS });
      delays.ours.push(medianDelay(sent, await reading));
      await rawReader.ask({ kind: "heard" });
      const rawSent = await rawWriter.ask<number[]>({ kind: "write", bytes: bytesPerChange, count: WRITES, pauseMs: WRITE_PAUSE_MS });
      delays.raw.push(medianDelay(rawSent, await rawReader.ask<number[]>({ kind: "heard" })));
      const readers = [reader, other];
      rates.ours.push(await perCpuSecond(relay.child, readers, () => writer.ask({ kind: "burst", keys, count: BURST_CHANGES })));
      const rawReaders = [rawReader, rawOther];
      const rawBurst = (): Promise<unknown> => rawWriter.ask({ kind: "burst", bytes: bytesPerChange, count: BURST_CHANGES });
      rates.raw.push(await perCpuSecond(forwarder.child, rawReaders, rawBurst));
    }
    for (const child of children.splice(0)) await endProcess(child);
    const join = await joinOfMany(start, children);
    const delayRatio = spreadOf(delays.ours.map((delay, round) => delay / (delays.raw[round] ?? Number.NaN)));
    const rateRatio = spreadOf(rates.ours.map((rate, round) => rate / (rates.raw[round] ?? Number.NaN)));
    console.error(`delay ours / raw ${rounded(delayRatio.median)} (${rounded(delayRatio.min)} … ${rounded(delayRatio.max)})`);
    console.error(`rate ours / raw ${rounded(rateRatio.median)} (${rounded(rateRatio.min)} … ${rounded(rateRatio.max)})`);
    return {
      replicationP50Ms: rounded(spreadOf(delays.ours).median, 3),
      rawEchoP50Ms: rounded(spreadOf(delays.raw).median, 3),
      delayRatio: rounded(delayRatio.median),
      relayChangesPerSecond: Math.round(spreadOf(rates.ours).median),
      rawForwarderPerSecond: Math.round(spreadOf(rates.raw).median),
      rateRatio: rounded(rateRatio.median),
      bytesPerChange,
      ...join,
    };
  } finally {
    for (const child of children) await endProcess(child);
  }
}

type Task = SyncTask | RawTask;

/** A process that does one task at a time. */
class Worker {
  readonly child: ChildProcess;
  /** What it said first. */
  first: unknown;

  constructor(child: ChildProcess) {
    this.child = child;
  }

  async started(): Promise<this> {
    this.first = await this.#answer();
    return this;
  }

  async ask<Result>(task: Task): Promise<Result> {
    this.child.send(task);
    return (await this.#answer()) as Result;
  }

  async #answer(): Promise<unknown> {
    const [message] = (await once(this.child, "message", { signal: AbortSignal.timeout(ANSWER_MS) })) as [
      { result?: unknown; error?: string },
    ];
    if (message.error !== undefined) throw new Error(message.error);
    return message.result;
  }
}

function medianDelay(sent: readonly number[], heard: readonly number[]): number {
  if (heard.length < sent.length) throw new Error(`Only ${heard.length} of ${sent.length} changes arrived.`);
  return spreadOf(sent.map((atMs, index) => (heard[index] ?? Number.NaN) - atMs)).median;
}

/** Changes that went to both readers, by second of CPU time of the process in between. */
async function perCpuSecond(between: ChildProcess, readers: readonly Worker[], send: () => Promise<unknown>): Promise<number> {
  const counts = (): Promise<number[]> => Promise.all(readers.map((reader) => reader.ask<number>({ kind: "count" })));
  const before = await counts();
  const pid = between.pid ?? 0;
  const cpuBefore = processCpuUs(pid);
  await send();
  const isThere = async (): Promise<boolean> => (await counts()).every((count, index) => count - (before[index] ?? 0) >= BURST_CHANGES);
  while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 20));
  return BURST_CHANGES / ((processCpuUs(pid) - cpuBefore) / 1e6);
}

/** Bytes on the wire from node to relay for a change of one attribute of 8 bytes, the WebSocket's own included: the most of a small and a large session. */
async function bytesOfChange(relayAddress: string, children: ChildProcess[]): Promise<number> {
  const meter = await countingProxy(relayAddress);
  const child = fork(fileURLToPath(new URL("./sync-node.ts", import.meta.url)), [meter.address], { execArgv: ["--import", "tsx"] });
  children.push(child);
  const node = await new Worker(child).started();
  let most = 0;
  for (const padBytes of [0, 128_000]) {
    const [key = ""] = await node.ask<string[]>({ kind: "create", count: 1, padBytes });
    await node.ask({ kind: "write", key, count: 20, pauseMs: 1 });
    const before = meter.bytes();
    await node.ask({ kind: "write", key, count: BYTES_CHANGES, pauseMs: 1 });
    most = Math.max(most, (meter.bytes() - before) / BYTES_CHANGES);
  }
  meter.server.close();
  await endProcess(child);
  return Math.ceil(most);
}

async function countingProxy(relayAddress: string): Promise<{ server: Server; address: string; bytes: () => number }> {
  const { hostname, port } = new URL(relayAddress);
  let byteCount = 0;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.on("data", (chunk) => (byteCount += chunk.length));
    near.on("error", () => far.destroy()).pipe(far);
    far.on("error", () => near.destroy()).pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, address: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: () => byteCount };
}

/** A relay that was away comes back empty, and one node has 100,000 sessions; another node asks for one of them meanwhile. */
async function joinOfMany(
  start: (script: string, ...args: string[]) => Promise<Worker>,
  children: ChildProcess[],
): Promise<{ joinSeconds: number; firstAnswerMs: number }> {
  process.stderr.write(`${JOIN_SESSIONS} sessions\n`);
  const first = await startRelayProcess();
  children.push(first.child);
  const { address } = first;
  const node = await start("./sync-node.ts", address);
  const keys = await node.ask<string[]>({ kind: "create", count: JOIN_SESSIONS, padBytes: 0 });
  const asking = await start("./sync-node.ts", address);
  process.stderr.write("the relay comes back empty\n");
  await endProcess(first.child);
  const second = await startRelayProcess(Number(new URL(address).port));
  children.push(second.child);
  const upAtMs = Number(process.hrtime.bigint()) / 1e6;
  const answered = asking.ask<number>({ kind: "await", key: keys[JOIN_SESSIONS / 2] ?? "" });
  while ((await sessionsOf(address)) < JOIN_SESSIONS) await new Promise((resolve) => setTimeout(resolve, 50));
  const joinedAtMs = Number(process.hrtime.bigint()) / 1e6;
  return { joinSeconds: rounded((joinedAtMs - upAtMs) / 1000), firstAnswerMs: Math.round((await answered) - upAtMs) };
}

/** As its metrics say. */
async function sessionsOf(address: string): Promise<number> {
  const response = await fetch(new URL("/metrics", address.replace(/^ws/, "http"))).catch(() => undefined);
  const text = (await response?.text()) ?? "";
  return Array.from(text.matchAll(/^converge_session_sessions\{state="(?:hot|cold)"\} (\d+)/gm)).reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}
