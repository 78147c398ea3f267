import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fakeTimeLibrary } from "./cluster/machine.ts";
import { randomOf } from "./cluster/random.ts";
import { percentile } from "./history/check-probes.ts";
import type { Scenario, ScenarioResult } from "./scenarios/scenario.ts";

/** What the last line of `npm run chaos` says. */
export interface Summary {
  readonly scenarios: number;
  readonly passed: number;
  readonly killTrials: number;
  readonly cutThenKillTrials: number;
  readonly lostAcked: number;
  readonly resurrected: number;
  readonly diverged: number;
  readonly convergenceP99Ms: number | null;
  readonly healP99Ms: number | null;
  readonly [count: string]: number | null;
}

/** What a scenario needs and this machine lacks; undefined where it can run. */
export function missingTool({ tools }: Scenario): string | undefined {
  for (const tool of tools) {
    if (tool === "faketime" && fakeTimeLibrary() === undefined) return "libfaketime (apt-get install libfaketime)";
    if (tool === "nft" && !(isOnPath("nft") && isOnPath("ip"))) return "nft and ip (apt-get install nftables iproute2)";
    if (tool === "nft" && process.getuid?.() !== 0) return "root, for network namespaces";
  }
  return isOnPath("setpriv") ? undefined : "setpriv (apt-get install util-linux)";
}

/** One scenario, to its end; what it throws is a violation. */
export async function runScenario(
  scenario: Scenario,
  options: { readonly seed: number; readonly isQuick: boolean; readonly log: (line: string) => void },
): Promise<ScenarioResult> {
  try {
    return await scenario.run({ ...options, random: randomOf(options.seed) });
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { violations: [`it broke: ${why}`], counts: {}, convergenceMs: [], healMs: [] };
  }
}

export function summaryOf(results: readonly ScenarioResult[]): Summary {
  const sum = (name: string): number => results.reduce((total, { counts }) => total + (counts[name] ?? 0), 0);
  const p99 = (name: "convergenceMs" | "healMs"): number | null => {
    const all = results.flatMap((result) => result[name]);
    return all.length === 0 ? null : Math.round(percentile(all, 0.99));
  };
  return {
    scenarios: results.length,
    passed: results.filter(({ violations }) => violations.length === 0).length,
    killTrials: sum("killTrials"),
    cutThenKillTrials: sum("cutThenKillTrials"),
    lostAcked: sum("lostAcked"),
    resurrected: sum("resurrected"),
    diverged: sum("diverged"),
    convergenceP99Ms: p99("convergenceMs"),
    healP99Ms: p99("healMs"),
    ...Object.fromEntries(
      [
        "faults",
        "ackedWrites",
        "ackedWritesChecked",
        "readsChecked",
        "crossNodeReads",
        "staleReads",
        "ghosts",
        "newIds",
        "blanks",
        "serverErrors",
      ].map((name) => [name, sum(name)]),
    ),
  };
}

function isOnPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return folder !== "";
    } catch {
      return false;
    }
  });
}
