import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MUTANTS, SOURCE_MUTANTS } from "./index.ts";
import type { Guard } from "./mutant.ts";
import { catchMutant, verdictOf } from "./run-mutants.ts";
import { edited, Sandbox, shipped } from "./sandbox.ts";

/** One for each way of being caught, each found in its first worlds: `npm run sim -- --mutants` plants all. */
const PLANTED_HERE = [
  "a use is dated ahead of the clock",
  "a process begins again with the writer id of the one before",
  "a listener that throws stops what it hears of",
  "changes are acknowledged and not taken in",
];
const GUARDS: readonly Guard[] = ["R1", "R2", "R3", "R5", "R7", "R9"];
/** The kinds of frames, as src/sync/messages/index.ts lists them. */
const KIND = /^ \* \| [\d, ]+ \| ([a-z, -]+) \|/gm;
const TIMEOUT_MS = 180_000;

describe("mutants", () => {
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await Sandbox.create();
  }, TIMEOUT_MS);

  afterAll(() => sandbox.remove());

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

  test("each names laws that SPEC.md has, and a test that there is", async () => {
    const spec = await shipped("SPEC.md");
    const laws = new Set([...spec.matchAll(/^\| ([A-Z]+\d+b?) \|/gm)].map(([, law = ""]) => law));
    const cited = MUTANTS.flatMap((mutant) => mutant.laws);
    expect(cited.filter((law) => !laws.has(law) && law !== "crash")).toEqual([]);
    for (const { test: by } of SOURCE_MUTANTS) if (by !== undefined) expect(await titles(by.file)).toContain(by.title);
  });

  for (const name of PLANTED_HERE)
    test(
      `found out: ${name}`,
      async () => {
        const mutant = MUTANTS.find((each) => each.name === name);
        if (mutant === undefined) expect.fail("there is no such mutant");
        const result = await catchMutant(mutant, 3, sandbox, true);
        expect(verdictOf(result)).toBe("caught");
      },
      TIMEOUT_MS,
    );
});

/** The text of a test file, and of the cases of the kit's contract for stores where it runs that. */
async function titles(file: string): Promise<string> {
  const text = await shipped(file);
  if (!text.includes("sessionStoreContract(")) return text;
  const folder = "src/testing/store";
  const names = (await readdir(folder)).filter((name) => name.endsWith("-contract.ts"));
  return [text, ...(await Promise.all(names.map((name) => shipped(`${folder}/${name}`))))].join("\n");
}
