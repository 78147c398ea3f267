import { setTimeout as pause } from "node:timers/promises";
import type { Scenario } from "./scenario.ts";
import { type Fault, runTraffic } from "./traffic.ts";

/** Traffic between the copy and the loss: writes and logouts that the returned disk does not know. */
const MISSED_MS = 3_000;

/** `copy`: which earlier state of the disk comes back; undefined for an empty one. */
function scenario(name: string, what: string, isQuick: boolean, copy: string | undefined): Scenario {
  return {
    name,
    what,
    isQuick,
    tools: [],
    run: (context) =>
      runTraffic(
        {
          cluster: { isDurable: true },
          faults: (cluster) => {
            const [kept, returned] = [cluster.relay(0), cluster.relay(1)];
            const returning: Fault = {
              name: `${returned.name} loses its disk`,
              isolates: false,
              lastsMs: 2_000,
              inject: async () => {
                if (copy !== undefined) {
                  await returned.program.drain();
                  cluster.copyData(returned, copy);
                  await returned.program.start();
                  await pause(MISSED_MS);
                }
                await returned.program.kill();
                cluster.replaceData(returned, copy);
              },
              heal: async () => void (await returned.program.start()),
            };
            // Now everything hangs on the one that had to be told by the other.
            const alone: Fault = {
              name: `${kept.name} is gone, and all nodes start anew`,
              isolates: false,
              nodes: cluster.nodes.map(({ name: node }) => node),
              lastsMs: 2_000,
              inject: async () => {
                await kept.program.kill();
                for (const { program } of cluster.nodes) {
                  await program.kill();
                  await program.start();
                }
              },
              heal: async () => void (await kept.program.start()),
            };
            return [returning, alone];
          },
        },
        context,
      ),
  };
}

export const OLD_DISK = scenario(
  "relay-old-disk",
  "a relay is killed and returns with an old copy of its data folder; then the other one is lost",
  true,
  "copy",
);
export const EMPTY_DISK = scenario(
  "relay-empty-disk",
  "a relay is killed and returns with an empty data folder; then the other one is lost",
  false,
  undefined,
);
