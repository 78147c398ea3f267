import type { Program } from "../cluster/program.ts";
import type { Scenario } from "./scenario.ts";
import { type Fault, runTraffic } from "./traffic.ts";

/** Longer than the 6 s after which silence counts as death. */
const STOPPED_MS = 10_000;

/** kill -9, and started anew after a while. */
function killed(program: Program, nodes: readonly string[], lastsMs: number): Fault {
  return {
    name: `kill ${program.name}`,
    isolates: false,
    nodes,
    lastsMs,
    inject: () => program.kill(),
    heal: async () => void (await program.start()),
  };
}

/** SIGSTOP: as a lid that is closed, or a long collection of garbage. What was sent meanwhile waits in the kernel. */
function stopped(program: Program, nodes: readonly string[]): Fault {
  return {
    name: `stop ${program.name}`,
    isolates: true,
    nodes,
    lastsMs: STOPPED_MS,
    inject: () => program.signal("SIGSTOP"),
    heal: () => program.signal("SIGCONT"),
  };
}

export const KILLED_NODE: Scenario = {
  name: "kill-node",
  what: "kill -9 of each node in turn",
  tools: [],
  isQuick: true,
  run: (context) =>
    runTraffic(
      { faults: ({ nodes }) => nodes.slice(0, context.isQuick ? 1 : 3).map(({ name, program }) => killed(program, [name], 2_000)) },
      context,
    ),
};

export const KILLED_RELAY: Scenario = {
  name: "kill-relay",
  what: "kill -9 of each relay in turn, which come back empty; the other one goes on",
  tools: [],
  isQuick: false,
  run: (context) =>
    runTraffic(
      { faults: ({ relays }) => relays.slice(0, context.isQuick ? 1 : 2).map(({ program }) => killed(program, [], 3_000)) },
      context,
    ),
};

export const STOPPED_NODE: Scenario = {
  name: "stop-node",
  what: "SIGSTOP of a node for 10 s",
  tools: [],
  isQuick: false,
  run: (context) => runTraffic({ faults: (cluster) => [stopped(cluster.node(0).program, [cluster.node(0).name])] }, context),
};

export const STOPPED_RELAY: Scenario = {
  name: "stop-relay",
  what: "SIGSTOP of a relay for 10 s",
  tools: [],
  isQuick: false,
  run: (context) => runTraffic({ faults: (cluster) => [stopped(cluster.relay(0).program, [])] }, context),
};

/** Between two of them: everything is up, links are met again. */
const BETWEEN_MS = 1_500;

export const ROLLING_RESTART: Scenario = {
  name: "rolling-restart",
  what: "everything is drained and started again, one after the other, under load",
  tools: [],
  isQuick: true,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster, load) => {
          const all = cluster.nodes.map(({ name }) => name);
          const restart = (program: Program): Fault => ({
            name: `restart ${program.name}`,
            isolates: false,
            // No request may fail on any other node.
            nodes: all.filter((name) => name === program.name),
            lastsMs: 0,
            isLive: true,
            inject: async () => {
              await load.rotate(all.filter((name) => name !== program.name));
              await program.drain();
            },
            heal: async () => {
              await program.start();
              await load.rotate(all);
            },
          });
          return [...cluster.relays, ...cluster.nodes].map(({ program }) => restart(program));
        },
        betweenMs: BETWEEN_MS,
      },
      context,
    ),
};
