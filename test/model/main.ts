/**
 * `npm run model [-- --nodes <count>] [--limit-states <count>] [--memory <megabytes>] [--minutes <count>] [--variant <name> …] [--worlds-only]
 * [--list]`: every state of the worlds by the rules as shipped, then each variant in which a guard is missing, with the shortest way to what
 * goes wrong. Progress goes to the error stream; the last line is JSON: `searchedWhole` of the `searched` worlds have no state that was not looked
 * at. Ends with 1 when a law does not hold, or a variant is not refuted.
 */
import { Command, InvalidArgumentError } from "commander";
import { print } from "../support/print.ts";
import { checkWorlds, type Found, models, refute } from "./check-model.ts";
import { VARIANTS } from "./variants.ts";

interface Settings {
  readonly nodes: number;
  readonly limitStates?: number;
  readonly memory?: number;
  readonly minutes?: number;
  readonly variant?: readonly string[];
  readonly worldsOnly?: true;
  readonly list?: true;
}

const program = new Command("model")
  .description("Tries everything that can happen to a session's envelope on a few nodes.")
  .option("--nodes <count>", "how many nodes, 2 to 4; 4 goes as far as memory does", nodeCount, 3)
  .option("--limit-states <count>", "no more states of one world (default: 40 million)", positive)
  .option("--memory <megabytes>", "no more memory for the states of one world", positive)
  .option("--minutes <count>", "for all worlds together, shared out among them", positive)
  .option("--variant <name...>", "only these variants, and no world as shipped")
  .option("--worlds-only", "no variants")
  .option("--list", "names the worlds and the variants")
  .parse();
const { nodes, limitStates, memory, minutes, variant, worldsOnly, list } = program.opts<Settings>();

if (list === true) {
  for (const { name, about } of models(nodes)) print(`world    ${name.padEnd(24)} ${about}`);
  for (const { name, about, world } of VARIANTS) print(`variant  ${name.padEnd(24)} ${about} (${world})`);
} else run();

function run(): void {
  const chosen = VARIANTS.filter(({ name }) => worldsOnly === undefined && (variant?.includes(name) ?? true));
  const unknown = variant?.filter((name) => !VARIANTS.some((each) => each.name === name)) ?? [];
  if (unknown.length > 0) program.error(`There is no variant called ${unknown.join(", ")}; --list names them.`, { exitCode: 2 });
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const worlds: Found[] = [];
  if (variant === undefined) {
    const durationMsMax = minutes === undefined ? undefined : (minutes * 60_000) / models(nodes).length;
    const memoryBytesMax = memory === undefined ? undefined : memory * 1_000_000;
    for (const found of checkWorlds(nodes, say, { stateCountMax: limitStates, memoryBytesMax, durationMsMax })) {
      worlds.push(found);
      if (found.counterexample !== undefined) tell(`world ${found.name}: ${found.about}`, found.counterexample);
    }
  }
  let refuted = 0;
  for (const each of chosen) {
    const counterexample = refute(each);
    if (counterexample !== undefined) refuted++;
    tell(`without a guard, ${each.name}: ${each.about}`, counterexample);
  }
  const states = worlds.reduce((sum, { stateCount }) => sum + stateCount, 0);
  const violations = worlds.filter(({ counterexample }) => counterexample !== undefined).length;
  const isComplete = worlds.every((world) => world.isComplete || world.counterexample !== undefined);
  const searchedWhole = worlds.filter((world) => world.isComplete).length;
  const counts = { states, isComplete, searched: worlds.length, searchedWhole };
  print(JSON.stringify({ nodes, ...counts, violations, weakened: chosen.length, refuted }));
  process.exitCode = violations > 0 || refuted < chosen.length ? 1 : 0;
}

function tell(title: string, counterexample: Found["counterexample"]): void {
  print(`\n${title}`);
  for (const line of counterexample?.trace ?? []) print(`  ${line}`);
  print(`  ${counterexample === undefined ? "NOT REFUTED: no law is broken" : `broken: ${counterexample.broken}`}`);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new InvalidArgumentError("a number above 0");
  return value;
}

function nodeCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 2 || count > 4) throw new InvalidArgumentError("a number from 2 to 4");
  return count;
}
