import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const LAW_ID = "[A-Z]{1,3}\\d{1,2}[a-z]?";
const text = read("docs/security.md");
const rows = [...text.matchAll(/^\| (SEC-\d\d) \| (.+) \| (.+) \|$/gm)].map(([, id = "", , shown = ""]) => ({ id, shown }));
const laws = new Set([...read("SPEC.md").matchAll(new RegExp(`^\\| (${LAW_ID}) \\|`, "gm"))].map(([, id]) => id));

/** `` `[A3] [A4] path` ``: laws, and the file whose titles begin with them. */
const LAW_CITATION = new RegExp(`\`((?:\\[${LAW_ID}\\] )+)([\\w./-]+)\``, "g");
/** `` `path` "part of a title" ``: a test of no law. */
const TITLE_CITATION = /`([\w./-]+)` "([^"]+)"/g;

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Laws that some title in this file begins with. */
function lawsShownIn(path: string): Set<string> {
  const titles = read(path).matchAll(new RegExp(`["'\`]((?:\\[${LAW_ID}\\] ?)+)`, "g"));
  return new Set([...titles].flatMap(([, ids = ""]) => [...ids.matchAll(new RegExp(LAW_ID, "g"))].map(([id]) => id)));
}

test("docs/security.md has its rows, each once", () => {
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.map(({ id }) => id).filter((id, index, all) => all.indexOf(id) !== index)).toEqual([]);
  expect(text.match(/^\| SEC-/gm)).toHaveLength(rows.length);
});

test.each(rows)("$id cites laws and tests that exist, or says that it is a statement", ({ shown }) => {
  if (shown === "statement") return;
  let rest = shown;
  for (const [citation, ids = "", path = ""] of shown.matchAll(LAW_CITATION)) {
    rest = rest.replace(citation, "");
    expect(path).toMatch(/(\.test|[.-]contract)\.ts$/);
    expect({ path, exists: existsSync(join(ROOT, path)) }).toEqual({ path, exists: true });
    const shownThere = lawsShownIn(path);
    for (const [id] of ids.matchAll(new RegExp(LAW_ID, "g"))) {
      expect(laws).toContain(id);
      expect({ path, shown: shownThere.has(id) ? id : undefined }).toEqual({ path, shown: id });
    }
  }
  for (const [citation, path = "", title = ""] of shown.matchAll(TITLE_CITATION)) {
    rest = rest.replace(citation, "");
    expect({ path, exists: existsSync(join(ROOT, path)) }).toEqual({ path, exists: true });
    expect(read(path)).toContain(title);
  }
  // Nothing but citations, at least one: what is misspelt is not passed over.
  expect(rest).toMatch(/^(; )*$/);
  expect(rest.length).toBeLessThan(shown.length);
});
