import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as kit from "../../src/testing/index.ts";
import { REGRESSION_SEEDS } from "../simulation/regression-seeds.ts";

const ROOT = join(import.meta.dirname, "../..");
const text = readFileSync(join(ROOT, "docs/testing.md"), "utf8");
const laws = new Set([...readFileSync(join(ROOT, "SPEC.md"), "utf8").matchAll(/^\| ([A-Z]{1,3}\d{1,2}[a-z]?) \|/gm)].map(([, id]) => id));

test("docs/testing.md names everything that the kit exports", () => {
  expect(Object.keys(kit).filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});

test("every seed that ever failed stands there with its story", () => {
  expect(REGRESSION_SEEDS.filter(({ seed, story }) => !text.includes(`| ${seed} | ${story} |`))).toEqual([]);
});

test("the files that it names exist, and say what it says of them", () => {
  const cited = [...text.matchAll(/`((?:src|test|examples|scripts)\/[\w./-]+\.ts)`/g)].map(([, path = ""]) => path);
  expect(cited.length).toBeGreaterThan(15);
  expect(cited.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  // A bug's row ends with its laws and its test, whose titles begin with them.
  const rows = [...text.matchAll(/^\| .+?: ((?:[A-Z]{1,3}\d+(?:, )?)+) \| `([\w./-]+)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(5);
  for (const [, ids = "", path = ""] of rows) {
    const source = readFileSync(join(ROOT, path), "utf8");
    for (const id of ids.split(", ")) {
      expect(laws).toContain(id);
      expect({ path, id: source.includes(`[${id}]`) ? id : undefined }).toEqual({ path, id });
    }
  }
});
