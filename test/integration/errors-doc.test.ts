import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NOTICE_CODES } from "../../src/adapters/http/notices.ts";
import { SESSION_ERROR_CODES, SessionError } from "../../src/engine/errors.ts";
import { CLOSE_CODES } from "../../src/sync/messages/close-codes.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
const [text = "", notices = "", closeCodes = ""] = page.split(/^## (?:Notices|Close codes).*$/m);
const sections = text.split(/^## /m).slice(1);

test("docs/errors.md has a section for each code, in the order of the code, and no other", () => {
  expect(sections.map((section) => section.split("\n", 1)[0])).toEqual([...SESSION_ERROR_CODES]);
});

describe.each(SESSION_ERROR_CODES)("%s", (code) => {
  const section = sections.find((candidate) => candidate.startsWith(`${code}\n`)) ?? "";

  test("says when it happens and what to do", () => {
    expect(section).toMatch(/^When: \S/m);
    expect(section).toMatch(/^What to do: \S/m);
  });

  test("names the HTTP status that it answers with", () => {
    expect(section).toContain(`HTTP status: ${String(new SessionError(code, "").status)}.`);
  });
});

test("docs/errors.md has a row for each notice, with when it comes and what to do, and no other", () => {
  const rows = [...notices.matchAll(/^\| ([a-z-]*[a-z]) \| (\S.*) \| (\S.*) \|$/gm)].map(([, code]) => code);
  expect(rows.filter((code) => code !== "notice")).toEqual([...NOTICE_CODES]);
});

test("docs/errors.md has a row for each close code, and no other", () => {
  const rows = [...closeCodes.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)]);
  expect(Object.fromEntries(rows)).toEqual(CLOSE_CODES);
  expect(rows).toHaveLength(Object.keys(CLOSE_CODES).length);
});
