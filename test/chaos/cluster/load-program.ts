import { join } from "node:path";
import type { LoadOrder, LoadSettings } from "../load.ts";
import type { Cluster } from "./cluster.ts";
import { ENDS_WITH_PARENT } from "./machine.ts";
import { Program } from "./program.ts";

/** Beyond the longest request, and what follows from it. */
const OBEY_MS = 60_000;

/** The load of a cluster, in a process of its own. */
export class LoadProgram {
  readonly historyFile: string;
  readonly #program: Program;
  #number = 0;

  constructor(cluster: Cluster, settings: Pick<LoadSettings, "visitorCount" | "roundMs" | "seed">) {
    this.historyFile = join(cluster.folder, "history.jsonl");
    const nodes = cluster.nodes.map(({ name, url, adminUrl }) => ({ name, url, adminUrl }));
    const args: LoadSettings = { ...settings, nodes, historyFile: this.historyFile };
    this.#program = new Program({
      name: "load",
      file: "test/chaos/load.ts",
      args: [JSON.stringify(args)],
      environment: {},
      through: ENDS_WITH_PARENT,
      ready: /^ready$/,
    });
  }

  async start(): Promise<void> {
    await this.#program.start();
  }

  run(): Promise<unknown> {
    return this.#order({ do: "run" });
  }

  pause(): Promise<unknown> {
    return this.#order({ do: "pause" });
  }

  rotate(nodes: readonly string[]): Promise<unknown> {
    return this.#order({ do: "rotate", nodes });
  }

  /** Keys of the sessions that live. */
  keys(): Promise<string[]> {
    return this.#order({ do: "keys" }) as Promise<string[]>;
  }

  final(): Promise<unknown> {
    return this.#order({ do: "final" });
  }

  stop(): Promise<void> {
    return this.#program.kill();
  }

  async #order(order: LoadOrder): Promise<unknown> {
    const number = (this.#number += 1);
    this.#program.writeLine(JSON.stringify({ number, ...order }));
    const [, result = ""] = await this.#program.waitForLine(new RegExp(`^done ${number} (.*)$`), OBEY_MS);
    return JSON.parse(result) as unknown;
  }
}
