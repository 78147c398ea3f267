import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** A law's id, as it stands in SPEC.md and, in brackets, at the beginning of the titles of the tests that prove it. */
const LAW_ID = "[A-Z]{1,3}\\d{1,2}[a-z]?";
const LAW_ROW = new RegExp(`^\\| (${LAW_ID}) \\| (.+) \\|$`, "gm");
const TITLE = new RegExp(`["'\`]((?:\\[${LAW_ID}\\] ?)+)`, "g");

const root = join(import.meta.dirname, "../..");
const laws = [...readFileSync(join(root, "SPEC.md"), "utf8").matchAll(LAW_ROW)].map((row) => String(row[1]));
const cited = citedIds();

test("SPEC.md has laws, each id once", () => {
  expect(laws.length).toBeGreaterThan(50);
  expect(laws.filter((id, index) => laws.indexOf(id) !== index)).toEqual([]);
});

test("every law is cited by the title of a test", () => {
  expect(laws.filter((id) => !cited.has(id))).toEqual([]);
});

test("every id that a test cites is a law", () => {
  const known = new Set(laws);
  expect([...cited].filter(([id]) => !known.has(id)).map(([id, file]) => `${id} in ${file}`)).toEqual([]);
});

/** Ids at the beginning of string literals in test files and in the contracts of the kit (`…-contract.ts`), with one file that has them. */
function citedIds(): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of ["src", "test"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      if (!/(\.test|[.-]contract)\.ts$/.test(name)) continue;
      const file = join(folder, name);
      for (const title of readFileSync(join(root, file), "utf8").matchAll(TITLE)) {
        for (const id of String(title[1]).matchAll(new RegExp(LAW_ID, "g"))) found.set(id[0], file);
      }
    }
  }
  return found;
}
