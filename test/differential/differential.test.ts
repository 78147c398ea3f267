import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Difference } from "./compare.ts";
import { withDifferences } from "./document.ts";
import { INTENDED } from "./intended.ts";
import type { IntendedDifference } from "./intended.ts";
import { formatCase } from "./report.ts";
import { explanationOf, runCase } from "./run.ts";
import { FRAMEWORKS } from "./script.ts";
import type { Script } from "./script.ts";
import { allScripts } from "./scripts/index.ts";

const SCRIPTS = allScripts();
const seen = new Set<IntendedDifference>();
const BATCH = 40;

/** So many in one test: a file of hundreds of tests says less, and each script names itself where it fails. */
function batches(scripts: readonly Script[]): (readonly [number, readonly Script[]])[] {
  return Array.from({ length: Math.ceil(scripts.length / BATCH) }, (_, index) => [
    index + 1,
    scripts.slice(index * BATCH, (index + 1) * BATCH),
  ]);
}

describe.each(FRAMEWORKS)("[A45] %s: what differs from its own session library is intended", (framework) => {
  const scripts = SCRIPTS.filter((script) => script.framework === framework);

  test.each(batches(scripts))("scripts, part %i", async (_part, some) => {
    for (const script of some) {
      const result = await runCase(script);
      for (const entry of result.intended) seen.add(entry);
      expect(result.unexplained.length === 0 ? "" : formatCase(result)).toBe("");
    }
  });

  test("at most 15 differences are intended", () => {
    expect(INTENDED.filter(({ frameworks }) => frameworks.includes(framework)).length).toBeLessThanOrEqual(15);
  });
});

test("every intended difference was seen, or says where it is", () => {
  // One that nothing shows any more is no difference.
  const unseen = INTENDED.filter((entry) => !seen.has(entry) && entry.seenIn === undefined).map(({ id }) => id);
  expect(unseen).toEqual([]);
});

test("at least 300 scripts, each under a name of its own", () => {
  expect(SCRIPTS.length).toBeGreaterThanOrEqual(300);
  const names = SCRIPTS.map(({ framework, name }) => `${framework} ${name}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

describe.each(FRAMEWORKS)("%s: what nobody intended is told", (framework) => {
  const script: Script = { name: "made up", framework, steps: [{ do: [["set", "user", "ann"]] }, { do: [["set", "b", 1], ["see"]] }] };
  const told = new Map<string, unknown>([
    ["status", 200],
    ["cookie.session", "session 1"],
    ["cookie.session.name", "sid"],
    ["cookie.session.life", "browser"],
  ]);
  const steps = { theirs: [told, new Map([["status", 200]])], ours: [told, new Map([["status", 200]])] };
  const unintended: Readonly<Record<string, Difference>> = {
    "a lost attribute": { step: 1, field: "seen.0.user", theirs: "ann", ours: undefined },
    "an attribute too many": { step: 1, field: "seen.0.c", theirs: undefined, ours: 1 },
    "another status": { step: 1, field: "status", theirs: 200, ours: 500 },
    "a conflict": { step: 1, field: "status", theirs: 200, ours: 409 },
    "a cookie without HttpOnly": { step: 0, field: "cookie.session.httpOnly", theirs: true, ours: undefined },
    "another session's cookie": { step: 0, field: "cookie.session", theirs: "session 1", ours: "session 2" },
    "a cookie that lives longer": { step: 0, field: "cookie.session.life", theirs: 60, ours: 61 },
    "a header": { step: 1, field: "header.vary", theirs: "Cookie", ours: undefined },
    "no answer": { step: 1, field: "no answer", theirs: undefined, ours: "no answer to it" },
  };

  test.each(Object.keys(unintended))("%s", (name) => {
    const difference = unintended[name];
    expect(difference && explanationOf({ script, steps }, difference)?.id).toBeUndefined();
  });

  test("no cookie for a session that begins", () => {
    const without = { theirs: [told], ours: [new Map([["status", 200]])] };
    expect(
      explanationOf({ script, steps: without }, { step: 0, field: "cookie.session", theirs: "session 1", ours: undefined }),
    ).toBeUndefined();
  });
});

test("docs/migrating.md has the list as it is (npm run differential -- --document)", () => {
  const page = readFileSync("docs/migrating.md", "utf8");
  expect(withDifferences(page)).toBe(page);
});
