import { describe, expect, test } from "vitest";
import type { Tally } from "./history.ts";
import { SEAM_MUTANTS as MUTANTS } from "./mutants/seam-mutants.ts";
import { failureText } from "./failure.ts";
import { numbersOfText, textOfNumbers } from "./numbers.ts";
import { REGRESSION_SEEDS } from "./regression-seeds.ts";
import { shrink } from "./shrink.ts";
import { CI_RUN, type Report, simulate } from "./simulate.ts";

/** As many worlds as a run of all tests has time for; `npm run sim` looks at more. */
const SEED_COUNT = 40;
const SEEDS_AT_ONCE = 10;
/** Kinds of trouble that strike in each world, at least. */
const FAULT_KINDS_MIN = 3;
/** A mutant is found by then, or not at all. */
const MUTANT_SEEDS = 12;
const TIMEOUT_MS = 180_000;

function expectFine({ seed, violations }: Report): void {
  const found = violations.map(({ law, what, atMs }) => `[${law}] at ${atMs.toFixed(0)} ms: ${what}`);
  const again = `npm run sim -- --seed ${seed}`;
  expect({ found, again }).toEqual({ found: [], again });
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
          expect(Object.keys(report.tally.faultKinds).length).toBeGreaterThanOrEqual(FAULT_KINDS_MIN);
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

  test("what is left out changes nothing of what else the seed draws", async () => {
    const options = { ...CI_RUN, requests: 60, rounds: 1 };
    const all = await simulate(5, options);
    const numbers = (letter: string): number[] =>
      all.incidents.filter(({ name }) => name.startsWith(letter)).map(({ name }) => Number(name.slice(1)));
    const [faults, requests] = [numbers("f").slice(2), numbers("r").slice(30)];
    const some = await simulate(5, { ...options, onlyFaults: new Set(faults), onlyRequests: new Set(requests) });
    const when = (report: Report, name: string): number | undefined => report.incidents.find((each) => each.name === name)?.atMs;
    for (const number of requests) expect([undefined, when(all, `r${number}`)]).toContain(when(some, `r${number}`));
    expect(some.incidents.length).toBeLessThan(all.incidents.length);
    expect(some.incidents.length).toBeGreaterThan(0);
  });

  test(
    "a failure is made small, and what is left fails by the same law, as often as it is run",
    async () => {
      const ended = MUTANTS.find(({ name }) => name === "a relay takes in no end");
      if (ended === undefined) expect.fail("there is no such mutant");
      const options = { ...CI_RUN, ...ended.options, requests: 160, seams: ended.seams };
      for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
        const [violation] = (await simulate(seed, options)).violations;
        if (violation === undefined) continue;
        const shrunk = await shrink(seed, options, violation.law, 40);
        if (shrunk === undefined) expect.fail("it did not fail again");
        expect(shrunk.violation.law).toBe(violation.law);
        expect(shrunk.requests.size).toBeLessThan(options.requests / 4);
        const kept = { ...options, onlyFaults: shrunk.faults, onlyRequests: shrunk.requests, isStopping: true };
        expect((await simulate(seed, kept)).violations[0]).toEqual(shrunk.violation);
        const text = failureText(seed, options, violation.law, shrunk);
        expect(text).toContain(`--seed ${seed} `);
        expect(text).toContain(`--only-requests ${textOfNumbers(shrunk.requests)}`);
        return;
      }
      expect.fail(`not found in ${MUTANT_SEEDS} worlds`);
    },
    TIMEOUT_MS,
  );

  test.each(["none", "7", "1-4,9", "1,3,5-6"])("numbers read back as they are written: %s", (text) => {
    expect(textOfNumbers(numbersOfText(text))).toBe(text);
  });

  test.each(["", "4-", "a", "1 2", "1-9999999"])("what is no list of numbers is refused: %j", (text) => {
    expect(() => numbersOfText(text)).toThrow("write numbers as");
  });
});
