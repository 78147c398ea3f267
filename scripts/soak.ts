/**
 * `npm run soak [-- <part> …] [--list]`: everything that looks for faults by chance, for hours, in parts of at most 40 minutes. Each part's last line is
 * kept in docs/soak.jsonl, where it replaces the one of the last time, and docs/soak.svg is drawn from all of them. Ends with 1 when a part failed.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { soakFigures, soakPicture } from "./soak-picture.ts";

interface Part {
  readonly name: string;
  /** An npm script, and what it is told. */
  readonly command: readonly string[];
}

const LINES = "docs/soak.jsonl";
const PICTURE = "docs/soak.svg";
const PART_MS_MAX = 40 * 60_000;
const SIM_PARTS = 20;
const SIM_SEEDS = 1_000;

const PARTS: readonly Part[] = [
  ...Array.from({ length: SIM_PARTS }, (_, index) => ({
    name: `sim-${index + 1}`,
    command: ["sim", "--seed", String(1_000_000 * (index + 1)), "--seeds", String(SIM_SEEDS)],
  })),
  { name: "light", command: ["light", "--events", "200000000"] },
  { name: "model", command: ["model"] },
  // As far as memory goes: more of it than any world has is not there.
  { name: "model-4", command: ["model", "--nodes", "4", "--worlds-only", "--memory", "6000", "--minutes", "35"] },
  { name: "fuzz", command: ["fuzz", "--inputs", "5000000"] },
  ...trials("kill-trials", 5, 2_000),
  ...trials("cut-then-kill-trials", 1, 1_000),
  { name: "chaos", command: ["chaos"] },
];

const program = new Command("npm run soak --")
  .description("Looks for faults by chance, for hours, in parts.")
  .argument("[parts...]", "these alone (default: all)")
  .option("--list", "name the parts")
  .parse();
const wanted = program.args;
const unknown = wanted.filter((name) => PARTS.every((part) => part.name !== name));
if (unknown.length > 0) program.error(`There is no part called ${unknown.join(", ")}: npm run soak -- --list names them.`);
if (program.opts<{ list?: boolean }>().list === true) {
  for (const { name, command } of PARTS) process.stdout.write(`${name.padEnd(24)} ${lineOf(command)}\n`);
} else {
  const failed: string[] = [];
  for (const part of PARTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    process.stderr.write(`\n${part.name}: ${lineOf(part.command)}\n`);
    const { code, line } = await run(part);
    if (code !== 0) failed.push(part.name);
    if (line !== undefined) keep(part.name, line);
  }
  process.stdout.write(`${JSON.stringify({ parts: wanted.length === 0 ? PARTS.length : wanted.length, failed })}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

/** As somebody would type it. */
function lineOf([script = "", ...args]: readonly string[]): string {
  return `npm run ${script}${args.length === 0 ? "" : ` -- ${args.join(" ")}`}`;
}

function trials(name: string, partCount: number, trialCount: number): Part[] {
  return Array.from({ length: partCount }, (_, index) => ({
    name: partCount === 1 ? name : `${name}-${index + 1}`,
    command: ["chaos", name, "--trials", String(trialCount)],
  }));
}

/** Its exit code, and the object in its last line, if there is one. */
async function run({ command: [script = "", ...args] }: Part): Promise<{ readonly code: number; readonly line: object | undefined }> {
  const child = spawn("npm", ["run", "--silent", script, "--", ...args], { stdio: ["ignore", "pipe", "inherit"], timeout: PART_MS_MAX });
  let last = "";
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`);
    if (line !== "") last = line;
  }
  const code = child.exitCode ?? (await new Promise<number>((resolve) => child.once("exit", (exitCode) => resolve(exitCode ?? 1))));
  return { code, line: last.startsWith("{") ? (JSON.parse(last) as object) : undefined };
}

function keep(name: string, line: object): void {
  const lines = existsSync(LINES) ? readFileSync(LINES, "utf8").split("\n").filter(Boolean) : [];
  const others = lines.filter((other) => (JSON.parse(other) as { part?: string }).part !== name);
  const text = [...others, JSON.stringify({ part: name, ...line })].join("\n");
  writeFileSync(LINES, `${text}\n`);
  writeFileSync(PICTURE, soakPicture(soakFigures(text)));
}
