/**
 * Real processes, real faults: `npm run chaos [-- <scenario> …] [--quick] [--list] [--seed <number>] [--trials <number>]`. Progress goes to the error stream;
 * the last line is JSON. Ends with 1 when anything was wrong.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { runScenario, summaryOf, whyNot } from "./run.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import type { ScenarioResult } from "./scenarios/scenario.ts";

/** Violations of one scenario that are printed: they tend to be alike. */
const SHOWN_MAX = 12;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, list: { type: "boolean" }, seed: { type: "string" }, trials: { type: "string" } },
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const unknown = positionals.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
if (values.list === true || unknown.length > 0) {
  if (unknown.length > 0) say(`There is no scenario called ${unknown.join(", ")}. These are:`);
  for (const { name, what, isQuick } of SCENARIOS) process.stdout.write(`${name.padEnd(22)} ${what}${isQuick ? " (quick)" : ""}\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}
const isQuick = values.quick ?? false;
const trialCount = values.trials === undefined ? undefined : Number(values.trials);
if (trialCount !== undefined && !(Number.isSafeInteger(trialCount) && trialCount > 0)) {
  say("--trials must be a whole number above 0");
  process.exit(2);
}
const seed = Number(values.seed ?? randomInt(2 ** 31));
say(`seed ${seed}: the load repeats with --seed ${seed}; what the machine does in between does not`);
const chosen = SCENARIOS.filter(({ name, isQuick: isShort }) =>
  positionals.length > 0 ? positionals.includes(name) : isShort || !isQuick,
);
const results: ScenarioResult[] = [];
for (const scenario of chosen) {
  const beganAtMs = performance.now();
  say(`\n${scenario.name}: ${scenario.what}`);
  const missing = whyNot(scenario);
  const result: ScenarioResult =
    missing === undefined
      ? await runScenario(scenario, { seed, isQuick, trialCount, log: (line) => say(`  ${line}`) })
      : { violations: [`it cannot run here: ${missing}`], counts: {}, convergenceMs: [], healMs: [] };
  results.push(result);
  const seconds = Math.round((performance.now() - beganAtMs) / 1000);
  say(`  ${JSON.stringify(result.counts)}`);
  for (const violation of result.violations.slice(0, SHOWN_MAX)) say(`  ✗ ${violation}`);
  if (result.violations.length > SHOWN_MAX) say(`  ✗ … ${result.violations.length - SHOWN_MAX} more`);
  say(`  ${result.violations.length === 0 ? "passed" : "FAILED"} in ${seconds} s`);
}
const summary = summaryOf(results);
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.exitCode = summary.passed === summary.scenarios ? 0 : 1;
