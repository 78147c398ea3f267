import { type Child, type ChildOptions, startChild } from "./child.ts";
import type { ProxyTarget } from "./proxy.ts";

/** `stopped`: somebody killed it by the page, and has not started it again. */
export type ProgramState = "starting" | "running" | "stopped";

/** A program that ends by itself is started again this often; one that cannot stay up is left alone. */
const RESTART_COUNT_MAX = 20;

/** A program of the demo that is kept running, unless somebody wants it dead. */
export class Program implements ProxyTarget {
  /** For the next start. */
  arguments: readonly string[];
  readonly #options: ChildOptions;
  readonly #print: (line: string) => void;
  #child: Child | undefined;
  #starting: Promise<void> | undefined;
  #isWanted = true;
  #restartCount = 0;

  constructor(options: ChildOptions, print: (line: string) => void) {
    this.#options = options;
    this.arguments = options.args ?? [];
    this.#print = print;
  }

  get name(): string {
    return this.#options.name;
  }

  get state(): ProgramState {
    if (this.#child !== undefined) return "running";
    return this.#isWanted ? "starting" : "stopped";
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  address(): string | undefined {
    return this.#child?.address;
  }

  /** Resolves when it listens. */
  start(): Promise<void> {
    this.#isWanted = true;
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  /** `kill -9`, and stays dead until `start`. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    await this.#starting?.catch(() => undefined);
    const child = this.#child;
    if (child === undefined) return;
    process.kill(child.pid, "SIGKILL");
    await child.ended;
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    await this.#starting?.catch(() => undefined);
    await this.#child?.stop();
  }

  async #start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = await startChild({ ...this.#options, args: this.arguments });
    this.#child = child;
    this.#print(`  ${this.name.padEnd(16)} ready, pid ${child.pid}`);
    void child.ended.then(() => {
      this.#child = undefined;
      if (this.#isWanted) this.#startAgain();
    });
  }

  #startAgain(): void {
    this.#restartCount += 1;
    if (this.#restartCount > RESTART_COUNT_MAX) {
      this.#isWanted = false;
      this.#print(`  ${this.name.padEnd(16)} ended again, and stays so. Ctrl-C, and start the demo anew.`);
      return;
    }
    this.#print(`  ${this.name.padEnd(16)} ended; starting it again`);
    this.start().catch((error: unknown) => this.#print(error instanceof Error ? error.message : String(error)));
  }
}
