import { print } from "../../support/print.ts";
import { MUTANTS } from "./index.ts";
import { lineOf, runMutants } from "./run-mutants.ts";

/** Plants those whose name contains `part`, and tells of each. Its last line is one of JSON. True: all were caught. */
export async function mutantsMain(part = "", seeds?: number): Promise<boolean> {
  const mutants = MUTANTS.filter(({ name }) => name.includes(part));
  const onCatch = (result: Parameters<typeof lineOf>[0]): void => print(lineOf(result));
  const { sole, notSole, ...outcome } = await runMutants(mutants, { ...(seeds === undefined ? {} : { seeds }), onCatch });
  print(`laws that alone told of some mutant: ${sole.join(" ")}`);
  print(`laws that told of none alone: ${notSole.join(" ")}`);
  print(JSON.stringify(outcome));
  return outcome.missed.length === 0 && outcome.mutants > 0;
}
