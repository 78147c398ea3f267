import { writeSync } from "node:fs";
import type { Violation } from "../history.ts";
import { CI_RUN, simulate, type SimulationOptions } from "../simulate.ts";

/*
 * Runs worlds until one shows what is looked for: `trial.ts '{"options":…,"seeds":12,"laws":["E8"]}'`. A program of its own, since the code that it runs is that
 * of the copy in which it stands. Its last line is the outcome; a process that ends without one was ended by its mutant.
 */

/** What a child says when all that it runs was loaded: a mutant that does not even load is none. */
export const LOADED = "loaded";

/** What a child is told to do. */
export interface Task {
  readonly options: Partial<SimulationOptions>;
  readonly seeds: number;
  readonly laws: readonly string[];
}

export interface Outcome {
  /** Undefined: no world showed it. */
  readonly found: Finding | undefined;
  readonly seeds: number;
}

export interface Finding {
  readonly seed: number;
  /** Of those that it breaks, the one that told of it first. */
  readonly law: string;
  /** All that told in that world. */
  readonly laws: readonly string[];
  /** Things that had happened in that world by then. */
  readonly events: number;
  readonly what: string;
}

/** The first world that shows a violation of one of these laws; where none does, the first that shows any. */
export async function findViolation(options: Partial<SimulationOptions>, seedCount: number, laws: readonly string[]): Promise<Outcome> {
  let found: Finding | undefined;
  for (let seed = 1; seed <= seedCount; seed++) {
    const { violations } = await simulate(seed, { ...CI_RUN, ...options });
    const first = violations.find(({ law }) => laws.includes(law));
    if (first !== undefined) return { found: findingOf(seed, first, violations), seeds: seed };
    if (found === undefined && violations[0] !== undefined) found = findingOf(seed, violations[0], violations);
  }
  return { found, seeds: seedCount };
}

function findingOf(seed: number, first: Violation, violations: readonly Violation[]): Finding {
  const laws = [...new Set(violations.map(({ law }) => law))];
  return { seed, law: first.law, laws, events: first.happenings, what: first.what.slice(0, 300) };
}

const [, , text] = process.argv;
if (import.meta.filename === process.argv[1] && text !== undefined) {
  const { options, seeds, laws } = JSON.parse(text) as Task;
  writeSync(1, `${LOADED}\n`);
  const outcome = await findViolation(options, seeds, laws);
  writeSync(1, `${JSON.stringify(outcome)}\n`);
  // Whatever the mutant left behind has nothing to say.
  process.exit(0);
}
