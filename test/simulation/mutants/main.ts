import { print } from "../../support/print.ts";
import { MUTANTS } from "./index.ts";
import { lineOf, reportOf } from "./report.ts";
import { type MutantOptions, runMutants } from "./run-mutants.ts";

/** Plants those whose name contains `part`, and tells of each. Its last line is one of JSON. True: all were caught. */
export async function mutantsMain(part = "", options: MutantOptions = {}): Promise<boolean> {
  const mutants = MUTANTS.filter(({ name }) => name.includes(part));
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
