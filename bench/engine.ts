import { alternating, ratios, rounded, spreadOf } from "./measure.ts";

const ROUNDS = 11;

/** CPU microseconds and ratios of the hot path; the sides and what they do are in engine-side.ts. */
export function benchEngine(): object {
  const results = alternating("./engine-side.ts", ["hotRead", "commit", "mapSet", "coldLoad", "mapLoad"], ROUNDS);
  const median = (side: string): number => rounded(spreadOf(results.get(side) ?? []).median);
  const commit = ratios(results, "commit", "mapSet");
  const coldLoad = ratios(results, "coldLoad", "mapLoad");
  for (const [side, values] of results) {
    const { median: middle, min, max } = spreadOf(values);
    console.error(`${side.padEnd(10)} ${rounded(middle)} µs (${rounded(min)} … ${rounded(max)})`);
  }
  console.error(`commit / Y.Map.set       ${rounded(commit.median)} (${rounded(commit.min)} … ${rounded(commit.max)})`);
  console.error(`cold load / applyUpdate  ${rounded(coldLoad.median)} (${rounded(coldLoad.min)} … ${rounded(coldLoad.max)})`);
  return {
    hotReadUs: median("hotRead"),
    commitUs: median("commit"),
    commitRatio: rounded(commit.median),
    coldLoadUs: median("coldLoad"),
    coldLoadRatio: rounded(coldLoad.median),
  };
}
