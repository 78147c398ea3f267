import { missingTool } from "../support/tools.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { percentile } from "./history/check-probes.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenarios/scenario.ts";

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

/** Why a scenario cannot run on this machine; undefined where it can. */
export function whyNot({ tools }: Scenario): string | undefined {
  const isCut = tools.includes("nft");
  if (isCut && process.getuid?.() !== 0) return "only root can make network namespaces";
  return (["setpriv", ...(isCut ? (["ip"] as const) : []), ...tools] as const).map(missingTool).find((why) => why !== undefined);
}

/** One scenario, to its end; what it throws is a violation. */
export async function runScenario(scenario: Scenario, options: Omit<ScenarioContext, "random">): Promise<ScenarioResult> {
  try {
    return await scenario.run({ ...options, random: seededRandom(options.seed) });
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
