import { describe, expect, test } from "vitest";
import type { Incident } from "./history.ts";
import { SEAM_MUTANTS as MUTANTS } from "./mutants/seam-mutants.ts";
import { failureText } from "./failure.ts";
import { numbersOfText, textOfNumbers } from "./numbers.ts";
import { REGRESSION_SEEDS } from "./regression-seeds.ts";
import { shrink } from "./shrink.ts";
import { CI_RUN, type Report, simulate } from "./simulate.ts";

/** A mutant is found by then, or not at all. */
const MUTANT_SEEDS = 12;
const TIMEOUT_MS = 180_000;

describe("worlds that once showed a fault", () => {
  for (const { seed, story, options } of REGRESSION_SEEDS)
    test(
      `[RP4] seed ${seed}: ${story}`,
      async () => {
        const { violations } = await simulate(seed, { ...CI_RUN, ...options });
        const found = violations.map(({ law, what, atMs }) => `[${law}] at ${atMs.toFixed(0)} ms: ${what}`);
        expect(found).toEqual([]);
      },
      TIMEOUT_MS,
    );
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

  test("where chance makes too little of a world, more is asked for, and more is broken", async () => {
    const poor = { ...CI_RUN, requests: 10, rounds: 1, faultsPerRound: 0, mix: { page: 0 } };
    const { tally } = await simulate(3, poor);
    expect(tally.operations).toBeLessThan(300);
    expect(Object.keys(tally.faultKinds)).toEqual([]);
    const enough = { ...poor, operations: 500, faultKinds: 3 };
    const more = await simulate(3, enough);
    expect(more.violations).toEqual([]);
    expect(more.tally.operations).toBeGreaterThanOrEqual(500);
    expect(more.tally.operations).toBeLessThan(600);
    expect(Object.keys(more.tally.faultKinds)).toHaveLength(3);
    // Most of it in the time of troubles.
    const asked = more.incidents.filter(({ name }) => name.startsWith("r"));
    expect(asked.length).toBeGreaterThan(150);
    const [kept, faults] = [asked.slice(-20), more.incidents.filter(({ name }) => name.startsWith("f")).slice(1)];
    const only = { onlyRequests: numbersOf(kept), onlyFaults: numbersOf(faults) };
    const { incidents } = await simulate(3, { ...enough, ...only });
    expect(incidents.filter(({ name }) => name.startsWith("f")).map(({ name }) => name)).toEqual(faults.map(({ name }) => name));
    for (const { name, atMs } of incidents.filter((each) => each.name.startsWith("r")))
      expect(kept.find((each) => each.name === name)?.atMs.toFixed(3)).toBe(atMs.toFixed(3));
  });

  test.each(["none", "7", "1-4,9", "1,3,5-6"])("numbers read back as they are written: %s", (text) => {
    expect(textOfNumbers(numbersOfText(text))).toBe(text);
  });

  test.each(["", "4-", "a", "1 2", "1-9999999"])("what is no list of numbers is refused: %j", (text) => {
    expect(() => numbersOfText(text)).toThrow("write numbers as");
  });
});

function numbersOf(incidents: readonly Incident[]): ReadonlySet<number> {
  return new Set(incidents.map(({ name }) => Number(name.slice(1))));
}
