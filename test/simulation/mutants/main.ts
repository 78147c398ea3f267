import { print } from "../../support/print.ts";
import { MUTANTS } from "./index.ts";
import { lawsOfSpec, lawsWithout, lawTable } from "./law-table.ts";
import { lineOf, reportOf } from "./report.ts";
import { type MutantOptions, runMutants } from "./run-mutants.ts";

/** Plants those whose name contains one of `parts` (separated by commas), or that break a law of that name, and tells of each. Its last line is one of JSON. True: all were caught. */
export async function mutantsMain(parts = "", options: MutantOptions = {}): Promise<boolean> {
  const wanted = parts.split(",");
  const mutants = MUTANTS.filter(({ name, laws }) => wanted.some((part) => name.includes(part) || laws.includes(part)));
  let count = 0;
  const onCatch: MutantOptions["onCatch"] = (result) => {
    count += 1;
    process.stderr.write(`${count} of ${mutants.length} ${lineOf(result)}\n`);
  };
  const results = await runMutants(mutants, { ...options, onCatch });
  for (const result of results) print(lineOf(result));
  const report = reportOf(results);
  print(JSON.stringify(report));
  return report.missed.length === 0 && report.mutants > 0;
}

/** Prints the tables of docs/mutants.md. */
export async function printLawTables(): Promise<void> {
  const laws = await lawsOfSpec();
  print(`${lawTable(laws, MUTANTS)}\n\n${lawsWithout(laws)}`);
}
