import type { Cluster } from "../cluster/cluster.ts";
import type { Host, Namespaces } from "../cluster/namespaces.ts";
import type { Scenario } from "./scenario.ts";
import { type Fault, runTraffic } from "./traffic.ts";

type Cut = (namespaces: Namespaces, host: Host, from: readonly Host[]) => void;

/** Cuts the first node off from all relays, at the level of packets. */
function cut(cluster: Cluster, name: string, lastsMs: number, how: Cut): Fault {
  const { host } = cluster.node(0);
  const relays = cluster.relays.flatMap((relay) => relay.host ?? []);
  if (host === undefined) throw new Error("this cluster has no hosts");
  return {
    name,
    isolates: true,
    lastsMs,
    inject: () => how(cluster.namespaces, host, relays),
    heal: () => {
      const hits = cluster.namespaces.hitCount(host);
      cluster.namespaces.heal(host);
      if (hits === 0) throw new Error(`${name}: no packet met the rule, so nothing was cut`);
    },
  };
}

function scenario(name: string, what: string, isQuick: boolean, lastsMs: number, how: Cut): Scenario {
  return {
    name,
    what,
    isQuick,
    tools: ["nft"],
    run: (context) => runTraffic({ cluster: { hasHosts: true }, faults: (cluster) => [cut(cluster, name, lastsMs, how)] }, context),
  };
}

export const CUT = scenario(
  "cut",
  "a node on a host of its own is cut off from both relays: packets vanish",
  true,
  8_000,
  (namespaces, host, from) => namespaces.cut(host, from),
);

export const ONE_WAY_CUT = scenario(
  "one-way-cut",
  "what relays send to a node vanishes; what it sends arrives",
  false,
  10_000,
  (namespaces, host, from) => namespaces.cutInput(host, from),
);

export const RESET = scenario("reset", "a firewall answers what relays send to a node with RST", false, 4_000, (namespaces, host, from) =>
  namespaces.resetInput(host, from),
);
