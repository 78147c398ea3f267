import type { Violation } from "./history.ts";
import { type Report, simulate, type SimulationOptions } from "./simulate.ts";

/** What is left of a failed world: with these faults and requests alone it still breaks the law. */
export interface Shrunk {
  readonly violation: Violation;
  readonly report: Report;
  readonly faults: ReadonlySet<number>;
  readonly requests: ReadonlySet<number>;
  readonly runs: number;
}

interface Kept {
  readonly faults: readonly number[];
  readonly requests: readonly number[];
}

/**
 * Runs a failed world again with fewer faults and requests, as long as it breaks the same law: first without what came after the violation,
 * then without ever smaller ranges of faults, then of requests. Undefined where the failure does not come again.
 */
export async function shrink(seed: number, options: SimulationOptions, law: string, runsMax: number): Promise<Shrunk | undefined> {
  let runs = 0;
  const isSpent = (): boolean => runs >= runsMax;
  let best: Shrunk | undefined;
  const attempt = async ({ faults, requests }: Kept): Promise<Kept | undefined> => {
    runs += 1;
    const kept = { faults: new Set(faults), requests: new Set(requests) };
    const report = await simulate(seed, { ...options, onlyFaults: kept.faults, onlyRequests: kept.requests, isStopping: true });
    const [violation] = report.violations;
    if (violation?.law !== law) return undefined;
    best = { violation, report, ...kept, runs };
    // What struck, or was asked, until then: the rest can be left out.
    const happened = numbersOf(report);
    return { faults: faults.filter((each) => happened.faults.includes(each)), requests: happened.requests };
  };
  const first = await simulate(seed, { ...options, isStopping: true });
  if (first.violations[0]?.law !== law) return undefined;
  let kept = await attempt(numbersOf(first));
  if (kept === undefined) return { violation: first.violations[0], report: first, runs, ...asSets(numbersOf(first)) };
  for (const part of ["faults", "requests"] as const) {
    for (let size = Math.ceil(kept[part].length / 2); size >= 1 && !isSpent(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < kept[part].length && !isSpent();) {
        const fewer: Kept = { ...kept, [part]: [...kept[part].slice(0, from), ...kept[part].slice(from + size)] };
        const next = await attempt(fewer);
        if (next === undefined) from += size;
        else kept = next;
      }
    }
  }
  return best === undefined ? undefined : { ...best, runs };
}

function numbersOf({ incidents }: Report): Kept {
  const of = (letter: string): number[] => incidents.filter(({ name }) => name.startsWith(letter)).map(({ name }) => Number(name.slice(1)));
  return { faults: of("f").sort(ascending), requests: of("r").sort(ascending) };
}

function asSets({ faults, requests }: Kept): Pick<Shrunk, "faults" | "requests"> {
  return { faults: new Set(faults), requests: new Set(requests) };
}

function ascending(left: number, right: number): number {
  return left - right;
}
