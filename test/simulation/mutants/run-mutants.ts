import type { Mutant, SourceMutant, TestCase } from "./mutant.ts";
import { type ChildReport, Sandbox } from "./sandbox.ts";
import { simulate, CI_RUN } from "../simulate.ts";
import { findViolation, type Finding, LOADED, type Outcome, type Task } from "./trial.ts";

/** A mutant is found by then, or not at all. */
const SEED_COUNT = 12;
const TRIAL_TIMEOUT_MS = 300_000;
const TEST_TIMEOUT_MS = 180_000;

/** How one mutant was caught. */
export interface Catch {
  readonly mutant: Mutant;
  readonly isCaught: boolean;
  /** The law that told first; `crash` and `hang` where the process did. */
  readonly law: string | undefined;
  /** All that told in that world. */
  readonly laws: readonly string[];
  /** Where the simulator caught it. */
  readonly seed?: number;
  readonly events?: number;
  readonly what: string;
}

export interface MutantOptions {
  readonly seeds?: number;
  readonly onCatch?: (result: Catch) => void;
}

/** The closing report: the laws that alone told of some mutant, and those that told of one. */
export interface MutantReport {
  readonly mutants: number;
  readonly caught: number;
  readonly missed: readonly string[];
  readonly sole: readonly string[];
  readonly notSole: readonly string[];
}

/** Plants each mutant in turn and looks whether it is found out, by a law that it breaks. */
export async function runMutants(mutants: readonly Mutant[], { seeds = SEED_COUNT, onCatch }: MutantOptions = {}): Promise<MutantReport> {
  const sandbox = await Sandbox.create();
  const results: Catch[] = [];
  try {
    for (const mutant of mutants) {
      const result = await catchMutant(mutant, seeds, sandbox);
      results.push(result);
      onCatch?.(result);
    }
  } finally {
    await sandbox.remove();
  }
  return reportOf(results);
}

/** `isBrief`: each world ends at its first violation, and what it shows without the mutant is for others to look at. */
export async function catchMutant(mutant: Mutant, seeds: number, sandbox: Sandbox, isBrief = false): Promise<Catch> {
  const options = isBrief ? { ...mutant.options, isStopping: true } : { ...mutant.options };
  const judged = (outcome: Outcome): Catch | Promise<Catch> =>
    isBrief && outcome.found !== undefined ? caught(mutant, outcome.found) : verified(mutant, outcome);
  if ("seams" in mutant) return judged(await findViolation({ ...options, seams: mutant.seams }, seeds, mutant.laws));
  if (mutant.test !== undefined) return catchByTest(mutant, mutant.test, sandbox);
  const task: Task = { options, seeds, laws: mutant.laws };
  const trial = "test/simulation/mutants/trial.ts";
  const report = await sandbox.with(mutant.edits, () => sandbox.run(["--import", "tsx", trial, JSON.stringify(task)], TRIAL_TIMEOUT_MS));
  const outcome = outcomeOf(report);
  if (outcome !== undefined) return judged(outcome);
  // A machine that is busy with other things makes a run slow: that it did not come to its end tells of nothing.
  const law = report.isTimedOut ? "hang" : "crash";
  const isCaught = report.lines.includes(LOADED) && mutant.laws.includes(law);
  return { mutant, isCaught, law, laws: [law], what: report.errorOutput.trim().split("\n").slice(0, 6).join(" ") };
}

function outcomeOf({ lines, code, isTimedOut }: ChildReport): Outcome | undefined {
  const last = lines.at(-1);
  return code === 0 && !isTimedOut && last !== undefined && last !== LOADED ? (JSON.parse(last) as Outcome) : undefined;
}

/** It is the fault that was found, and not something that this world shows without it; and one of its own laws told of it. */
async function verified(mutant: Mutant, { found }: Outcome): Promise<Catch> {
  if (found === undefined) return { mutant, isCaught: false, law: undefined, laws: [], what: "no world showed it" };
  const { violations } = await simulate(found.seed, { ...CI_RUN, ...mutant.options });
  if (violations.length > 0)
    return { ...caught(mutant, found), isCaught: false, what: `that world shows it without the mutant: ${found.what}` };
  return caught(mutant, found);
}

function caught(mutant: Mutant, { seed, law, laws, events, what }: Finding): Catch {
  return { mutant, isCaught: mutant.laws.some((each) => laws.includes(each)), law, laws, seed, events, what };
}

interface TestResults {
  readonly numFailedTests: number;
}

/** The named test fails with the mutant. That it passes without is looked at by every run of the tests. */
async function catchByTest(mutant: SourceMutant, { project, file, title }: TestCase, sandbox: Sandbox): Promise<Catch> {
  const program = "node_modules/vitest/vitest.mjs";
  const args = ["run", "--project", project, file, "-t", pattern(title), "--reporter", "json"];
  const { lines, errorOutput, isTimedOut } = await sandbox.with(mutant.edits, () => sandbox.run([program, ...args], TEST_TIMEOUT_MS));
  const results = lines.find((line) => line.startsWith("{")) ?? "{}";
  const { numFailedTests = 0 } = JSON.parse(results) as Partial<TestResults>;
  const isCaught = numFailedTests > 0;
  const law = mutant.laws[0];
  const why = isTimedOut ? `${file} did not come to its end` : errorOutput.slice(0, 300);
  return { mutant, isCaught, law, laws: isCaught ? mutant.laws : [], what: isCaught ? `${file}: ${title}` : why };
}

function pattern(title: string): string {
  return title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function reportOf(results: readonly Catch[]): MutantReport {
  const caughtOnes = results.filter(({ isCaught }) => isCaught);
  const told = new Set(caughtOnes.flatMap(({ laws }) => laws));
  const sole = new Set(caughtOnes.flatMap(({ laws }) => (laws.length === 1 ? laws : [])));
  return {
    mutants: results.length,
    caught: caughtOnes.length,
    missed: results.filter(({ isCaught }) => !isCaught).map(({ mutant }) => mutant.name),
    sole: [...sole].sort(),
    notSole: [...told].filter((law) => !sole.has(law)).sort(),
  };
}

/** "caught", or why not. */
export function verdictOf({ isCaught, laws, what }: Catch): string {
  return isCaught ? "caught" : `missed (told: ${laws.join(" ") || "nothing"}): ${what}`;
}

/** One line of the report. */
export function lineOf({ mutant, isCaught, law, laws, seed, events, what }: Catch): string {
  const others = laws.filter((each) => each !== law);
  if (!isCaught) return `MISSED ${mutant.name}: ${verdictOf({ mutant, isCaught, law, laws, what })}`;
  const where = seed === undefined ? what : `seed ${seed}, ${events} events`;
  return `[${law}] ${mutant.name}: ${where}${others.length === 0 ? "" : ` (also ${others.join(" ")})`}`;
}
