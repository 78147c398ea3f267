import type { Reporter, TestModule, TestRunEndReason, TestSpecification } from "vitest/node";

/** Ends a run with `N passed, N failed, N skipped` alone on a line, which CI counts; begins one that has properties with their seed. */
export class ClosingLineReporter implements Reporter {
  readonly #propertySeed: string;

  constructor(propertySeed: string) {
    this.#propertySeed = propertySeed;
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    if (!specifications.some((specification) => specification.project.name === "property")) return;
    process.stdout.write(`Properties run with PROPERTY_SEED=${this.#propertySeed} (set it to replay them)\n`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[], reason: TestRunEndReason): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      // A file or a suite that breaks outside its tests (an import, a hook) leaves no failed test behind.
      if (module.errors().length > 0) count.failed += 1;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    }
    // Green without a test, or cut short, is not green.
    if (count.pending > 0 || reason === "interrupted") count.failed += Math.max(1, count.pending);
    if (count.failed > 0 || count.passed === 0) process.exitCode = 1;
    process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  }
}
