import type { Catch } from "./run-mutants.ts";

/** The last line of a run. */
export interface MutantReport {
  readonly mutants: number;
  readonly caught: number;
  readonly missed: readonly string[];
}

export function reportOf(results: readonly Catch[]): MutantReport {
  return {
    mutants: results.length,
    caught: results.filter(({ isCaught }) => isCaught).length,
    missed: results.filter(({ isCaught }) => !isCaught).map(({ mutant }) => mutant.name),
  };
}

/** One line of the report. */
export function lineOf({ mutant, isCaught, law, laws, seed, events, what, tookMs }: Catch): string {
  const others = laws.filter((each) => each !== law);
  const where = seed === undefined ? what : `seed ${seed}, ${events} events`;
  const also = others.length === 0 ? "" : ` (also ${others.join(" ")})`;
  const took = ` ${(tookMs / 1_000).toFixed(1)} s`;
  if (isCaught) return `[${law}] ${mutant.name}: ${where}${also}${took}`;
  return `MISSED ${mutant.name}: told ${laws.join(" ") || "nothing"}${seed === undefined ? "" : ` in seed ${seed}`}: ${what}${took}`;
}
