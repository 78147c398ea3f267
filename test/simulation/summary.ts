import type { Tally, Violation } from "./history.ts";
import { type Report, simulate, type SimulationOptions } from "./simulate.ts";

/** What is told of one seed by the process that ran it. */
export interface Summary {
  readonly seed: number;
  readonly tally: Tally;
  readonly violations: readonly Violation[];
  readonly virtualMs: number;
  /** Of the process that ran it. */
  readonly cpuMs: number;
}

/** @throws nothing: what went wrong is a violation */
export async function summarize(seed: number, options: SimulationOptions): Promise<Summary> {
  const before = process.cpuUsage();
  const { tally, violations, virtualMs }: Report = await simulate(seed, options);
  const { user, system } = process.cpuUsage(before);
  return { seed, tally, violations, virtualMs, cpuMs: (user + system) / 1_000 };
}

/** What each seed must come to. */
export type Minima = Pick<SimulationOptions, "operations" | "faultKinds">;

/** The sum of many seeds. */
export class Totals {
  readonly sums: Record<string, number> = {};
  readonly faults: Record<string, number> = {};
  /** Broke a law. */
  readonly failed: Summary[] = [];
  /** Broke none, and did or met too little to prove anything: a fault of the simulator. */
  readonly poor: Summary[] = [];
  readonly #minima: Minima;
  readonly #healMs: number[] = [];
  seeds = 0;
  violations = 0;
  virtualMs = 0;
  cpuMs = 0;
  /** Of the seed with the fewest. */
  fewestFaultKinds = Infinity;
  fewestOperations = Infinity;

  constructor(minima: Minima = {}) {
    this.#minima = minima;
  }

  add(summary: Summary): void {
    const { tally, violations, virtualMs } = summary;
    this.seeds += 1;
    this.virtualMs += virtualMs;
    this.cpuMs += summary.cpuMs;
    this.violations += violations.length;
    if (violations.length > 0) this.failed.push(summary);
    for (const [name, value] of Object.entries(tally)) if (typeof value === "number") this.sums[name] = (this.sums[name] ?? 0) + value;
    const kinds = Object.entries(tally.faultKinds);
    const { operations = 0, faultKinds = 0 } = this.#minima;
    if (violations.length === 0 && (tally.operations < operations || kinds.length < faultKinds)) this.poor.push(summary);
    for (const [kind, count] of kinds) this.faults[kind] = (this.faults[kind] ?? 0) + count;
    this.fewestFaultKinds = Math.min(this.fewestFaultKinds, kinds.length);
    this.fewestOperations = Math.min(this.fewestOperations, tally.operations);
    this.#healMs.push(...tally.healMs);
  }

  get healP99Ms(): number {
    const sorted = this.#healMs.toSorted((left, right) => left - right);
    return Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0);
  }
}
