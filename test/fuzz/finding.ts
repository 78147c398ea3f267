import type { TargetName } from "./target.ts";

/**
 * What an input showed:
 * - crash: an error that the product does not promise, or the end of the process.
 * - hang: it took too long, each of the times that it was tried.
 * - memory: it allocated far more than an input may, or what was allocated never went away.
 * - inconsistent: it was taken and is not sound, or was refused and left a trace.
 */
export type FindingKind = "crash" | "hang" | "memory" | "inconsistent";

export interface Finding {
  readonly kind: FindingKind;
  readonly target: TargetName;
  /** Which input of the seed; -1 for one that was given as bytes. */
  readonly index: number;
  readonly hex: string;
  readonly why: string;
}

/** What came of the inputs of one target. */
export interface Tally {
  readonly inputs: number;
  readonly accepted: number;
  readonly slowestMs: number;
  /** Of the processor: what else the machine does is no matter. */
  readonly cpuSeconds: number;
  /** What it held more at its end than after its warm-up; 0 where there were too few inputs to say. */
  readonly grownBytes: number;
}

export function tallyOf(left: Tally | undefined, right: Tally): Tally {
  return {
    inputs: (left?.inputs ?? 0) + right.inputs,
    accepted: (left?.accepted ?? 0) + right.accepted,
    slowestMs: Math.max(left?.slowestMs ?? 0, right.slowestMs),
    cpuSeconds: (left?.cpuSeconds ?? 0) + right.cpuSeconds,
    grownBytes: Math.max(left?.grownBytes ?? 0, right.grownBytes),
  };
}
