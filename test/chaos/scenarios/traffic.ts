import { setTimeout as pause } from "node:timers/promises";
import { LOST_WRITE_LINE } from "../cluster/admin-server.ts";
import { Cluster, type ClusterOptions } from "../cluster/cluster.ts";
import { LoadProgram } from "../cluster/load-program.ts";
import { checkHistory } from "../../../src/testing/history/check-history.ts";
import { SETTLE_MS, START } from "../../../src/testing/history/finding.ts";
import { readHistory } from "../../../src/testing/history/history.ts";
import { nowMs } from "../../../src/testing/history/operation.ts";
import type { ScenarioContext, ScenarioResult } from "./scenario.ts";

/** One thing that goes wrong, and is put right again. */
export interface Fault {
  readonly name: string;
  /** Whether nodes cannot hear of each other meanwhile. */
  readonly isolates: boolean;
  /** Names of nodes that do not answer meanwhile. */
  readonly nodes?: readonly string[];
  /** How long it lasts. Milliseconds. */
  readonly lastsMs: number;
  /** The load goes on while it is put right, and nothing is measured then. Default false. */
  readonly isLive?: boolean;
  inject(): Promise<void> | void;
  heal(): Promise<void> | void;
}

export interface Traffic {
  readonly cluster?: Omit<ClusterOptions, "random">;
  /** One after the other, under load; after each one there is calm. */
  readonly faults: (cluster: Cluster, load: LoadProgram, context: ScenarioContext) => readonly Fault[];
  /** After each one that is put right under load. Default 0. */
  readonly betweenMs?: number;
  /** What else must be so in the end; adds violations. */
  readonly after?: (cluster: Cluster) => Promise<readonly string[]>;
}

/** The first requests of cold processes take long. */
const WARM_MS = 1_000;
const CALM_MS = 1_000;
const VISITOR_COUNT = 24;
const ROUND_MS = 200;
/** Later than the reach of 2 s: what has not converged by then never will. */
const CONVERGE_MS = 20_000;
const LOOK_MS = 20;

/** Three nodes under load; each fault in turn, heal, wait until all show the same; then the checkers. */
export async function runTraffic(traffic: Traffic, context: ScenarioContext): Promise<ScenarioResult> {
  const cluster = await Cluster.start({ random: context.random, ...traffic.cluster });
  const load = new LoadProgram(cluster, { visitorCount: VISITOR_COUNT, roundMs: ROUND_MS, seed: context.seed });
  try {
    await load.start();
    const start = { name: START, isolates: false, nodes: cluster.nodes.map(({ name }) => name) };
    cluster.note({ type: "fault", ...start });
    await load.run();
    await pause(WARM_MS);
    cluster.note({ type: "heal", ...start });
    await pause(SETTLE_MS + CALM_MS);
    const healMs: number[] = [];
    const violations: string[] = [];
    for (const fault of traffic.faults(cluster, load, context)) {
      context.log(`${fault.name} for ${fault.lastsMs / 1000} s`);
      const line = { name: fault.name, isolates: fault.isolates, nodes: fault.nodes ?? [] };
      cluster.note({ type: "fault", ...line });
      await fault.inject();
      await pause(fault.lastsMs);
      if (fault.isLive === true) {
        await fault.heal();
        cluster.note({ type: "heal", ...line });
        await pause(traffic.betweenMs ?? 0);
        continue;
      }
      // What is measured is the repair, not how long the last requests took.
      const paused = load.pause();
      await fault.heal();
      cluster.note({ type: "heal", ...line });
      const healedAtMs = nowMs();
      await paused;
      const healed = await convergence(cluster, await load.keys(), healedAtMs);
      healMs.push(...healed.ms);
      violations.push(...healed.violations.map((what) => `after ${fault.name}: ${what}`));
      context.log(`converged: ${healed.ms.length} sessions, the last after ${Math.round(Math.max(0, ...healed.ms))} ms`);
      await load.run();
      await pause(SETTLE_MS + CALM_MS);
    }
    await pause(CALM_MS);
    await load.pause();
    violations.push(...((await traffic.after?.(cluster)) ?? []));
    const lines = cluster.nodes.flatMap(({ program }) => program.errorOutput.split("\n"));
    const toldLost = lines.filter((line) => line === LOST_WRITE_LINE).length;
    await load.final();
    await load.stop();
    const checked = checkHistory(readHistory([load.historyFile, cluster.eventFile]), {
      nodes: cluster.nodes.map(({ name }) => name),
      toldLost,
      tolerance: context.isQuick ? "busy" : "strict",
    });
    violations.push(...checked.violations);
    if (violations.length > 0) context.log(`evidence: ${cluster.keepEvidence([load.historyFile])}`);
    return { ...checked, violations, healMs };
  } finally {
    await load.stop();
    await cluster.stop();
  }
}

/** For each session how long after `sinceMs` all nodes showed the same of it. */
export async function convergence(
  cluster: Cluster,
  keys: readonly string[],
  sinceMs: number,
): Promise<{ readonly ms: readonly number[]; readonly violations: readonly string[] }> {
  let open = keys;
  const ms: number[] = [];
  for (;;) {
    const digests = await cluster.digests(open);
    const passedMs = nowMs() - sinceMs;
    const stillOpen = open.filter((_key, index) => !areEqual(digests.map((each) => each?.[index])));
    for (let count = stillOpen.length; count < open.length; count += 1) ms.push(passedMs);
    open = stillOpen;
    if (open.length === 0) return { ms, violations: [] };
    if (passedMs > CONVERGE_MS)
      return { ms, violations: [`${open.length} of ${keys.length} sessions still differ after ${CONVERGE_MS} ms`] };
    await pause(LOOK_MS);
  }
}

function areEqual(digests: readonly (string | undefined)[]): boolean {
  const [first] = digests;
  return first !== undefined && !first.startsWith("unknown") && digests.every((digest) => digest === first);
}
