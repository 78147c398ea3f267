import { describe, expect, test } from "vitest";
import type { Tally } from "./history.ts";
import { REGRESSION_SEEDS } from "./regression-seeds.ts";
import { CI_RUN, type Report, simulate } from "./simulate.ts";

/** As many worlds as a run of all tests has time for; `npm run sim` looks at more. */
const SEED_COUNT = 60;
const SEEDS_AT_ONCE = 10;
const TIMEOUT_MS = 180_000;

function expectFine({ seed, violations }: Report): void {
  const found = violations.map(({ law, what, atMs }) => `[${law}] at ${atMs.toFixed(0)} ms: ${what}`);
  expect({ found, again: `SEED=${seed} npm run sim` }).toEqual({ found: [], again: `SEED=${seed} npm run sim` });
}

describe("nodes and relays in a world of troubles", () => {
  const sums = new Map<keyof Tally, number>();

  for (let first = 1; first <= SEED_COUNT; first += SEEDS_AT_ONCE) {
    test(
      `[D1] [E8] [R4] [RP4] what was acknowledged is there, what ended stays ended, all are one again (seeds from ${first})`,
      async () => {
        for (let seed = first; seed < first + SEEDS_AT_ONCE; seed++) {
          const report = await simulate(seed, CI_RUN);
          expectFine(report);
          for (const [name, value] of Object.entries(report.tally) as [keyof Tally, unknown][])
            if (typeof value === "number") sums.set(name, (sums.get(name) ?? 0) + value);
        }
      },
      TIMEOUT_MS,
    );
  }

  test("enough was done and looked at to prove something", () => {
    const names = ["requests", "writes", "acked", "ends", "rotations", "revocations", "granted", "runs", "faults", "losses"] as const;
    expect(names.filter((name) => !((sums.get(name) ?? 0) > SEED_COUNT / 2))).toEqual([]);
    expect(sums.get("checks")).toBeGreaterThan(SEED_COUNT * 500);
  });

  for (const { seed, story } of REGRESSION_SEEDS)
    test(`[RP4] seed ${seed}: ${story}`, async () => expectFine(await simulate(seed, CI_RUN)), TIMEOUT_MS);
});

describe("the simulator itself", () => {
  test("the same seed is the same world, happening by happening, and another is another", async () => {
    const options = { ...CI_RUN, requests: 60, rounds: 1 };
    const [once, again, other] = [await simulate(5, options), await simulate(5, options), await simulate(6, options)];
    expect([again.digest, again.happenings, again.tally]).toEqual([once.digest, once.happenings, once.tally]);
    expect(other.digest).not.toBe(once.digest);
    expect(once.tally.checks).toBeGreaterThan(0);
  });
});
