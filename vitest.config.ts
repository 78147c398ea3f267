import { randomInt } from "node:crypto";
import { defineConfig } from "vitest/config";
import { ClosingLineReporter } from "./test/support/reporter.ts";

/** One seed for the whole run, so that one number replays it. The reporter prints it. */
const propertySeed = process.env["PROPERTY_SEED"] ?? String(randomInt(2 ** 31));
const propertyFiles = "test/property/**/*.test.ts";
const endToEndFiles = ["test/e2e/**/*.test.ts", "test/chaos/*.test.ts", "test/simulation/seeds.test.ts"];

export default defineConfig({
  test: {
    // Files run two at a time: many start processes of their own, and the smallest machine that we test on has two cores.
    maxWorkers: 2,
    reporters: ["default", new ClosingLineReporter(propertySeed)],
    projects: [
      {
        test: { name: "unit", include: ["src/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 30_000 },
      },
      {
        test: {
          name: "property",
          include: [propertyFiles],
          setupFiles: ["test/support/property.ts"],
          env: { PROPERTY_SEED: propertySeed },
          testTimeout: 120_000,
        },
      },
      {
        // Whatever stands in test/ and is of no other project: a test in a new folder is never forgotten.
        test: {
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: [propertyFiles, ...endToEndFiles],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        // Whole programs, and what takes all processors: each file has the machine for itself.
        test: { name: "e2e", include: endToEndFiles, testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false },
      },
    ],
  },
});
