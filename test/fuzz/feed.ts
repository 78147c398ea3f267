import { getHeapStatistics } from "node:v8";
import { Dice } from "../simulation/dice.ts";
import type { Finding, FindingKind, Tally } from "./finding.ts";
import { Inconsistent, type Target } from "./target.ts";

/**
 * No input may take longer, by the clock and by the processor: what waits for other processes of the machine is not slow. One that did is timed
 * again, for it may have been the garbage collector.
 */
const INPUT_MS_MAX = 50;
const TRIES = 3;
/** Below this the clock is believed: asking for the time of the processor costs as much as a small input. */
const CLOCK_MS_MAX = 5;
/** No input may allocate more at once. Far above what the largest honest one takes, far below what a length can ask for. */
const INPUT_MEMORY_MAX = 32 * 1024 * 1024;
export interface FeedOptions {
  readonly seed: number;
  /** The first input, and how many. */
  readonly from: number;
  readonly count: number;
  /** Hears of each input before it is handed over: of one that ends the process it is all that is left. */
  readonly onInput?: (index: number, input: Uint8Array) => void;
  readonly onFinding: (finding: Finding) => void;
}

/** The input that a number names. */
function inputOf(target: Target, seed: number, index: number): Uint8Array {
  return target.input(new Dice(seed + Math.imul(index, 0x9e37_79b1)).for(target.name));
}

/** Hands so many inputs of a seed to a target, one after the other. */
export async function feed(target: Target, options: FeedOptions): Promise<Tally> {
  const { seed, from, count, onInput, onFinding } = options;
  const cpuBefore = process.cpuUsage();
  const sums = { accepted: 0, slowestMs: 0 };
  for (let index = from; index < from + count; index++) {
    const input = inputOf(target, seed, index);
    onInput?.(index, input);
    await feedOne(target, input, (kind, why) => onFinding(findingOf(target, kind, why, index, input)), sums);
  }
  return { inputs: count, ...sums, cpuSeconds: cpuSecondsSince(cpuBefore), grownBytes: 0 };
}

/** Of all threads of this process. */
export function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000_000;
}

/** Hands over one input, and looks at what came of it. */
export async function feedOne(
  target: Target,
  input: Uint8Array,
  found: (kind: FindingKind, why: string) => void,
  sums = { accepted: 0, slowestMs: 0 },
): Promise<void> {
  let first: Trial | undefined;
  try {
    first = await tried(target, input);
    sums.accepted += Number(first.isTaken);
    // What is fast the second time was not the input's doing.
    for (let again = 0; again < TRIES && first.ms > INPUT_MS_MAX; again++) first = fasterOf(first, await tried(target, input));
    sums.slowestMs = Math.max(sums.slowestMs, first.ms);
    if (first.ms > INPUT_MS_MAX) found("hang", `${first.ms.toFixed(0)} ms`);
    if (first.bytes > INPUT_MEMORY_MAX) found("memory", `${first.bytes} bytes at once`);
  } catch (error) {
    found(error instanceof Inconsistent ? "inconsistent" : "crash", whyOf(error));
  }
}

interface Trial {
  readonly isTaken: boolean;
  readonly ms: number;
  readonly bytes: number;
}

async function tried(target: Target, input: Uint8Array): Promise<Trial> {
  const bytesBefore = allocatedBytes();
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  const taking = target.take(input);
  const isTaken = typeof taking === "boolean" ? taking : await taking;
  const clockMs = performance.now() - startedMs;
  const ms = clockMs > CLOCK_MS_MAX ? Math.min(clockMs, cpuSecondsSince(cpuBefore) * 1_000) : clockMs;
  const bytes = allocatedBytes() - bytesBefore;
  const checking = target.check?.(input, isTaken);
  if (checking !== undefined) await checking;
  return { isTaken, ms, bytes };
}

/** Of memory the most: garbage that is collected meanwhile only hides what was allocated. */
function fasterOf(one: Trial, other: Trial): Trial {
  return { isTaken: other.isTaken, ms: Math.min(one.ms, other.ms), bytes: Math.max(one.bytes, other.bytes) };
}

/** Of the heap and beside it. Grows with each allocation until garbage is collected. */
export function allocatedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

function findingOf(target: Target, kind: FindingKind, why: string, index: number, input: Uint8Array): Finding {
  return { kind, target: target.name, index, hex: Buffer.from(input).toString("hex"), why };
}

function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  const cause = error.cause instanceof Error ? ` (${error.cause.name}: ${error.cause.message})` : "";
  return `${error.name}: ${error.message}${cause} ${frames.slice(0, 3).join(" ").replaceAll(/\s+/g, " ")}`;
}
