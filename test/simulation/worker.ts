import type { Job } from "./pool.ts";
import { summarize } from "./summary.ts";

// A process of `pool.ts`: runs the seeds that it is sent, and goes with whoever sends them.
process.on("message", ({ seed, options }: Job) => {
  void summarize(seed, options).then((summary) => process.send?.(summary));
});
