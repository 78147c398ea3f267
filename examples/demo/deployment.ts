import { randomBytes } from "node:crypto";
import { type Child, type ChildOptions, startChild } from "./child.ts";
import type { ProxyTarget } from "./proxy.ts";

/** The programs behind the demo's one URL. */
export interface Deployment {
  readonly nodes: readonly ProxyTarget[];
  readonly classic: ProxyTarget;
  stop(): Promise<void>;
}

/** A program that ends by itself is started again this often; one that cannot stay up is left alone. */
const RESTART_COUNT_MAX = 20;

/** Starts a relay, two nodes and the shop on express-session, and starts again whatever of them is killed. */
export async function startDeployment(print: (line: string) => void): Promise<Deployment> {
  const environment = {
    SESSION_SECRET: randomBytes(32).toString("base64url"),
    CONVERGE_SESSION_SECRET: randomBytes(32).toString("base64url"),
  };
  const programs: Program[] = [];
  const start = async (options: ChildOptions): Promise<Program> => {
    const program = new Program({ ...options, environment }, print);
    programs.push(program);
    await program.start();
    return program;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.stop()));
  };
  const startNodes = async (): Promise<Program[]> => {
    const file = "src/relay/main.ts";
    const relay = await start({ name: "Relay", file, args: ["relay", "--listen", "127.0.0.1:0"] });
    const address = relay.address() ?? "";
    // Where the nodes know it to be, should it have to be started again.
    relay.options = { name: "Relay", file, args: ["relay", "--listen", new URL(address).host], environment };
    return Promise.all([
      start({ name: "Node A", file: "examples/demo/nodes/express.ts", args: ["Node A", address] }),
      start({ name: "Node B", file: "examples/demo/nodes/fastify.ts", args: ["Node B", address] }),
    ]);
  };
  try {
    const [nodes, classic] = await Promise.all([startNodes(), start({ name: "express-session", file: "examples/demo/nodes/classic.ts" })]);
    return { nodes, classic, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A program that is kept running. */
class Program implements ProxyTarget {
  options: ChildOptions;
  readonly #print: (line: string) => void;
  #child: Child | undefined;
  #starting: Promise<void> | undefined;
  #isStopping = false;
  #restartCount = 0;

  constructor(options: ChildOptions, print: (line: string) => void) {
    this.options = options;
    this.#print = print;
  }

  get name(): string {
    return this.options.name;
  }

  address(): string | undefined {
    return this.#child?.address;
  }

  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#starting?.catch(() => undefined);
    await this.#child?.stop();
  }

  async #start(): Promise<void> {
    const child = await startChild(this.options);
    this.#child = child;
    this.#print(`  ${this.name.padEnd(16)} ready, pid ${child.pid}`);
    void child.ended.then(() => {
      this.#child = undefined;
      if (!this.#isStopping) this.#startAgain();
    });
  }

  #startAgain(): void {
    this.#restartCount += 1;
    if (this.#restartCount > RESTART_COUNT_MAX) {
      this.#print(`  ${this.name.padEnd(16)} ended again, and stays so. Ctrl-C, and start the demo anew.`);
      return;
    }
    this.#print(`  ${this.name.padEnd(16)} ended; starting it again`);
    this.start().catch((error: unknown) => this.#print(error instanceof Error ? error.message : String(error)));
  }
}
