import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { runSeeds } from "./pool.ts";
import { OPEN_SEEDS } from "./regression-seeds.ts";
import { PROOF_RUN, simulate } from "./simulate.ts";
import { Totals } from "./summary.ts";

/** As many worlds as a run of all tests has time for; `npm run sim` looks at more. */
const SEED_COUNT = 1_100;
const PROGRESS_MS = 10_000;
const TIMEOUT_MS = 30 * 60_000;

/** The same in each run, so that a change is judged by what it changed; `npm run sim` and the soak begin elsewhere each time. A failure names its seed. */
const first = Number(process.env["SIM_SEED"] ?? 1);
const totals = new Totals(PROOF_RUN);

test(
  `[D1] [E8] [R4] [RP4] what was acknowledged is there, what ended stays ended, all are one again (${SEED_COUNT} seeds from ${first})`,
  async () => {
    const candidates = Array.from({ length: SEED_COUNT + OPEN_SEEDS.length }, (_, index) => first + index);
    const seeds = candidates.filter((seed) => !OPEN_SEEDS.includes(seed)).slice(0, SEED_COUNT);
    const found: string[] = [];
    let toldMs = performance.now();
    process.stderr.write(`  simulator: ${SEED_COUNT} seeds from ${first}\n`);
    await runSeeds(seeds, PROOF_RUN, availableParallelism(), (summary) => {
      totals.add(summary);
      for (const { law, what, atMs } of summary.violations)
        found.push(`npm run sim -- --seed ${summary.seed}: [${law}] at ${atMs.toFixed(0)} ms: ${what}`);
      if (performance.now() - toldMs < PROGRESS_MS) return;
      toldMs = performance.now();
      process.stderr.write(`  simulator: ${totals.seeds} of ${SEED_COUNT} seeds, ${found.length} violations\n`);
    });
    expect(found).toEqual([]);
    expect(totals.seeds).toBe(SEED_COUNT);
  },
  TIMEOUT_MS,
);

test("enough was done, broken and looked at to prove something, in each seed and in all", () => {
  expect(totals.poor.map(({ seed }) => `npm run sim -- --seed ${seed}`)).toEqual([]);
  expect(totals.fewestOperations).toBeGreaterThanOrEqual(500);
  expect(totals.fewestFaultKinds).toBeGreaterThanOrEqual(3);
  const names = ["requests", "writes", "acked", "ends", "rotations", "revocations", "granted", "runs", "faults", "losses"] as const;
  expect(names.filter((name) => !((totals.sums[name] ?? 0) > SEED_COUNT / 2))).toEqual([]);
  expect(totals.sums["checks"]).toBeGreaterThan(SEED_COUNT * 500);
});

test.each(OPEN_SEEDS)("seed %i still shows a fault that is known: once it does not, it is one that showed a fault", async (seed) => {
  const { violations } = await simulate(seed, PROOF_RUN);
  expect(violations).not.toEqual([]);
});
