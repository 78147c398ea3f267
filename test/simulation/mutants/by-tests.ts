import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle, expectAllUsed } from "./bundle.ts";
import { runChild } from "./child.ts";
import { edit, type Edit, type Mutant, type SourceMutant, type TestCase } from "./mutant.ts";
import type { Catch } from "./run-mutants.ts";
import type { TestNews, TestTask } from "./test-trials.ts";

const PROGRAM = 'import { runTestTasks } from "./test/simulation/mutants/test-trials.ts";\nawait runTestTasks(process.argv[2]);';
const RELAY = "src/relay/main.ts";
/** Where tests say which program is a relay. */
const RELAY_PROGRAM = "test/support/relay-program.ts";
/** The longest of the tests takes some seconds, and is given up after twenty. */
const SILENCE_MS = 120_000;
/** So many of the thousand cases of a property are enough to find a mutant, and no smaller case is looked for. */
const PROPERTY_RUNS = 500;
const PROPERTY_SET_UP = `import fc from "fast-check";
import "./test/support/property.ts";
fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true });
`;

type TestMutant = SourceMutant & { readonly test: TestCase };

/** One run of one test file. */
interface Trial {
  readonly test: Omit<TestCase, "title">;
  readonly titles: readonly string[];
  readonly edits: readonly Edit[];
  readonly heard: (state: TestNews["state"] | "crash" | "hang", what: string, tookMs: number) => void;
}

export function isByTest(mutant: Mutant): mutant is TestMutant {
  return "test" in mutant && mutant.test !== undefined;
}

/** Runs the test of each mutant with it, and each of these tests without: whatever fails on both sides tells of nothing. */
export async function catchByTests(
  mutants: readonly Mutant[],
  folder: string,
  jobs: number,
  onCatch: (result: Catch) => void,
): Promise<readonly Catch[]> {
  const results: Catch[] = [];
  const trials: Trial[] = mutants.filter(isByTest).map((mutant) => ({
    test: mutant.test,
    titles: [mutant.test.title],
    edits: mutant.edits,
    heard: (state, what, tookMs) => {
      const result = resultOf(mutant, state, what, tookMs);
      results.push(result);
      onCatch(result);
    },
  }));
  const titles = new Map<string, Set<string>>();
  for (const { test, titles: own } of trials) titles.set(test.file, new Set([...(titles.get(test.file) ?? []), ...own]));
  const broken = new Map<string, string>();
  const controls = [...titles].map(([file, own]): Trial => {
    const test = trials.find((trial) => trial.test.file === file)?.test ?? { file, project: "unit" };
    return { test, titles: [...own], edits: [], heard: (state, what) => void (state === "passed" || broken.set(file, `${state} ${what}`)) };
  });
  await run([...trials, ...controls], folder, jobs);
  return results.map((result) => {
    const why = isByTest(result.mutant) ? broken.get(result.mutant.test.file) : undefined;
    return why === undefined || !result.isCaught
      ? result
      : { ...result, isCaught: false, what: `its test file fails without it, too: ${why}` };
  });
}

async function run(trials: readonly Trial[], folder: string, jobs: number): Promise<void> {
  const left = new Map(trials.map((trial, index) => [join(folder, `trial-${index + 1}.test.mjs`), trial]));
  if (left.size === 0) return;
  await Promise.all([...left].map(([file, trial], index) => writeTest(folder, file, `part-${index + 1}.mjs`, trial)));
  const program = join(folder, "tests.mjs");
  await bundle(PROGRAM, [], program);
  // Whoever hangs ends the run; the others go on in another one.
  while (left.size > 0) {
    const started = new Map<string, number>();
    const hear = ({ file, state, what }: TestNews): void => {
      const trial = left.get(file);
      if (trial === undefined) return;
      if (state === "started") return void started.set(file, performance.now());
      const tookMs = performance.now() - (started.get(file) ?? performance.now());
      started.delete(file);
      left.delete(file);
      trial.heard(state, what, tookMs);
    };
    const tasks: TestTask[] = [...left].map(([file, { titles }]) => ({ file, titles }));
    const report = await runChild([program, JSON.stringify({ tasks, jobs, folder })], {
      folder,
      silenceMs: SILENCE_MS,
      env: environment(),
      onLine: (line) => {
        if (line.startsWith("{")) hear(JSON.parse(line) as TestNews);
      },
    });
    if (left.size === 0) return;
    for (const file of started.size > 0 ? started.keys() : left.keys()) {
      left.get(file)?.heard(report.isTimedOut ? "hang" : "crash", report.errorOutput.slice(0, 300), SILENCE_MS);
      left.delete(file);
    }
  }
}

/** A test file that loads the bundle of the real one. */
async function writeTest(folder: string, file: string, part: string, { edits, test }: Trial): Promise<void> {
  const relay = join(folder, `relay-${part}`);
  const start = test.startsRelays === true ? [edit(RELAY_PROGRAM, JSON.stringify(RELAY), JSON.stringify(relay))] : [];
  const program = `${test.project === "property" ? PROPERTY_SET_UP : ""}import "./${test.file}";`;
  const unused = await bundle(program, [...edits, ...start], join(folder, part));
  const unusedByRelay = test.startsRelays === true ? await bundle(`import "./${RELAY}";`, edits, relay) : unused;
  expectAllUsed([...unused].filter((each) => unusedByRelay.has(each)));
  await writeFile(file, `import "./${part}";\n`);
}

function resultOf(mutant: TestMutant, state: TestNews["state"] | "crash" | "hang", what: string, tookMs: number): Catch {
  const { file, title } = mutant.test;
  if (state === "failed") return { mutant, isCaught: true, law: mutant.laws[0], laws: mutant.laws, what: `${file}: ${title}`, tookMs };
  return { mutant, isCaught: mutant.laws.includes(state), law: undefined, laws: [], what: `its test ${state} ${what}`, tookMs };
}

/** Of this process, without what tells a program that vitest runs it. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|VITE_|TEST$|NODE_ENV$|DEV$|PROD$|MODE$|BASE_URL$|SSR$)/.test(name),
  );
  return {
    ...Object.fromEntries(inherited),
    PROPERTY_SEED: process.env["PROPERTY_SEED"] ?? "1",
    PROPERTY_RUNS: String(PROPERTY_RUNS),
  };
}
