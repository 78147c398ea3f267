import type { Cluster } from "../cluster/cluster.ts";
import type { FaultProxy, Weather } from "../cluster/fault-proxy.ts";
import type { Scenario } from "./scenario.ts";
import { type Fault, runTraffic } from "./traffic.ts";

const ALL_PROXIES = ({ nodes, relays }: Cluster): FaultProxy[] => [...nodes, ...relays].flatMap(({ proxies }) => proxies);

/** The same weather on some lines, until it clears up. */
function weather(name: string, proxies: readonly FaultProxy[], bad: Weather, lastsMs: number, isolates = true): Fault {
  const set = (now: Weather): void => {
    for (const proxy of proxies) proxy.setWeather(now);
  };
  return { name, isolates, lastsMs, inject: () => set(bad), heal: () => set({}) };
}

export const SLOW_LINES: Scenario = {
  name: "slow-lines",
  what: "all lines: 200 ± 100 ms of delay; then 1 Mbit/s",
  tools: [],
  isQuick: false,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster) => [
          weather("delay 200 ± 100 ms", ALL_PROXIES(cluster), { delayMs: 200, jitterMs: 100 }, 5_000),
          weather("throttle 1 Mbit/s", ALL_PROXIES(cluster), { bytesPerSecond: 125_000 }, 5_000, false),
        ],
      },
      context,
    ),
};

export const SPLIT: Scenario = {
  name: "split",
  what: "two halves that do not hear of each other: a node and a relay on each side, without a reset",
  tools: [],
  isQuick: false,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster) => {
          const left = [cluster.node(0).proxies[1], cluster.node(1).proxies[1]];
          const right = [cluster.node(2).proxies[0]];
          const between = cluster.relays.flatMap(({ proxies }) => proxies);
          const cut = [...left, ...right, ...between].filter((proxy) => proxy !== undefined);
          return [weather("split", cut, { stalled: "both" }, 10_000)];
        },
      },
      context,
    ),
};

/** Lines that break in the ways in which they do: again and again, while everything is used. */
export const BROKEN_LINES: Scenario = {
  name: "broken-lines",
  what: "lines are reset, half closed, cut in the middle of a frame, deaf in one direction",
  tools: [],
  isQuick: false,
  run: (context) =>
    runTraffic(
      {
        faults: (cluster) => {
          const proxies = ALL_PROXIES(cluster);
          const some = cluster.node(1).proxies;
          const often = (name: string, breakLines: () => void): Fault => {
            let timer: NodeJS.Timeout | undefined;
            return {
              name,
              isolates: true,
              lastsMs: 4_000,
              inject: () => {
                breakLines();
                timer = setInterval(breakLines, 1_000);
              },
              heal: () => clearInterval(timer),
            };
          };
          return [
            often("reset", () => proxies.forEach((proxy) => proxy.reset())),
            often("half close", () => proxies.forEach((proxy) => proxy.halfClose())),
            often("cut in the middle", () => proxies.forEach((proxy) => proxy.cutAfter(1 + Math.floor(context.random() * 200)))),
            weather("deaf", some, { stalled: "down" }, 8_000),
            weather("mute", some, { stalled: "up" }, 8_000),
          ];
        },
      },
      context,
    ),
};
