import { fork } from "node:child_process";
import { bundleOf, removeBundles } from "../support/bundle.ts";
import type { SimulationOptions } from "./simulate.ts";
import { type Summary, summarize } from "./summary.ts";

/** From the root of the repository, where every command of it runs. */
const WORKER = "test/simulation/worker.ts";
/** Most of what a world makes is of no use a moment later: with room for more of it less is copied. */
const EXEC_ARGV = ["--max-semi-space-size=64"];

export interface Job {
  readonly seed: number;
  readonly options: SimulationOptions;
}

/** Runs every seed, in so many processes; with one, in this one. Which process ran a seed changes nothing of it. */
export async function runSeeds(
  seeds: readonly number[],
  options: SimulationOptions,
  processCount: number,
  onSummary: (summary: Summary) => void,
): Promise<void> {
  if (processCount < 2) {
    for (const seed of seeds) onSummary(await summarize(seed, options));
    return;
  }
  // One bundle for all: with the packages' own modules each process would read, compile and link a few hundred files.
  const program = bundleOf(WORKER);
  const rest = [...seeds];
  try {
    await Promise.all(Array.from({ length: Math.min(processCount, seeds.length) }, () => runInWorker(program, rest, options, onSummary)));
  } finally {
    removeBundles();
  }
}

/** Gives one process a seed after the other, until none is left. */
function runInWorker(program: string, rest: number[], options: SimulationOptions, onSummary: (summary: Summary) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(program, { execArgv: EXEC_ARGV });
    let seed: number | undefined;
    const next = (): void => {
      seed = rest.shift();
      if (seed === undefined) worker.disconnect();
      else worker.send({ seed, options } satisfies Job);
    };
    worker.on("message", (summary: Summary) => {
      onSummary(summary);
      next();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      if (seed === undefined) resolve();
      else reject(new Error(`the process that ran seed ${seed} ended with ${code}`));
    });
    next();
  });
}
