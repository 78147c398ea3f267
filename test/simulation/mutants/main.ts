import { print } from "../../support/print.ts";
import { lineOf, MUTANTS, runMutants } from "./index.ts";

/** Plants every mutant whose name contains the given text. Its last line is one of JSON. */
export async function mutantsMain(part = "", seeds?: number): Promise<boolean> {
  const mutants = MUTANTS.filter(({ name }) => name.includes(part));
  const report = await runMutants(mutants, { ...(seeds === undefined ? {} : { seeds }), onCatch: (result) => print(lineOf(result)) });
  const { sole, neverSole, ...outcome } = report;
  print(`laws that alone told of a mutant: ${sole.join(" ")}`);
  print(`laws that told only with others: ${neverSole.join(" ")}`);
  print(JSON.stringify(outcome));
  return report.missed.length === 0;
}
