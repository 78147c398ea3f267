import { PROOF_RUN, type SimulationOptions } from "./simulate.ts";

/** A world that once showed a fault, and what it was. Kept for good: each run looks at all of them. */
export interface RegressionSeed {
  readonly seed: number;
  readonly story: string;
  /** Where something else was asked for. */
  readonly options?: Partial<SimulationOptions>;
}

/** With `CI_RUN` (`--requests 320 --operations 0`); a change of the workload or of the troubles makes other worlds of them, which are as good as any. */
export const REGRESSION_SEEDS: readonly RegressionSeed[] = [
  { seed: 8, story: "a digest frame named its groups out of order, and honest peers parted" },
  { seed: 39, story: "one writer id in a session and in the one that goes on from it: a write of the new one was dropped" },
  { seed: 57, story: "the same, with a relay's ack" },
  {
    seed: 7,
    story:
      "a page renewed its session's id while another request wrote: the next change in place was taken for another object, and dropped what the other wrote",
  },
  { seed: 2, story: "the same as seed 7, with two requests" },
  {
    seed: 5,
    story: "all faults of a long round came early, and the requests after them were not waited for (the simulator's own fault)",
    options: {
      browsers: 10,
      requests: 200,
      roundMs: 50_000,
      mix: { read: 90, write: 5, create: 1, end: 1, page: 0 },
      world: { briefShare: 1, nodes: 3 },
    },
  },
  {
    seed: 23,
    story: "a browser was told that a grace is over, and copies that no sweep had come to counted as alive (a checker's own fault)",
    options: PROOF_RUN,
  },
  { seed: 118, story: "the same, seen by the next request of the browser" },
  {
    seed: 216,
    story: "a node was closed while a request loaded its session: beginning that request rejected, and ended the process",
    options: PROOF_RUN,
  },
  {
    seed: 700_006,
    story: "a relay could not store a state for a while: it said so once, and its node waited for that ack for good",
    options: PROOF_RUN,
  },
];

/** Worlds of `PROOF_RUN` that show faults which are known and not fixed yet (docs/testing.md). Whoever fixes one moves its seed up. */
export const OPEN_SEEDS: readonly number[] = [261, 680, 803];
