import { join } from "node:path";
import { bundle, expectAllUsed } from "./bundle.ts";
import { type ChildReport, runChild } from "./child.ts";
import type { Edit, Mutant } from "./mutant.ts";
import type { Catch } from "./run-mutants.ts";
import { type Control, type ControlTask, LOADED, type Outcome, type Task } from "./trial.ts";

const PROGRAM = 'import { runTrial } from "./test/simulation/mutants/trial.ts";\nawait runTrial(process.argv[2]);';
/** A world takes a second or two, on a busy machine ten. */
const SILENCE_MS = 60_000;

/** Looks for a world in which a law tells of a mutant. */
export class WorldTrials {
  readonly #folder: string;
  readonly #firstSeed: number;
  readonly #seedCount: number;
  #count = 0;
  #shipped: Promise<string> | undefined;

  constructor(folder: string, firstSeed: number, seedCount: number) {
    this.#folder = folder;
    this.#firstSeed = firstSeed;
    this.#seedCount = seedCount;
  }

  async catch(mutant: Mutant): Promise<Catch> {
    const { alone, laws, options = {} } = mutant;
    const program = "edits" in mutant ? await this.#program(mutant.edits) : await this.#shippedProgram();
    const task: Task = {
      ...("seams" in mutant ? { seam: mutant.name } : {}),
      options,
      firstSeed: this.#firstSeed,
      seedCount: this.#seedCount,
      laws,
      ...(alone === undefined ? {} : { alone }),
    };
    const report = await this.#run(program, task);
    const outcome = outcomeOf(report);
    if (outcome === undefined) return ended(mutant, report);
    const { found } = outcome;
    const tookMs = outcome.cpuMs;
    if (found === undefined) return { mutant, isCaught: false, law: undefined, laws: [], what: "no world showed it", tookMs };
    const { seed, law, events, what } = found;
    const isMeant = alone === undefined ? laws.includes(law) : found.laws.length === 1 && law === alone;
    return { mutant, isCaught: isMeant, law, laws: found.laws, seed, events, what, tookMs };
  }

  /** Those of the results that stand: what the shipped code shows in the same world is none. In one process, which is warm by then. */
  async controlled(results: readonly Catch[]): Promise<readonly Catch[]> {
    const worlds = results.flatMap(({ mutant: { options = {} }, seed, isCaught }) =>
      isCaught && seed !== undefined ? [{ options, seed }] : [],
    );
    if (worlds.length === 0) return results;
    const { lines } = await this.#run(await this.#shippedProgram(), { worlds });
    const shown = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Control);
    let index = 0;
    return results.map((result) => {
      if (!result.isCaught || result.seed === undefined) return result;
      const control = shown[index++];
      if (control?.what === null) return result;
      return { ...result, isCaught: false, what: `that world shows it without the mutant: ${control?.what ?? "it did not end"}` };
    });
  }

  #run(program: string, task: Task | ControlTask): Promise<ChildReport> {
    return runChild([program, JSON.stringify(task)], { folder: this.#folder, silenceMs: SILENCE_MS });
  }

  #shippedProgram(): Promise<string> {
    this.#shipped ??= this.#program([]);
    return this.#shipped;
  }

  async #program(edits: readonly Edit[]): Promise<string> {
    const file = join(this.#folder, `world-${(this.#count += 1)}.mjs`);
    expectAllUsed(await bundle(PROGRAM, edits, file));
    return file;
  }
}

/** The process came to no end, or to another one than is meant. */
function ended(mutant: Mutant, { lines, errorOutput, isTimedOut }: ChildReport): Catch {
  const law = isTimedOut ? "hang" : "crash";
  const isCaught = lines.includes(LOADED) && mutant.laws.includes(law);
  return { mutant, isCaught, law, laws: [law], what: errorOutput.trim().split("\n").slice(0, 6).join(" "), tookMs: 0 };
}

function outcomeOf({ lines, code, isTimedOut }: ChildReport): Outcome | undefined {
  const last = lines.at(-1);
  return code === 0 && !isTimedOut && last?.startsWith("{") === true ? (JSON.parse(last) as Outcome) : undefined;
}
