import { describe, expect, test } from "vitest";
import { checkWorlds, models, refute } from "./check-model.ts";
import { VARIANTS } from "./variants.ts";

/** Worlds take seconds each; on a machine that does other things as well, more. */
const TIMEOUT_MS = 240_000;

describe("everything that can happen to an envelope on three nodes", () => {
  test("[E2] [E3] [E6] [E8] [E9] [E11] [E12] [E15] [E18] [R16] no law is broken in any state of any world", { timeout: TIMEOUT_MS }, () => {
    const found = [...checkWorlds(3, () => undefined)];
    expect(found.map(({ name, counterexample }) => ({ name, counterexample }))).toEqual(
      models(3).map(({ name }) => ({ name, counterexample: undefined })),
    );
    expect(found.every(({ isComplete }) => isComplete)).toBe(true);
    // A world that became empty would hold every law.
    expect(found.reduce((sum, { stateCount }) => sum + stateCount, 0)).toBeGreaterThan(1_000_000);
  });
});

describe("a rule without one of its guards", () => {
  test.each(VARIANTS)("[E8] [E9] [E11] is refuted by a trace: $name", { timeout: TIMEOUT_MS }, (variant) => {
    const counterexample = refute(variant);
    expect(counterexample?.trace.length).toBeGreaterThan(1);
    expect(counterexample?.broken).toMatch(/^\[[A-Z]+\d+\] /);
  });
});
