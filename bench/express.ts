import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Load, LoadResult } from "./express-load.ts";
import { rounded, spreadOf } from "./measure.ts";

const SIDES = ["bare", "ours", "peer"] as const;
type Side = (typeof SIDES)[number];
type Kind = "read" | "write";

const ROUNDS = 9;
const REQUESTS = 10_000;
const WARM_UP_REQUESTS = 20_000;
const VISITOR_COUNT = 64;
const ANSWER_MS = 120_000;

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly cookies: readonly string[];
}

/**
 * What sessions add to a request's CPU time, beyond bare Express: ours in memory against express-session with its MemoryStore. Three server
 * processes, taken in turn; a session of ten attributes and 1 KB; a read of three attributes, or one more visit.
 */
export function benchExpress(): Promise<AddedBySessions> {
  return addedBySessions("./express-server.ts");
}

/** What a benchmark of this kind gives: ratios of the added times, and the times in microseconds a request. */
export interface AddedBySessions {
  readonly readRatio: number;
  readonly writeRatio: number;
  readonly readUs: number;
  readonly writeUs: number;
  readonly peerReadUs: number;
  readonly peerWriteUs: number;
  readonly bareUs: number;
}

/** The same for whatever `script` serves with `args` and one of `bare`, `ours`, `peer`. */
export async function addedBySessions(script: string, args: readonly string[] = []): Promise<AddedBySessions> {
  const children: ChildProcess[] = [];
  const start = (file: string, ...given: readonly string[]): ChildProcess => {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, [...given], { execArgv: ["--import", "tsx"] });
    children.push(child);
    return child;
  };
  try {
    const load = start("./express-load.ts");
    const servers = new Map<Side, Server>();
    for (const side of SIDES) servers.set(side, await startServer(start(script, ...args, side), load, side));
    const added: Record<Kind, Record<Side, number[]>> = { read: lists(), write: lists() };
    for (let round = 1; round <= ROUNDS; round += 1) {
      process.stderr.write(`round ${round} of ${ROUNDS}\n`);
      for (const kind of ["read", "write"] as const) {
        const costs = new Map<Side, number>();
        // Each side is first, second and last as often as the others.
        for (let turn = 0; turn < SIDES.length; turn += 1) {
          const side = SIDES[(round + turn) % SIDES.length] ?? "bare";
          costs.set(side, await cpuPerRequest(servers.get(side), load, `/${kind}`));
        }
        const bare = costs.get("bare") ?? Number.NaN;
        for (const side of SIDES) added[kind][side].push((costs.get(side) ?? Number.NaN) - (side === "bare" ? 0 : bare));
      }
    }
    return report(added);
  } finally {
    for (const child of children) child.disconnect();
  }
}

async function startServer(child: ChildProcess, load: ChildProcess, side: Side): Promise<Server> {
  const { port } = await answerOf<{ port: number }>(child);
  const filled = await generate(load, { port, path: "/fill", cookies: [""], count: VISITOR_COUNT });
  const cookies = side === "bare" ? [""] : filled.setCookies;
  if (side !== "bare" && cookies.length !== VISITOR_COUNT) throw new Error(`${side} gave ${cookies.length} of ${VISITOR_COUNT} cookies.`);
  const server = { child, port, cookies };
  for (const path of ["/read", "/write"]) await generate(load, { port, path, cookies, count: WARM_UP_REQUESTS });
  return server;
}

/** User and system time of the server process, in microseconds a request. */
async function cpuPerRequest(server: Server | undefined, load: ChildProcess, path: string): Promise<number> {
  if (server === undefined) throw new Error("No such server.");
  const { child, port, cookies } = server;
  const before = await cpuOf(child);
  await generate(load, { port, path, cookies, count: REQUESTS });
  return ((await cpuOf(child)) - before) / REQUESTS;
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send("cpu");
  return (await answerOf<{ cpuUs: number }>(child)).cpuUs;
}

async function generate(child: ChildProcess, load: Load): Promise<LoadResult> {
  child.send(load);
  const result = await answerOf<LoadResult>(child);
  if (result.error !== undefined || result.answered !== load.count) {
    throw new Error(`${load.path}: ${result.answered} of ${load.count} answered. ${result.error ?? ""}`);
  }
  return result;
}

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const [answer] = (await once(child, "message", { signal: AbortSignal.timeout(ANSWER_MS) })) as [Answer];
  return answer;
}

function lists(): Record<Side, number[]> {
  return { bare: [], ours: [], peer: [] };
}

function report(added: Record<Kind, Record<Side, number[]>>): AddedBySessions {
  const median = (kind: Kind, side: Side): number => rounded(spreadOf(added[kind][side]).median, 1);
  const ratio = (kind: Kind): number => {
    const { median: middle, min, max } = spreadOf(added[kind].ours.map((ours, round) => ours / (added[kind].peer[round] ?? Number.NaN)));
    for (const side of SIDES) {
      const spread = spreadOf(added[kind][side]);
      console.error(
        `${kind.padEnd(6)} ${side.padEnd(5)} ${rounded(spread.median, 1)} µs (${rounded(spread.min, 1)} … ${rounded(spread.max, 1)})`,
      );
    }
    console.error(`${kind.padEnd(6)} ours / peer ${rounded(middle)} (${rounded(min)} … ${rounded(max)})`);
    return rounded(middle);
  };
  return {
    readRatio: ratio("read"),
    writeRatio: ratio("write"),
    readUs: median("read", "ours"),
    writeUs: median("write", "ours"),
    peerReadUs: median("read", "peer"),
    peerWriteUs: median("write", "peer"),
    bareUs: median("read", "bare"),
  };
}
