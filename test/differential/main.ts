/**
 * `npm run differential [-- --only <part of a name>] [--seed <n>] [--verbose] [--document]`: runs every script against the session library of its framework and
 * against ours, and prints where they differ without that being intended. Last line: JSON. `--document` writes the list of what is intended into
 * docs/migrating.md, and does nothing else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { withDifferences } from "./document.ts";
import { formatCase, summarize } from "./report.ts";
import { runCase } from "./run.ts";
import { allScripts, SEED } from "./scripts/index.ts";
import { print } from "../support/print.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: String(SEED) },
    document: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const PAGE = "docs/migrating.md";
if (values.document) {
  writeFileSync(PAGE, withDifferences(readFileSync(PAGE, "utf8")));
  process.exit();
}
const scripts = allScripts(Number(values.seed)).filter(({ name, framework }) => `${framework} ${name}`.includes(values.only));
const summary = summarize();
for (const script of scripts) {
  const result = await runCase(script);
  summary.add(result);
  if (summary.cases % 50 === 0) print(`${summary.cases} of ${scripts.length} …`);
  if (result.unexplained.length === 0 && !values.verbose) continue;
  print(formatCase(result));
  for (const { id } of result.intended) print(`  intended: ${id}`);
}
print(summary.table());
print(JSON.stringify(summary.line()));
process.exitCode = summary.line().unexplained === 0 ? 0 : 1;
