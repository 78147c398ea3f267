import { afterEach, expect, test, vi } from "vitest";
import { requireTool } from "./tools.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a missing tool skips the test on a laptop and says how to get it", () => {
  vi.stubEnv("PATH", "/nowhere");
  vi.stubEnv("CI", undefined);
  const reasons: unknown[] = [];
  const skip = (reason?: unknown): never => {
    reasons.push(reason);
    throw new Error("skipped");
  };
  expect(() => requireTool("chromium", { skip })).toThrow("skipped");
  expect(reasons).toEqual(["chromium is not on PATH (apt-get install chromium)"]);
});

test("a missing tool fails the test in CI", (context) => {
  vi.stubEnv("PATH", "/nowhere");
  vi.stubEnv("CI", "true");
  expect(() => requireTool("chromium", context)).toThrow("chromium is not on PATH");
});

test("a tool that is there is found on PATH", (context) => {
  expect(requireTool("chromium", context)).toMatch(/chrom/);
});
