/**
 * `npm run light [-- --events <count>] [--seed <number>] [--variant <name>]`: random events on the envelopes of many small worlds. The last line
 * is JSON. Ends with 1 when a law is broken, after the shortest list of events that was found to break it.
 */
import { Command, InvalidArgumentError } from "commander";
import { randomInt } from "node:crypto";
import { SHIPPED } from "../model/rules.ts";
import { VARIANTS } from "../model/variants.ts";
import { print } from "../support/print.ts";
import { sayEvent } from "./light-world.ts";
import { runLight } from "./run-light.ts";

interface Settings {
  readonly events: number;
  readonly seed: number;
  readonly variant?: string;
}

const program: Command = new Command("light")
  .description("Random events on the envelopes of many small worlds, by the engine's own rules.")
  .option("--events <count>", "how many", whole, 10_000_000)
  .option("--seed <number>", "draws them; the same number, the same events", whole, randomInt(2 ** 31))
  .option("--variant <name>", "without one guard: it must fail (names: npm run model -- --list)")
  .parse();
const { events, seed, variant } = program.opts<Settings>();
const rules = variant === undefined ? SHIPPED : VARIANTS.find(({ name }) => name === variant)?.rules;
if (rules === undefined) program.error("There is no such variant; npm run model -- --list names them.", { exitCode: 2 });
const beganAtMs = performance.now();
const onProgress = (done: number): void => void process.stderr.write(`  ${done} events\n`);
const report = runLight({ seed, eventCount: events, rules, onProgress });
const { failure } = report;
if (failure !== undefined) {
  print(`broken: ${failure.broken}`);
  print(`in world ${failure.world} of seed ${seed}, which begins with ${failure.setup}, by these events alone:`);
  for (const word of failure.events) print(`  ${sayEvent(word)}`);
  print(`npm run light -- --seed ${seed} --events ${events}${variant === undefined ? "" : ` --variant ${variant}`}`);
}
const seconds = Math.round(performance.now() - beganAtMs) / 1000;
print(JSON.stringify({ events: report.events, worlds: report.worlds, violations: failure === undefined ? 0 : 1, seed, seconds }));
process.exitCode = failure === undefined ? 0 : 1;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("a whole number");
  return value;
}
