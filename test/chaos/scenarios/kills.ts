import type { Scenario } from "./scenario.ts";
import { runTraffic } from "./traffic.ts";

export const KILLED_NODE: Scenario = {
  name: "kill-node",
  what: "kill -9 of each node in turn",
  tools: [],
  isQuick: true,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster, load, { isQuick }) =>
          cluster.nodes.slice(0, isQuick ? 1 : 3).map(({ name, program }) => ({
            name: `kill ${name}`,
            isolates: false,
            nodes: [name],
            lastsMs: 2_000,
            inject: () => program.kill(),
            heal: async () => void (await program.start()),
          })),
      },
      context,
    ),
};

export const KILLED_RELAY: Scenario = {
  name: "kill-relay",
  what: "kill -9 of each relay in turn; the other one goes on",
  tools: [],
  isQuick: true,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster, load, { isQuick }) =>
          cluster.relays.slice(0, isQuick ? 1 : 2).map(({ name, program }) => ({
            name: `kill ${name}`,
            isolates: false,
            lastsMs: 3_000,
            inject: () => program.kill(),
            heal: async () => void (await program.start()),
          })),
      },
      context,
    ),
};
