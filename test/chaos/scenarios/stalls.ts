import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { askAdmin, Cluster } from "../cluster/cluster.ts";
import type { Program } from "../cluster/program.ts";
import { nowMs } from "../../../src/testing/history/operation.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";
import { convergence } from "./traffic.ts";

const SESSION_COUNT = 200;
const WRITES_PER_SECOND = 1_000;
const WARM_SECONDS = 5;
/** Of every process but the stalled one, beyond what the same traffic takes without a stall. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
const CONVERGED_MS = 2_000;
/** On a machine that runs other tests beside. */
const BUSY_CONVERGED_MS = 10_000;
const SAMPLE_MS = 250;
const MEBIBYTE = 1024 * 1024;

/** 1,000 writes a second on one node, while another process stands still: what waits for it must not grow without bounds. */
async function run(
  context: ScenarioContext,
  stalled: (cluster: Cluster) => Program,
  /** Leaves what stood still alone with the answers. */
  reveal: (cluster: Cluster) => Promise<void> = () => Promise.resolve(),
): Promise<ScenarioResult> {
  const seconds = context.isQuick ? 15 : 60;
  const cluster = await Cluster.start({ random: context.random });
  try {
    const writer = cluster.node(0);
    const keys = (await askAdmin<string[]>(writer, `create?count=${SESSION_COUNT}`, 5_000)) ?? [];
    // Who has read it is told of every change from then on.
    const before = await convergence(cluster, keys, nowMs());
    const burst = (forSeconds: number): Promise<number | undefined> =>
      askAdmin<number>(
        writer,
        `burst?perSecond=${WRITES_PER_SECOND}&seconds=${forSeconds}`,
        (forSeconds + 30) * 1000,
        JSON.stringify(keys),
      );
    const program = stalled(cluster);
    const others = [...cluster.nodes, ...cluster.relays].filter((each) => each.program !== program);

    const warm = await highWater(others, burst(WARM_SECONDS));
    context.log(`${program.name} stands still for ${seconds} s at ${WRITES_PER_SECOND} writes/s`);
    program.signal("SIGSTOP");
    const during = await highWater(others, burst(seconds));
    program.signal("SIGCONT");
    const after = await convergence(cluster, keys, nowMs());

    await reveal(cluster);
    const revealed = await convergence(cluster, keys, nowMs());

    const growth = others.map(({ name }, index) => ({ name, bytes: (during.bytes[index] ?? 0) - (warm.bytes[index] ?? 0) }));
    const allowedMs = context.isQuick ? BUSY_CONVERGED_MS : CONVERGED_MS;
    const lateMs = Math.round(Math.max(0, ...after.ms));
    context.log(
      growth.map(({ name, bytes }) => `${name} +${Math.round(bytes / MEBIBYTE)} MiB`).join(", ") + `; converged after ${lateMs} ms`,
    );
    const violations = [
      ...before.violations,
      ...after.violations,
      ...revealed.violations,
      ...(keys.length < SESSION_COUNT || during.result !== WRITES_PER_SECOND * seconds ? ["the writes were not all made"] : []),
      ...growth
        .filter(({ bytes }) => bytes > GROWTH_BYTES_MAX)
        .map(({ name, bytes }) => `${name} grew by ${Math.round(bytes / MEBIBYTE)} MiB while ${program.name} stood still`),
      ...(lateMs > allowedMs ? [`converged ${lateMs} ms after ${program.name} went on, ${allowedMs} are allowed`] : []),
    ];
    return { violations, counts: { faults: 1, stalledWrites: during.result ?? 0 }, convergenceMs: [], healMs: after.ms };
  } finally {
    await cluster.stop();
  }
}

/** The most memory that each program had while `work` was under way. */
async function highWater<T>(
  programs: readonly { readonly program: Program }[],
  work: Promise<T>,
): Promise<{ readonly result: T; readonly bytes: readonly number[] }> {
  const state = { isOver: false };
  const done = work.finally(() => (state.isOver = true));
  let bytes = programs.map(() => 0);
  while (!state.isOver) {
    bytes = programs.map(({ program }, index) => Math.max(bytes[index] ?? 0, residentBytes(program.pid)));
    await pause(SAMPLE_MS);
  }
  return { result: await done, bytes };
}

function residentBytes(pid: number): number {
  const [, kibibytes = "0"] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

export const STALLED_NODE: Scenario = {
  name: "stalled-node",
  what: "a node that watches stands still for 60 s at 1,000 writes/s",
  tools: [],
  isQuick: true,
  run: (context) => run(context, (cluster) => cluster.node(2).program),
};

export const STALLED_RELAY: Scenario = {
  name: "stalled-relay",
  what: "one of two relays stands still for 60 s at 1,000 writes/s",
  tools: [],
  isQuick: false,
  run: (context) =>
    run(
      context,
      (cluster) => cluster.relay(1).program,
      // A node that knows nothing, and only the relay that stood still to ask.
      async (cluster) => {
        await pause(context.isQuick ? BUSY_CONVERGED_MS : CONVERGED_MS);
        await cluster.relay(0).program.kill();
        await cluster.node(2).program.kill();
        await cluster.node(2).program.start();
      },
    ),
};
