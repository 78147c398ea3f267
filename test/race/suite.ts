import { randomBytes } from "node:crypto";
import type { RaceTargets } from "../../src/testing/index.ts";
import { ADAPTERS, PEERS } from "./adapters.ts";
import { raceHandlers } from "./handlers.ts";
import { SCENARIOS } from "./rows.ts";
import type { PeerSetup, Scenario } from "./rows.ts";
import { startProcess } from "../support/process.ts";

/** A database in the same rack, and one that syncs a disk or waits for a copy in another place. */
const STORE_MS = 2;
const SLOW_STORE_MS = 80;
/** The other libraries have one process, and nothing to wait for: what is not there after this is lost. */
const PEER_SETTLE_MS = 50;
/** Three programs that compile themselves, on a machine that has other work too. */
const START_MS = 60_000;

/** A deployment that scenarios can be run against. */
export interface Deployment {
  readonly name: string;
  targets(setup: PeerSetup): RaceTargets;
  close(): Promise<void>;
}

/** One adapter of ours in this process. */
export async function inOneProcess(adapter: string): Promise<Deployment> {
  const node = await ADAPTERS[adapter]?.({}, raceHandlers());
  if (node === undefined) throw new RangeError(`no adapter ${adapter}`);
  return { name: adapter, targets: () => ({ urls: [node.url] }), close: () => node.close() };
}

/** Two nodes and a relay, each a process of its own. */
export async function acrossProcesses(adapter: string): Promise<Deployment> {
  // Not production, whatever the terminal says: there, a cookie over plain http is never set.
  const environment = { CONVERGE_SESSION_SECRET: randomBytes(32).toString("base64url"), NODE_ENV: "development" };
  const stops: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  };
  const start = async (file: string, args: readonly string[]): Promise<string> => {
    const program = startProcess(file, args, environment);
    stops.push(() => program.stop());
    const [, address = ""] = await program.waitForLine(/ listening on (\S+)/, START_MS);
    return address;
  };
  try {
    const relay = await start("src/relay/main.ts", ["relay", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
    const [first, second] = await Promise.all([start("test/race/node.ts", [adapter, relay]), start("test/race/node.ts", [adapter, relay])]);
    return { name: adapter, targets: () => ({ urls: [first, second] }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Another library, once for each way in which scenarios want it configured. */
export async function peer(name: string): Promise<Deployment> {
  const start = PEERS[name];
  if (start === undefined) throw new RangeError(`no library ${name}`);
  const nodes = new Map(
    await Promise.all(
      (["recommended", "default", "slow"] as const).map(
        async (setup) => [setup, await start(setup, setup === "slow" ? SLOW_STORE_MS : STORE_MS, raceHandlers())] as const,
      ),
    ),
  );
  return {
    name,
    targets: (setup) => ({ urls: [nodes.get(setup)?.url ?? ""], settleMs: PEER_SETTLE_MS }),
    close: async () => {
      for (const node of nodes.values()) await node.close();
    },
  };
}

/** Counts of a deployment, by the name of the scenario. A scenario that could not be run has none. */
export async function runScenarios(
  deployment: Deployment,
  scenarios: readonly Scenario[] = SCENARIOS,
  onError: (scenario: Scenario, error: unknown) => void = () => undefined,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const scenario of scenarios) {
    try {
      counts.set(scenario.name, await scenario.run(deployment.targets(scenario.peer)));
    } catch (error) {
      onError(scenario, error);
    }
  }
  return counts;
}
