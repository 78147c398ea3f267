import { configureGlobal } from "fast-check";

/** How often each property runs unless PROPERTY_RUNS says otherwise. */
const DEFAULT_RUN_COUNT = 1_000;

/**
 * Set-up of every file in test/property: one seed and one number of runs for all its properties, `fc.assert` and `test.prop` alike.
 * vitest.config.ts draws the seed when PROPERTY_SEED is not set; a failing property also prints it, with the path to the smallest case.
 */
configureGlobal({
  seed: integerFrom("PROPERTY_SEED"),
  numRuns: process.env["PROPERTY_RUNS"] === undefined ? DEFAULT_RUN_COUNT : integerFrom("PROPERTY_RUNS"),
});

function integerFrom(name: string): number {
  const value = Number(process.env[name]);
  if (process.env[name] === "" || !Number.isSafeInteger(value)) throw new Error(`${name} must be an integer.`);
  return value;
}
