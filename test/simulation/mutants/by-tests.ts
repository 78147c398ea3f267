import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "./bundle.ts";
import { runChild } from "./child.ts";
import type { Mutant, SourceMutant, TestCase } from "./mutant.ts";
import type { Catch } from "./run-mutants.ts";
import type { TestNews, TestTask } from "./test-trials.ts";

const PROGRAM = 'import { runTestTasks } from "./test/simulation/mutants/test-trials.ts";\nawait runTestTasks(process.argv[2]);';
/** The longest of the tests takes some seconds. */
const SILENCE_MS = 90_000;
/** So many of the thousand cases of a property are enough to find a mutant, and no smaller case is looked for. */
const PROPERTY_RUNS = 500;
const PROPERTY_SET_UP = `import fc from "fast-check";
import "./test/support/property.ts";
fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true });
`;

type TestMutant = SourceMutant & { readonly test: TestCase };

/** Runs the test of each mutant with it. That it passes without is looked at by every run of the tests. */
export async function catchByTests(mutants: readonly Mutant[], folder: string, jobs: number, onCatch: (result: Catch) => void): Promise<void> {
  const left = new Map<string, TestMutant>();
  for (const mutant of mutants) if (isByTest(mutant)) left.set(join(folder, `mutant-${left.size + 1}.test.mjs`), mutant);
  if (left.size === 0) return;
  await Promise.all([...left].map(([file, mutant], index) => writeTest(folder, file, index + 1, mutant)));
  const program = join(folder, "tests.mjs");
  await bundle(PROGRAM, [], program);
  // Whoever hangs ends the run; the others go on in another one.
  while (left.size > 0) {
    const started = new Map<string, number>();
    const hear = ({ file, state, what }: TestNews): void => {
      const mutant = left.get(file);
      if (mutant === undefined) return;
      if (state === "started") return void started.set(file, performance.now());
      const tookMs = performance.now() - (started.get(file) ?? performance.now());
      started.delete(file);
      left.delete(file);
      onCatch(resultOf(mutant, state, what, tookMs));
    };
    const tasks: TestTask[] = [...left].map(([file, { test }]) => ({ file, title: test.title }));
    const report = await runChild([program, JSON.stringify({ tasks, jobs, folder })], {
      folder,
      silenceMs: SILENCE_MS,
      env: environment(),
      onLine: (line) => {
        if (line.startsWith("{")) hear(JSON.parse(line) as TestNews);
      },
    });
    if (left.size === 0) return;
    const stuck = started.size > 0 ? [...started.keys()] : [...left.keys()];
    for (const file of stuck) {
      const mutant = left.get(file);
      left.delete(file);
      const law = report.isTimedOut ? "hang" : "crash";
      if (mutant !== undefined)
        onCatch({ mutant, isCaught: mutant.laws.includes(law), law, laws: [law], what: report.errorOutput.slice(0, 300), tookMs: SILENCE_MS });
    }
  }
}

export function isByTest(mutant: Mutant): mutant is TestMutant {
  return "test" in mutant && mutant.test !== undefined;
}

/** A test file that loads the bundle of the real one. */
async function writeTest(folder: string, file: string, number: number, { edits, test }: TestMutant): Promise<void> {
  const part = `part-${number}.mjs`;
  const program = `${test.project === "property" ? PROPERTY_SET_UP : ""}import "./${test.file}";`;
  await bundle(program, edits, join(folder, part));
  await writeFile(file, `import "./${part}";\n`);
}

function resultOf(mutant: TestMutant, state: TestNews["state"], what: string, tookMs: number): Catch {
  const isCaught = state === "failed";
  const { file, title } = mutant.test;
  const [law] = mutant.laws;
  return { mutant, isCaught, law, laws: isCaught ? mutant.laws : [], what: isCaught ? `${file}: ${title}` : `its test ${state} ${what}`, tookMs };
}

/** Of this process, without what tells a program that vitest runs it. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|VITE_|TEST$|NODE_ENV$|DEV$|PROD$|MODE$|BASE_URL$|SSR$)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    PROPERTY_SEED: process.env["PROPERTY_SEED"] ?? "1",
    PROPERTY_RUNS: String(PROPERTY_RUNS),
  };
}
