import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SHIPPED } from "../model/rules.ts";
import { VARIANTS } from "../model/variants.ts";
import { worldsFor } from "../model/worlds.ts";
import { LightWorld } from "./light-world.ts";
import { runLight } from "./run-light.ts";

const EVENT_COUNT = 10_000_000;
/** Half a minute on a machine that does nothing else. */
const TIMEOUT_MS = 240_000;
/** Clocks differ by at most ε here and are never set back by more: 2ε are enough. The model has the world in which they are not. */
const ENVELOPE_WORLDS = new Set(worldsFor(3).map(({ name }) => name));
const FINDABLE = VARIANTS.filter(({ name, world }) => name !== "discard-without-set-back" && ENVELOPE_WORLDS.has(world));
const seed = randomInt(2 ** 31);

/**
 * Seeds that failed, and what was wrong:
 * - 899745495: this world. A use that only one disk knew of came to light in the last of its two rounds of exchange, and nobody else heard of it.
 */
const SEEDS_THAT_FAILED = [899745495];

describe("random events on envelopes", () => {
  test.each(SEEDS_THAT_FAILED)("[E9] seed %i, which failed once, breaks no law", (failed) => {
    expect(runLight({ seed: failed, eventCount: 500_000, rules: SHIPPED }).failure).toBeUndefined();
  });

  test("[E2] [E3] [E8] [E9] [R16] ten million of them break no law", { timeout: TIMEOUT_MS }, () => {
    const report = runLight({ seed, eventCount: EVENT_COUNT, rules: SHIPPED });
    expect(report.failure, `npm run light -- --seed ${seed}`).toBeUndefined();
    expect(report.events).toBeGreaterThanOrEqual(EVENT_COUNT);
  });

  test.each(FINDABLE)("[E8] [E9] are enough of them to find a missing guard: $name", { timeout: TIMEOUT_MS }, ({ rules }) => {
    const run = { seed: 7, eventCount: 4_000_000, rules };
    const { failure } = runLight(run);
    expect(failure?.broken).toMatch(/^\[[A-Z]+\d+\] /);
    // What is left of a hundred events shows it by itself, and shows nothing by the rules as shipped.
    const { setup = 0, events = new Uint32Array() } = failure ?? {};
    expect(events.length).toBeLessThan(60);
    expect(new LightWorld(rules).play(setup, events, events.length)).toBe(failure?.broken);
    expect(new LightWorld(SHIPPED).play(setup, events, events.length)).toBeUndefined();
    expect(runLight(run).failure).toEqual(failure);
  });
});
