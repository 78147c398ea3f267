import type { Cluster } from "../cluster/cluster.ts";
import { nowMs } from "../../../src/testing/history/operation.ts";
import type { Scenario } from "./scenario.ts";
import { runTraffic } from "./traffic.ts";

const HOUR_SECONDS = 3_600;
/** ε of the engine, and the time that it takes to ask. */
const TOLERANCE_MS = 2_500;

/** The node's own clock was wrong, and the others' are what it went by. */
async function checkClock(cluster: Cluster): Promise<string[]> {
  const node = cluster.node(0);
  const stats = await cluster.stats(node);
  if (stats === undefined) return [`${node.name} does not answer`];
  const offMs = Math.round(stats.nowMs - nowMs());
  return [
    ...(Math.abs(offMs) > TOLERANCE_MS ? [`the engine of ${node.name} is ${offMs} ms off`] : []),
    ...(stats.events["clock-fault"] === undefined ? [`${node.name} did not say that its clock is wrong`] : []),
  ];
}

function jump(name: string, seconds: number): Scenario {
  const sign = seconds > 0 ? "+" : "-";
  return {
    name,
    what: `the clock of a running node jumps by ${sign}1 h, and back; it starts anew with the wrong clock`,
    tools: ["faketime"],
    isQuick: seconds > 0,
    run: (context) =>
      runTraffic(
        {
          cluster: { fakeClocks: [0] },
          faults: (cluster) => {
            const { name: node, program, clock } = cluster.node(0);
            return [
              {
                name: `clock ${sign}1 h`,
                isolates: false,
                lastsMs: 5_000,
                inject: () => clock?.set(seconds),
                heal: () => clock?.set(0),
              },
              {
                name: `start with ${sign}1 h`,
                isolates: false,
                nodes: [node],
                lastsMs: 3_000,
                inject: async () => {
                  await program.kill();
                  clock?.set(seconds);
                },
                // The clock stays wrong until the end.
                heal: async () => void (await program.start()),
              },
            ];
          },
          after: checkClock,
        },
        context,
      ),
  };
}

export const CLOCK_AHEAD = jump("clock-ahead", HOUR_SECONDS);
export const CLOCK_BEHIND = jump("clock-behind", -HOUR_SECONDS);
