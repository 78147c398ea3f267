import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { isByTest } from "./by-tests.ts";
import { edited, shipped } from "./bundle.ts";
import { MUTANTS, SOURCE_MUTANTS } from "./index.ts";
import { lawsOfSpec, lawsWithout, lawTable, reasonWithout, soleLaw } from "./law-table.ts";
import type { Guard } from "./mutant.ts";
import { lineOf, reportOf } from "./report.ts";
import { runMutants } from "./run-mutants.ts";

const GUARDS: readonly Guard[] = ["R1", "R2", "R3", "R5", "R7", "R9"];
/** The kinds of frames, as src/sync/messages/index.ts lists them. */
const KIND = /^ \* \| [\d, ]+ \| ([a-z, -]+) \|/gm;
/** Minutes of both processors on a busy machine; two or three on one that has nothing else to do. */
const TIMEOUT_MS = 20 * 60_000;

describe("mutants", () => {
  test("each edit fits the shipped text exactly once", async () => {
    for (const { edits } of SOURCE_MUTANTS)
      for (const edit of edits) {
        const text = await shipped(edit.file);
        expect(edited(text, edit)).not.toBe(text);
      }
  });

  test("there is one for each guard, and for each kind of frame", async () => {
    const guards = new Set(MUTANTS.map(({ guard }) => guard));
    expect(GUARDS.filter((guard) => !guards.has(guard))).toEqual([]);
    const contents = await shipped("src/sync/messages/index.ts");
    const kinds = [...contents.matchAll(KIND)].flatMap(([, names = ""]) => names.split(", ")).filter((name) => name !== "message");
    expect(kinds.length).toBeGreaterThan(20);
    const messages = new Set(MUTANTS.map(({ message }) => message));
    expect(kinds.filter((kind) => !messages.has(kind))).toEqual([]);
  });

  test("each law has one that it alone tells of, or a reason why there is none", async () => {
    const sole = new Set(MUTANTS.map(soleLaw));
    const laws = await lawsOfSpec();
    expect(laws.filter((law) => !sole.has(law) && reasonWithout(law) === undefined)).toEqual([]);
    expect(laws.filter((law) => sole.has(law) && reasonWithout(law) !== undefined)).toEqual([]);
  });

  test("each has a name of its own, and names laws that SPEC.md has, and a test that there is", async () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const laws = new Set(await lawsOfSpec());
    const cited = MUTANTS.flatMap((mutant) => mutant.laws);
    expect(cited.filter((law) => !laws.has(law) && law !== "crash")).toEqual([]);
    for (const mutant of MUTANTS) if (isByTest(mutant)) expect(await titles(mutant.test.file)).toContain(mutant.test.title);
  });

  test("docs/mutants.md lists them by law (npm run sim -- --mutant-table)", async () => {
    const page = await shipped("docs/mutants.md");
    const laws = await lawsOfSpec();
    expect(page).toContain(lawTable(laws, MUTANTS));
    expect(page).toContain(lawsWithout(laws));
  });

  test(
    "all are caught",
    async () => {
      const results = await runMutants(MUTANTS, { onCatch: (result) => process.stdout.write(`${lineOf(result)}\n`) });
      const report = reportOf(results);
      process.stdout.write(`${JSON.stringify(report)}\n`);
      expect(results.filter(({ isCaught }) => !isCaught).map(lineOf)).toEqual([]);
      expect(report.mutants).toBe(MUTANTS.length);
    },
    TIMEOUT_MS,
  );
});

/** The text of a test file, and of the contracts of the kit where it runs those. */
async function titles(file: string): Promise<string> {
  const text = await shipped(file);
  const texts = [text];
  for (const kind of ["store", "replication", "transport"]) {
    const folder = `src/testing/${kind}`;
    const files = (await readdir(folder)).filter((name) => name.endsWith("-contract.ts"));
    if (/Contract\(/.test(text)) texts.push(...(await Promise.all(files.map((name) => shipped(`${folder}/${name}`)))));
  }
  return texts.join("\n");
}
