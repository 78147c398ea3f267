import { availableParallelism } from "node:os";
import { edited, shipped } from "./bundle.ts";
import { makeFolder } from "./program-folder.ts";
import type { Mutant } from "./mutant.ts";
import { catchByTests, isByTest } from "./by-tests.ts";
import { WorldTrials } from "./by-worlds.ts";

/** A mutant is found by then, or not at all. */
const SEED_COUNT = 12;

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
  /** Of the processor where worlds were tried, else of the clock. */
  readonly tookMs: number;
}

export interface MutantOptions {
  readonly firstSeed?: number;
  readonly seeds?: number;
  readonly jobs?: number;
  readonly onCatch?: (result: Catch) => void;
}

/** Plants each mutant and looks whether it is found out, by a law that it breaks. Answers in the order of `mutants`. */
export async function runMutants(mutants: readonly Mutant[], options: MutantOptions = {}): Promise<readonly Catch[]> {
  const { firstSeed = 1, seeds = SEED_COUNT, jobs = availableParallelism(), onCatch = () => undefined } = options;
  await expectAllFit(mutants);
  const { folder, remove } = await makeFolder();
  const ofWorlds: Catch[] = [];
  try {
    const trials = new WorldTrials(folder, firstSeed, seeds);
    // The tests of the others wait more than they work.
    const ofTests = catchByTests(mutants, folder, jobs, onCatch);
    await inTurn(
      mutants.filter((mutant) => !isByTest(mutant)),
      jobs,
      async (mutant) => {
        const result = await trials.catch(mutant);
        ofWorlds.push(result);
        onCatch(result);
      },
    );
    const results = [...(await trials.controlled(ofWorlds)), ...(await ofTests)];
    return mutants.flatMap((mutant) => results.find((result) => result.mutant === mutant) ?? []);
  } finally {
    await remove();
  }
}

/** Before anything runs. @throws when the code has changed, and a mutant has not */
async function expectAllFit(mutants: readonly Mutant[]): Promise<void> {
  const edits = mutants.flatMap((mutant) => ("edits" in mutant ? mutant.edits : []));
  await Promise.all(edits.map(async (edit) => edited(await shipped(edit.file), edit)));
}

/** So many at a time. */
async function inTurn<Item>(items: readonly Item[], jobs: number, work: (item: Item) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}
