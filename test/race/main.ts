/**
 * `npm run race [-- <adapter> …]`: the races of parallel requests and the 21 scenarios that people reported, over every adapter, in one process
 * and on two nodes with a relay, and over the session libraries that people have now. Last line: JSON.
 */
import { ADAPTERS, PEERS } from "./adapters.ts";
import { SCENARIOS } from "./rows.ts";
import type { Scenario } from "./rows.ts";
import { acrossProcesses, inOneProcess, peer, runScenarios } from "./suite.ts";
import type { Deployment } from "./suite.ts";
import { print } from "../support/print.ts";

interface Result {
  readonly name: string;
  /** In the order in which they were run: one process, then two nodes. */
  readonly runs: readonly ReadonlyMap<string, number>[];
}

const wanted = process.argv.slice(2);
const names = (all: object): string[] => Object.keys(all).filter((name) => wanted.length === 0 || wanted.includes(name));

async function measured(title: string, start: () => Promise<Deployment>): Promise<ReadonlyMap<string, number>> {
  print(`${title} …`);
  const deployment = await start();
  try {
    return await runScenarios(deployment, SCENARIOS, ({ name }, error) => print(`  ${name} could not be run: ${String(error)}`));
  } finally {
    await deployment.close();
  }
}

const results: Result[] = [];
for (const name of names(ADAPTERS)) {
  const alone = await measured(`${name}, one process`, () => inOneProcess(name));
  const two = await measured(`${name}, two nodes and a relay`, () => acrossProcesses(name));
  results.push({ name, runs: [alone, two] });
}
const ours = results.length;
for (const name of names(PEERS)) results.push({ name, runs: [await measured(name, () => peer(name))] });

const WIDTH = Math.max(...results.map(({ name }) => name.length), "00/00 00/00".length);
const TITLE_WIDTH = Math.max(...SCENARIOS.map(({ title }) => title.length)) + 4;
print("");
print(
  line(
    "",
    results.map(({ name }) => name),
  ),
);
for (const scenario of SCENARIOS) {
  const label = `${scenario.row === 0 ? "  " : String(scenario.row).padStart(2)}  ${scenario.title} (${scenario.wanted} of ${scenario.total})`;
  print(
    line(
      label,
      results.map(({ runs }) => runs.map((counts) => cell(scenario, counts)).join(" ")),
    ),
  );
}
print(
  "\nOurs: one process, then two nodes; ! is not what is wanted. The others: as recommended, as by default, or on a slow store (rows.ts).",
);
print(JSON.stringify(Object.fromEntries(results.map((result) => [result.name, lineOf(result)]))));
process.exitCode = results.slice(0, ours).every(({ runs }) => runs.every((counts) => passedIn(counts) === SCENARIOS.length)) ? 0 : 1;

function line(label: string, cells: readonly string[]): string {
  return [label.padEnd(TITLE_WIDTH + 12), ...cells.map((text) => text.padStart(WIDTH))].join("  ");
}

function cell({ name, wanted: good }: Scenario, counts: ReadonlyMap<string, number>): string {
  const count = counts.get(name);
  return count === undefined ? "-!" : `${count}${count === good ? "" : "!"}`;
}

function passedIn(counts: ReadonlyMap<string, number>): number {
  return SCENARIOS.filter(({ name, wanted: good }) => counts.get(name) === good).length;
}

/** The races by their names, as the last run of the adapter had them, then all scenarios of all runs. */
function lineOf({ runs }: Result): object {
  const last = runs.at(-1);
  const races = SCENARIOS.filter(({ row }) => row === 0).map(({ name }) => [name, last?.get(name) ?? null] as const);
  const passed = runs.reduce((sum, counts) => sum + passedIn(counts), 0);
  return { ...Object.fromEntries(races), scenarios: SCENARIOS.length * runs.length, passed };
}
