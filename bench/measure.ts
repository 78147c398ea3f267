import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** CPU microseconds of one call of `run`, after `warmUp` calls: user and system time of this process, not the wall clock. */
export function cpuMicrosecondsPer(run: (index: number) => void, count: number, warmUp: number): number {
  for (let index = 0; index < warmUp; index++) run(index);
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) run(warmUp + index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Runs one side of a benchmark in a process of its own, which can collect garbage, and gives the last line that it prints. */
export function lastLineOf(script: string, side: string, timeoutMs = 120_000): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", path, side], {
    encoding: "utf8",
    timeout: timeoutMs,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`benchmark side ${side} failed:\n${child.stdout}`);
  return child.stdout.trim().split("\n").at(-1) ?? "";
}

/** The same for a side that prints one number. */
function inOwnProcess(script: string, side: string): number {
  const line = lastLineOf(script, side);
  if (line === "" || !Number.isFinite(Number(line))) throw new Error(`benchmark side ${side} printed no number: ${line}`);
  return Number(line);
}

/** Each side in turn, `rounds` times over: a machine that slows down slows both. */
export function alternating(script: string, sides: readonly string[], rounds: number): Map<string, number[]> {
  const results = new Map<string, number[]>(sides.map((side) => [side, []]));
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`);
    for (const side of sides) results.get(side)?.push(inOwnProcess(script, side));
  }
  return results;
}

/** The ratio of two sides, round by round. */
export function ratios(results: ReadonlyMap<string, readonly number[]>, above: string, below: string): Spread {
  const denominators = results.get(below) ?? [];
  return spreadOf((results.get(above) ?? []).map((value, round) => value / (denominators[round] ?? Number.NaN)));
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
