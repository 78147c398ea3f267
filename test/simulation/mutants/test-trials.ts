import { writeSync } from "node:fs";
import { createVitest, type Reporter, type TestModule } from "vitest/node";

/*
 * Runs tests that were bundled with the edits of their mutants (`bundle.ts`), each file in a process of its own. A program of its own: one start of vitest for all.
 */

/** One bundled test file, and those of its tests that are run: whose titles have one of these in them. */
export interface TestTask {
  /** Absolute. */
  readonly file: string;
  readonly titles: readonly string[];
}

/** What is said of each file: a line when it starts, and one when it is done. */
export interface TestNews {
  readonly file: string;
  readonly state: "started" | "failed" | "passed" | "skipped" | "broken";
  readonly what: string;
}

function say(news: TestNews): void {
  writeSync(1, `${JSON.stringify(news)}\n`);
}

class NewsReporter implements Reporter {
  onTestModuleStart({ moduleId }: TestModule): void {
    say({ file: moduleId, state: "started", what: "" });
  }

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()];
    const failed = tests.find((test) => test.result().state === "failed");
    const [error] = [...module.errors(), ...[...module.children.allSuites()].flatMap((suite) => suite.errors())];
    const what = failed?.result().errors?.[0]?.message ?? error?.message ?? "";
    const hasRun = tests.some((test) => test.result().state === "passed");
    // What breaks outside of its tests (an import, a hook) proves nothing.
    const state = failed !== undefined ? "failed" : error !== undefined ? "broken" : hasRun ? "passed" : "skipped";
    say({ file: module.moduleId, state, what: what.slice(0, 300) });
  }
}

/** Runs what it is told as text, with so many files at a time, and ends the process. */
export async function runTestTasks(text: string): Promise<never> {
  const { tasks, jobs, folder } = JSON.parse(text) as {
    readonly tasks: readonly TestTask[];
    readonly jobs: number;
    readonly folder: string;
  };
  const vitest = await createVitest("test", {
    config: false,
    root: folder,
    watch: false,
    include: ["*.test.mjs"],
    reporters: [new NewsReporter()],
    pool: "forks",
    maxWorkers: jobs,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // The parts of a bundle are no modules that vitest has to look into.
    server: { deps: { external: [/part-\d+\.mjs$/] } },
  });
  await vitest.standalone();
  const project = vitest.getRootProject();
  const specifications = tasks.map(({ file, titles }) =>
    project.createSpecification(file, { testNamePattern: new RegExp(titles.map(escaped).join("|")) }),
  );
  await vitest.runTestSpecifications(specifications);
  process.exit(0);
}

function escaped(title: string): string {
  return title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
