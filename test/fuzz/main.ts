/**
 * Broken and hostile bytes for everything that decodes:
 * `npm run fuzz [-- --seed <n>] [--inputs <n>] [--target <name> …] [--input <n> | --hex <bytes>] [--list]`. Progress goes to the error stream; the last line is
 * JSON. Ends with 1 when anything was found. A number names an input: the same seed, target and number give the same bytes.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { print } from "../support/print.ts";
import type { Finding, FindingKind, Tally } from "./finding.ts";
import { CI_INPUTS, fuzz, partsOf, replayOf } from "./fuzz.ts";
import type { PlanPart } from "./process.ts";
import { isTargetName, TARGET_SHARES, type TargetName } from "./target.ts";

/** Of an input that is printed. The replay line gives all of it. */
const HEX_SHOWN = 400;
/** Findings that are printed: they tend to be alike. */
const SHOWN_MAX = 10;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    inputs: { type: "string" },
    target: { type: "string", multiple: true },
    input: { type: "string" },
    hex: { type: "string" },
    list: { type: "boolean" },
  },
});
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const all = Object.keys(TARGET_SHARES).filter(isTargetName);
const names = (values.target ?? all).map((name): TargetName => {
  if (isTargetName(name)) return name;
  say(`There is no target called ${name}. These are: ${all.join(", ")}`);
  process.exit(2);
});
if (values.list === true) {
  for (const name of all) print(name);
  process.exit(0);
}

function numberOf(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number`);
  return value;
}

function plan(): PlanPart[] {
  if (values.hex !== undefined) return names.map((target) => ({ target, from: 0, count: 1, hex: values.hex }));
  if (values.input === undefined) return partsOf(names, numberOf("inputs", values.inputs, CI_INPUTS));
  const from = numberOf("input", values.input, 0);
  return names.map((target) => ({ target, from, count: 1 }));
}

const seed = numberOf("seed", values.seed, randomInt(2 ** 31));
say(`seed ${seed}: all of it repeats with --seed ${seed}`);
const startedMs = performance.now();
const { inputs, findings, byTarget, grownBytes } = await fuzz({ seed, parts: plan(), log: say });
for (const finding of findings.slice(0, SHOWN_MAX)) show(finding);
if (findings.length > SHOWN_MAX) say(`… ${findings.length - SHOWN_MAX} more`);
const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
print(
  JSON.stringify({
    inputs,
    crashes: count("crash"),
    hangs: count("hang"),
    acceptedInconsistent: count("inconsistent"),
    memory: count("memory"),
    heapGrowthMiB: mebibytes(grownBytes),
    seed,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    cpuSeconds: Math.round([...byTarget.values()].reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) * 10) / 10,
    byTarget: Object.fromEntries([...byTarget].map(([name, tally]) => [name, shown(tally)])),
  }),
);
process.exitCode = findings.length === 0 ? 0 : 1;

function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}

function shown({ inputs: handed, accepted, slowestMs, cpuSeconds, grownBytes: grown }: Tally): Record<string, number> {
  const perCpuSecond = Math.round(handed / Math.max(cpuSeconds, 0.001));
  return { inputs: handed, accepted, perCpuSecond, slowestMs: Math.round(slowestMs * 10) / 10, heapGrowthMiB: mebibytes(grown) };
}

function show(finding: Finding): void {
  say(`\n${finding.kind} in ${finding.target}: ${finding.why}`);
  say(`  ${finding.hex.slice(0, HEX_SHOWN)}${finding.hex.length > HEX_SHOWN ? "…" : ""} (${finding.hex.length / 2} bytes)`);
  say(`  ${replayOf(seed, finding)}`);
}
