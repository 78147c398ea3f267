import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SimulationOptions } from "./simulate.ts";
import { type Summary, summarize } from "./summary.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

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
  const rest = [...seeds];
  await Promise.all(Array.from({ length: Math.min(processCount, seeds.length) }, () => runInWorker(rest, options, onSummary)));
}

/** Gives one process a seed after the other, until none is left. */
function runInWorker(rest: number[], options: SimulationOptions, onSummary: (summary: Summary) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(WORKER);
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
