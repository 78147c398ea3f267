import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { cannotRun } from "../support/tools.ts";
import { runScenario, whyNot } from "./run.ts";
import { SCENARIOS } from "./scenarios/index.ts";

const SCENARIO_TIMEOUT_MS = 150_000;

/** The short ones; `npm run chaos` runs all of them, longer. */
describe("chaos", () => {
  for (const scenario of SCENARIOS.filter(({ isQuick }) => isQuick)) {
    it(`${scenario.name}: ${scenario.what}`, { timeout: scenario.timeoutMs ?? SCENARIO_TIMEOUT_MS }, async (test) => {
      const why = whyNot(scenario);
      if (why !== undefined) cannotRun(why, test);
      const lines: string[] = [`seed ${randomInt(2 ** 31)}`];
      const seed = Number(lines[0]?.slice("seed ".length));
      const { violations, counts } = await runScenario(scenario, { seed, isQuick: true, log: (line) => lines.push(line) });
      // What happened is of use only beside what was wrong.
      expect(violations.length === 0 ? [] : [...violations, ...lines, JSON.stringify(counts)]).toEqual([]);
      expect(counts["faults"]).toBeGreaterThan(0);
    });
  }
});
