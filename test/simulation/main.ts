import { print } from "../support/print.ts";
import { CI_RUN, simulate } from "./simulate.ts";

/**
 * `npm run sim`: as many seeds as asked for, one after the other.
 * SEED: the first (default: by the clock). SEEDS: how many (default 100, with SEED 1). REQUESTS, ROUNDS: per seed. TRACE=1: everything that happens.
 */
function numberOf(name: string, otherwise: number): number {
  const text = process.env[name];
  const value = text === undefined || text === "" ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} must be a whole number`);
  return value;
}

const isOne = process.env["SEED"] !== undefined;
const first = numberOf("SEED", Math.floor(Date.now() / 1000));
const count = numberOf("SEEDS", isOne ? 1 : 100);
const options = {
  ...CI_RUN,
  requests: numberOf("REQUESTS", CI_RUN.requests),
  rounds: numberOf("ROUNDS", CI_RUN.rounds),
  ...(process.env["TRACE"] === "1" ? { onTrace: print } : {}),
};
const startedMs = performance.now();
const failed: number[] = [];
const sums: Record<string, number> = {};
const heals: number[] = [];
for (let seed = first; seed < first + count; seed++) {
  const report = await simulate(seed, options);
  for (const [name, value] of Object.entries(report.tally)) if (typeof value === "number") sums[name] = (sums[name] ?? 0) + value;
  heals.push(...report.tally.healMs);
  if (report.violations.length === 0) continue;
  failed.push(seed);
  for (const { law, what, atMs } of report.violations.slice(0, 5)) print(`  [${law}] at ${atMs.toFixed(0)} ms: ${what}`);
  print(`SEED=${seed} npm run sim`);
}
heals.sort((left, right) => left - right);
const healP99Ms = heals[Math.floor(heals.length * 0.99)] ?? 0;
print(
  JSON.stringify({ seeds: count, failed: failed.length, ...sums, healP99Ms, seconds: Math.round(performance.now() - startedMs) / 1000 }),
);
process.exitCode = failed.length === 0 ? 0 : 1;
