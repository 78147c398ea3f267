import { writeSync } from "node:fs";
import type { Violation } from "../history.ts";
import { CI_RUN, simulate, type SimulationOptions } from "../simulate.ts";
import { SEAM_MUTANTS } from "./seam-mutants.ts";

/*
 * Runs worlds until one shows what is looked for. A program of its own, bundled with the edits of its mutant (`bundle.ts`). Its last line is the outcome; a
 * process that ends without one was ended by its mutant.
 */

/** What a child says when all that it runs was loaded: a mutant that does not even load is none. */
export const LOADED = "loaded";
/** What it says after each world, so that one can tell a slow one from one that does not end. */
const WORLD = "world";

/** What a child is told to do. */
export interface Task {
  /** The name of the mutant, where it is one of what the simulator hands over. */
  readonly seam?: string;
  readonly options: Partial<SimulationOptions>;
  readonly firstSeed: number;
  readonly seedCount: number;
  readonly laws: readonly string[];
  /** Only a world in which this law alone tells of it is what is looked for. */
  readonly alone?: string;
}

/** Worlds of shipped code, which are to show nothing. */
export interface ControlTask {
  readonly worlds: readonly { readonly options: Partial<SimulationOptions>; readonly seed: number }[];
}

/** What is said of each of these worlds, in their order. */
export interface Control {
  /** Null: nothing is wrong with it. */
  readonly what: string | null;
}

export interface Outcome {
  /** Undefined: no world showed it. */
  readonly found: Finding | undefined;
  readonly seeds: number;
  /** What it cost, in time of the processor. */
  readonly cpuMs: number;
}

export interface Finding {
  readonly seed: number;
  /** Of those that it breaks, the one that told of it first. */
  readonly law: string;
  /** All that told in that world, to its end. */
  readonly laws: readonly string[];
  /** Things that had happened in that world by then. */
  readonly events: number;
  readonly what: string;
}

/** Runs the task that it is told as text, says what came of it, and ends the process. */
export async function runTrial(text: string): Promise<never> {
  const task = JSON.parse(text) as Task | ControlTask;
  say(LOADED);
  if ("worlds" in task) await control(task);
  else say(JSON.stringify(await find(task)));
  // Whatever the mutant left behind has nothing to say.
  process.exit(0);
}

/** The first world that is what is looked for; where none is, the first that shows anything. */
async function find({ seam, options, firstSeed, seedCount, laws, alone }: Task): Promise<Outcome> {
  const seams = SEAM_MUTANTS.find(({ name }) => name === seam)?.seams;
  let other: Finding | undefined;
  for (let index = 0; index < seedCount; index++) {
    const seed = firstSeed + index;
    const { violations } = await simulate(seed, { ...CI_RUN, ...options, ...(seams === undefined ? {} : { seams }) });
    const first = violations.find(({ law }) => laws.includes(law)) ?? violations[0];
    if (first !== undefined) {
      const finding = findingOf(seed, first, violations);
      const isMeant = alone === undefined ? laws.includes(finding.law) : finding.laws.length === 1 && finding.law === alone;
      if (isMeant) return { found: finding, seeds: index + 1, cpuMs: cpuMs() };
      other ??= finding;
    }
    say(WORLD);
  }
  return { found: other, seeds: seedCount, cpuMs: cpuMs() };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function control({ worlds }: ControlTask): Promise<void> {
  for (const { options, seed } of worlds) {
    const { violations } = await simulate(seed, { ...CI_RUN, ...options });
    say(JSON.stringify({ what: violations[0]?.what ?? null } satisfies Control));
  }
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function findingOf(seed: number, first: Violation, violations: readonly Violation[]): Finding {
  const laws = [...new Set(violations.map(({ law }) => law))];
  return { seed, law: first.law, laws, events: first.happenings, what: first.what.slice(0, 300) };
}
