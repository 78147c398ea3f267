import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { print } from "../support/print.ts";
import { failureText } from "./failure.ts";
import { mutantsMain, printLawTables } from "./mutants/main.ts";
import { numbersOfText } from "./numbers.ts";
import { runSeeds } from "./pool.ts";
import { shrink } from "./shrink.ts";
import { PROOF_RUN, type SimulationOptions } from "./simulate.ts";
import { Totals } from "./summary.ts";

/** So many failures are made small; of the others the seed says enough. */
const SHRUNK_MAX = 3;
const SHRINK_RUNS_MAX = 150;
const PROGRESS_MS = 5_000;
const SEED_COUNT = 2_000;

interface Arguments {
  readonly seed?: number;
  readonly seeds?: number;
  readonly requests: number;
  readonly operations: number;
  readonly rounds: number;
  readonly jobs: number;
  readonly shrinkRuns: number;
  readonly onlyFaults?: ReadonlySet<number>;
  readonly onlyRequests?: ReadonlySet<number>;
  readonly trace?: boolean;
  readonly mutants?: boolean;
  readonly mutant?: string;
  readonly mutantTable?: boolean;
}

function whole(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("must be a whole number");
  return value;
}

function numbers(text: string): ReadonlySet<number> {
  try {
    return numbersOfText(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

const program = new Command("npm run sim --")
  .description("Nodes, relays, disks, clocks and browsers in one process and one virtual time; what happens follows from the seed.")
  .option("--seed <n>", "the first seed (default: any, printed); alone: this one only", whole)
  .option("--seeds <n>", `how many (default: ${SEED_COUNT}, or 1 with --seed)`, whole)
  .option("--requests <n>", "requests of each seed", whole, PROOF_RUN.requests)
  .option("--operations <n>", "that the requests of each seed come to, at least", whole, PROOF_RUN.operations)
  .option("--rounds <n>", "of trouble and healing in each seed", whole, PROOF_RUN.rounds)
  .option("--jobs <n>", "processes that run seeds", whole, availableParallelism())
  .option("--shrink-runs <n>", "runs to make a failure small; 0: as it is", whole, SHRINK_RUNS_MAX)
  .option("--only-faults <list>", "of the faults these alone, as 1-4,9", numbers)
  .option("--only-requests <list>", "of the requests these alone, as 1-4,9", numbers)
  .option("--trace", "print everything that happens, to stderr")
  .option("--mutants", "plant every known fault, and see that each is caught within --seeds worlds")
  .option("--mutant <parts>", "of the mutants those alone whose name has one of these in it, or that break the law of this name")
  .option("--mutant-table", "print the tables of docs/mutants.md");

async function run(given: Arguments): Promise<boolean> {
  const first = given.seed ?? randomInt(2 ** 31);
  const count = given.seeds ?? (given.seed === undefined ? SEED_COUNT : 1);
  const options: SimulationOptions = {
    ...PROOF_RUN,
    requests: given.requests,
    operations: given.operations,
    rounds: given.rounds,
    ...(given.onlyFaults === undefined ? {} : { onlyFaults: given.onlyFaults }),
    ...(given.onlyRequests === undefined ? {} : { onlyRequests: given.onlyRequests }),
    ...(given.trace === true ? { onTrace: say } : {}),
  };
  const isHere = given.trace === true || options.onlyFaults !== undefined || options.onlyRequests !== undefined || count === 1;
  // What is left of a world is not all of it.
  const totals = new Totals(options.onlyFaults === undefined && options.onlyRequests === undefined ? options : {});
  say(`${count} seeds from ${first}`);
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  let toldMs = startedMs;
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  await runSeeds(seeds, options, isHere ? 1 : given.jobs, (summary) => {
    totals.add(summary);
    for (const { law, what, atMs } of summary.violations.slice(0, 3))
      say(`seed ${summary.seed} [${law}] at ${atMs.toFixed(0)} ms: ${what}`);
    if (performance.now() - toldMs < PROGRESS_MS) return;
    toldMs = performance.now();
    const operations = totals.sums["operations"] ?? 0;
    say(
      `${totals.seeds} of ${count} seeds, ${operations} operations, ${Math.round(operations / seconds())}/s, ${totals.failed.length} failed`,
    );
  });
  const tookSeconds = seconds();
  for (const { seed, violations } of totals.failed.slice(0, given.shrinkRuns === 0 ? 0 : SHRUNK_MAX)) {
    const law = violations[0]?.law ?? "";
    print(failureText(seed, options, law, await shrink(seed, { ...options, onTrace: () => undefined }, law, given.shrinkRuns)));
  }
  for (const { seed } of totals.failed.slice(SHRUNK_MAX)) print(`npm run sim -- --seed ${seed}`);
  for (const { seed, tally } of totals.poor)
    print(`seed ${seed} proves too little: ${tally.operations} operations, ${Object.keys(tally.faultKinds).length} kinds of faults`);
  const { operations = 0, ...others } = totals.sums;
  print(
    JSON.stringify({
      seeds: totals.seeds,
      firstSeed: first,
      operations,
      faults: totals.faults,
      violations: totals.violations,
      virtualSeconds: Math.round(totals.virtualMs / 1_000),
      failedSeeds: totals.failed.map(({ seed }) => seed),
      seconds: Math.round(tookSeconds * 10) / 10,
      cpuSeconds: Math.round(totals.cpuMs / 100) / 10,
      fewestFaultKinds: totals.fewestFaultKinds,
      fewestOperations: totals.fewestOperations,
      healP99Ms: totals.healP99Ms,
      done: others,
    }),
  );
  return totals.failed.length + totals.poor.length === 0;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

program.parse();
const given = program.opts<Arguments>();
process.exitCode = (await answer(given)) ? 0 : 1;

async function answer({ mutants, mutant, mutantTable, seed, seeds, jobs }: Arguments): Promise<boolean> {
  if (mutantTable === true) return printLawTables().then(() => true);
  if (mutants !== true) return run(given);
  return mutantsMain(mutant, { ...(seed === undefined ? {} : { firstSeed: seed }), ...(seeds === undefined ? {} : { seeds }), jobs });
}
