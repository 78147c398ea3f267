import { spawnSync } from "node:child_process";
import { textOfNumbers } from "./numbers.ts";
import type { Shrunk } from "./shrink.ts";
import type { SimulationOptions } from "./simulate.ts";

/** As many of a failure's events as anybody reads. */
const LINES_MAX = 120;

/** What somebody needs who is to find the fault: which law, what happened, and the lines that make it happen again. */
export function failureText(seed: number, options: SimulationOptions, law: string, shrunk: Shrunk | undefined): string {
  const line = `npm run sim -- --seed ${seed} --requests ${options.requests} --operations ${options.operations ?? 0} --rounds ${options.rounds}`;
  const head = `seed ${seed}, commit ${commit()}`;
  if (shrunk === undefined) return `${head}: [${law}] did not fail again when it was run alone. Replay: ${line}`;
  const { violation, report, faults, requests, runs } = shrunk;
  const incidents = report.incidents.map(({ name, atMs, text }) => `  ${stamp(atMs)} ${name} ${text}`);
  const cut = incidents.length - LINES_MAX;
  return [
    `${head}: [${violation.law}] at ${stamp(violation.atMs).trim()} ms: ${violation.what}`,
    `  ${faults.size} faults and ${requests.size} requests are left after ${runs} runs:`,
    ...(cut > 0 ? [`  (${cut} before)`] : []),
    ...incidents.slice(-LINES_MAX),
    `Replay: ${line}`,
    `Replay what is left: ${line} --only-faults ${textOfNumbers(faults)} --only-requests ${textOfNumbers(requests)} --trace`,
  ].join("\n");
}

function stamp(ms: number): string {
  return ms.toFixed(1).padStart(9);
}

function commit(): string {
  const { status, stdout } = spawnSync("git", ["rev-parse", "HEAD"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}
