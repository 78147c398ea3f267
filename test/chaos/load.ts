/**
 * The load of the chaos tests: `load.ts <LoadSettings as JSON>`. Takes commands on stdin, a JSON object a line (`LoadCommand`), and
 * prints `done <number> <result as JSON>` for each. Ends with stdin.
 */
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { print } from "../support/print.ts";
import { seededRandom } from "../support/manual-runtime.ts";
import { type LoadNode, Nodes } from "./load/nodes.ts";
import { probe } from "./load/prober.ts";
import { HistoryRecorder } from "../../src/testing/history/recorder.ts";
import { Visitor } from "./load/visitor.ts";

export interface LoadSettings {
  readonly historyFile: string;
  readonly nodes: readonly LoadNode[];
  readonly visitorCount: number;
  /** A visitor does one thing, or two at once, this often, unless the answers take longer. Milliseconds. */
  readonly roundMs: number;
  readonly seed: number;
}

/**
 * `run` until `pause`, which waits for what is under way. `rotate` says which nodes get requests. `final` reads every living session on
 * every node and gives their keys; `keys` only gives them.
 */
export type LoadCommand = { readonly number: number } & LoadOrder;

export type LoadOrder = { readonly do: "run" | "pause" | "keys" | "final" } | { readonly do: "rotate"; readonly nodes: readonly string[] };

const settings = JSON.parse(process.argv[2] ?? "") as LoadSettings;
const random = seededRandom(settings.seed);
const nodes = new Nodes(settings.nodes, random);
const recorder = new HistoryRecorder(settings.historyFile);
const visitors = Array.from({ length: settings.visitorCount }, (_, index) => new Visitor(`v${index}`, nodes, recorder, random));
const state = { isPaused: true };
const isOver = (): boolean => state.isPaused;
let running: Promise<unknown> = Promise.resolve();

print("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as LoadCommand;
  print(`done ${command.number} ${JSON.stringify((await obey(command)) ?? null)}`);
}
recorder.close();
process.exit();

async function obey(command: LoadCommand): Promise<unknown> {
  switch (command.do) {
    case "run":
      state.isPaused = false;
      running = Promise.all([...visitors.map((visitor) => live(visitor)), probe(nodes, recorder, isOver), nodes.watchHealth(isOver)]);
      return undefined;
    case "pause":
      state.isPaused = true;
      return running.then(() => undefined);
    case "rotate":
      nodes.rotate(command.nodes);
      return undefined;
    case "final":
      await Promise.all(visitors.map((visitor) => visitor.readFinally()));
      return keys();
    case "keys":
      return keys();
  }
}

function keys(): string[] {
  return visitors.flatMap((visitor) => visitor.session?.key ?? []);
}

async function live(visitor: Visitor): Promise<void> {
  await pause(random() * settings.roundMs);
  while (!state.isPaused) {
    const beganAtMs = performance.now();
    await visitor.round();
    await pause(Math.max(1, settings.roundMs * (0.5 + random()) - (performance.now() - beganAtMs)));
  }
}
