import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Finding, type Tally, tallyOf } from "./finding.ts";
import { readJournal } from "./journal.ts";
import type { Plan, PlanPart, Told } from "./process.ts";
import { sharesOf, type TargetName } from "./target.ts";

/** Of one CI run. `npm run fuzz -- --inputs 5000000` is the soak's share. */
export const CI_INPUTS = 500_000;

export interface FuzzOptions {
  readonly seed: number;
  readonly parts: readonly PlanPart[];
  readonly log: (line: string) => void;
  /** An input under way for longer ends its process. Milliseconds. */
  readonly stuckAfterMs?: number;
  /** The program that hands the inputs over; for tests of this. */
  readonly program?: string;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly findings: readonly Finding[];
  readonly byTarget: ReadonlyMap<TargetName, Tally>;
  /** What a process held more at its end than before its first input. */
  readonly grownBytes: number;
}

/** Generous: the machine may be busy. What is merely slow was told by the process itself. */
const STUCK_AFTER_MS = 20_000;
const HEAP_MEGABYTES = 512;
/** So many deaths say enough. */
const DEATHS_MAX = 20;

/** Which inputs a run of so many hands to each of these targets. */
export function partsOf(names: readonly TargetName[], inputs: number): PlanPart[] {
  return [...sharesOf(names, inputs)].map(([target, count]) => ({ target, from: 0, count }));
}

/** The command that tries one finding again. */
export function replayOf(seed: number, { target, index, hex }: Finding): string {
  return `npm run fuzz -- --target ${target} ${index < 0 ? `--hex ${hex}` : `--seed ${seed} --input ${index}`}`;
}

/** Hands all inputs over in a process that may die: what ended it is found in its journal, and the next one goes on behind it. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const folder = mkdtempSync(join(tmpdir(), "converge-fuzz-"));
  const findings: Finding[] = [];
  const byTarget = new Map<TargetName, Tally>();
  let rest: readonly PlanPart[] = options.parts;
  let grownBytes = 0;
  try {
    for (let deaths = 0; rest.length > 0 && deaths < DEATHS_MAX; deaths++) {
      const plan: Plan = { seed: options.seed, journal: join(folder, `journal-${deaths}`), parts: rest };
      const done = new Map<TargetName, number>();
      const { end, current } = await run(options, plan, (told) => {
        if (told.kind === "finding") findings.push(told.finding);
        if (told.kind === "ended") grownBytes = Math.max(grownBytes, told.grownBytes);
        if (told.kind !== "done") return;
        byTarget.set(told.target, tallyOf(byTarget.get(told.target), told.tally));
        done.set(told.target, (done.get(told.target) ?? 0) + told.tally.inputs);
        options.log(`${told.target}: ${byTarget.get(told.target)?.inputs ?? 0} inputs`);
      });
      if (end === undefined) break;
      const last = current === undefined ? undefined : readJournal(plan.journal);
      if (current === undefined || last === undefined)
        throw new Error(`the process of the fuzzer ended before its first input: ${end.why}`);
      findings.push({ kind: end.kind, target: current, index: last.index, hex: Buffer.from(last.input).toString("hex"), why: end.why });
      rest = rest.slice(rest.findIndex(({ target }) => target === current)).flatMap((part) => behind(part, current, last.index));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  let inputs = 0;
  for (const tally of byTarget.values()) inputs += tally.inputs;
  return { inputs, findings, byTarget, grownBytes };
}

/** What is left of a part after the input that ended the process. */
function behind(part: PlanPart, current: TargetName, index: number): PlanPart[] {
  if (part.target !== current) return [part];
  const count = part.from + part.count - (index + 1);
  return count > 0 && part.hex === undefined ? [{ ...part, from: index + 1, count }] : [];
}

interface End {
  readonly kind: "crash" | "hang";
  readonly why: string;
}

/** Resolves when the process is gone: without an `end` where it had done everything. `current`: the target that it was at. */
async function run(
  { stuckAfterMs = STUCK_AFTER_MS, program = join(import.meta.dirname, "process.ts") }: FuzzOptions,
  plan: Plan,
  onTold: (told: Told) => void,
): Promise<{ readonly end: End | undefined; readonly current: TargetName | undefined }> {
  const args = ["--expose-gc", `--max-old-space-size=${HEAP_MEGABYTES}`, "--import", "tsx", program, JSON.stringify(plan)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let current: TargetName | undefined;
  let errorOutput = "";
  const stuck = { isSo: false };
  let before: number | undefined;
  child.stderr.on("data", (chunk: Buffer) => (errorOutput = (errorOutput + chunk.toString()).slice(-2_000)));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const told = JSON.parse(line) as Told;
    if (told.kind === "begun") current = told.target;
    onTold(told);
  });
  const watch = setInterval(() => {
    const now = current === undefined ? undefined : readJournal(plan.journal)?.index;
    if (now !== undefined && now === before) {
      stuck.isSo = true;
      child.kill("SIGKILL");
    }
    before = now;
  }, stuckAfterMs);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.once("close", (...ended) => resolve(ended)));
  clearInterval(watch);
  if (stuck.isSo) return { end: { kind: "hang", why: `no end within ${stuckAfterMs} ms` }, current };
  if (code === 0) return { end: undefined, current };
  return { end: { kind: "crash", why: `the process ended with ${signal ?? code}: ${errorOutput.trim().slice(0, 600)}` }, current };
}
