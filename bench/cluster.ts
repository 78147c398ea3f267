import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterLoad, ClusterLoadResult } from "./cluster-load.ts";
import { rounded, spreadOf } from "./measure.ts";
import { processCpuUs } from "./process-cpu.ts";
import { endProcess, startRelayProcess } from "./relay-process.ts";

const SIDES = ["bare", "ours", "peer"] as const;
type Side = (typeof SIDES)[number];

/** One write per request; and nine reads for each write. */
const MIXES = { write: ["/write"], mixed: ["/write", ...new Array<string>(9).fill("/read")] } as const;
type Mix = keyof typeof MIXES;

const NODES = 3;
const ROUNDS = 7;
const REQUESTS = 9_000;
const WARM_UP_REQUESTS = 18_000;
const VISITOR_COUNT = 90;
const ANSWER_MS = 120_000;

interface Cluster {
  readonly ports: readonly number[];
  /** Nodes, and the relay or redis-server. */
  readonly pids: readonly number[];
  readonly load: ChildProcess;
}

/**
 * What sessions add to a request's CPU time beyond bare Express, over all processes but the load generator: three nodes and a relay of ours
 * against three nodes of express-session with connect-redis and a redis-server, all on this machine, taken in turn. A session of ten
 * attributes and 1 KB; visitors go to the next node with each request.
 */
export async function benchCluster(): Promise<object> {
  const children: ChildProcess[] = [];
  const folder = mkdtempSync(join(tmpdir(), "converge-session-bench-"));
  try {
    const clusters = new Map<Side, Cluster>();
    for (const side of SIDES) clusters.set(side, await startCluster(side, children, folder));
    const added: Record<Mix, Record<Side, number[]>> = { write: lists(), mixed: lists() };
    for (let round = 1; round <= ROUNDS; round += 1) {
      process.stderr.write(`round ${round} of ${ROUNDS}\n`);
      for (const mix of ["write", "mixed"] as const) {
        const costs = new Map<Side, number>();
        for (let turn = 0; turn < SIDES.length; turn += 1) {
          const side = SIDES[(round + turn) % SIDES.length] ?? "bare";
          costs.set(side, await cpuPerRequest(clusters.get(side), mix));
        }
        const bare = costs.get("bare") ?? Number.NaN;
        for (const side of SIDES) added[mix][side].push((costs.get(side) ?? Number.NaN) - (side === "bare" ? 0 : bare));
      }
    }
    return report(added);
  } finally {
    for (const child of children) await endProcess(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startCluster(side: Side, children: ChildProcess[], folder: string): Promise<Cluster> {
  const between = side === "bare" ? undefined : await (side === "ours" ? startRelayProcess() : startRedis(folder));
  if (between !== undefined) children.push(between.child);
  const nodes = Array.from({ length: NODES }, () => forked("./cluster-server.ts", [side, between?.address ?? ""]));
  const load = forked("./cluster-load.ts", []);
  children.push(...nodes, load);
  const ports = await Promise.all(nodes.map(async (node) => (await answerOf<{ port: number }>(node)).port));
  const pids = [...nodes, ...(between === undefined ? [] : [between.child])].map(({ pid }) => pid ?? 0);
  const cluster = { ports, pids, load };
  const { known } = await generate(cluster, { paths: ["/fill"], isNew: true, count: VISITOR_COUNT });
  if (side !== "bare" && known !== VISITOR_COUNT) throw new Error(`${side} gave cookies to ${known} of ${VISITOR_COUNT} visitors.`);
  for (const mix of ["write", "mixed"] as const) await generate(cluster, { paths: MIXES[mix], isNew: false, count: WARM_UP_REQUESTS });
  return cluster;
}

async function startRedis(folder: string): Promise<{ child: ChildProcess; address: string }> {
  const port = await freePort();
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], { stdio: "ignore" });
  const failed = once(child, "error").then(([error]) => {
    throw new Error(`redis-server did not start (apt-get install redis-server): ${String(error)}`);
  });
  await Promise.race([failed, until(() => isListening(port))]);
  return { child, address: String(port) };
}

function forked(script: string, args: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: ["--import", "tsx"] });
}

/** User and system time of all processes of a cluster, in microseconds a request. */
async function cpuPerRequest(cluster: Cluster | undefined, mix: Mix): Promise<number> {
  if (cluster === undefined) throw new Error("No such cluster.");
  const before = cpuUs(cluster);
  await generate(cluster, { paths: MIXES[mix], isNew: false, count: REQUESTS });
  return (cpuUs(cluster) - before) / REQUESTS;
}

function cpuUs({ pids }: Cluster): number {
  return pids.reduce((sum, pid) => sum + processCpuUs(pid), 0);
}

async function generate(cluster: Cluster, wanted: Pick<ClusterLoad, "paths" | "isNew" | "count">): Promise<ClusterLoadResult> {
  const load: ClusterLoad = { ports: cluster.ports, visitors: VISITOR_COUNT, ...wanted };
  cluster.load.send(load);
  const result = await answerOf<ClusterLoadResult>(cluster.load);
  if (result.error !== undefined || result.answered < wanted.count) {
    throw new Error(`${wanted.paths[0]}: ${result.answered} of ${wanted.count} answered. ${result.error ?? ""}`);
  }
  return result;
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const [answer] = (await once(child, "message", { signal: AbortSignal.timeout(ANSWER_MS) })) as [Answer];
  return answer;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const { connect } = await import("node:net");
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("redis-server did not listen within 10 s.");
}

function lists(): Record<Side, number[]> {
  return { bare: [], ours: [], peer: [] };
}

function report(added: Record<Mix, Record<Side, number[]>>): object {
  const median = (mix: Mix, side: Side): number => rounded(spreadOf(added[mix][side]).median, 1);
  const ratio = (mix: Mix): number => {
    for (const side of SIDES) {
      const { median: middle, min, max } = spreadOf(added[mix][side]);
      console.error(`${mix.padEnd(6)} ${side.padEnd(5)} ${rounded(middle, 1)} µs (${rounded(min, 1)} … ${rounded(max, 1)})`);
    }
    const { median: middle, min, max } = spreadOf(added[mix].ours.map((ours, round) => ours / (added[mix].peer[round] ?? Number.NaN)));
    console.error(`${mix.padEnd(6)} ours / peer ${rounded(middle)} (${rounded(min)} … ${rounded(max)})`);
    return rounded(middle);
  };
  return {
    writeRatio: ratio("write"),
    mixedRatio: ratio("mixed"),
    writeUs: median("write", "ours"),
    mixedUs: median("mixed", "ours"),
    peerWriteUs: median("write", "peer"),
    peerMixedUs: median("mixed", "peer"),
    bareUs: median("write", "bare"),
  };
}
