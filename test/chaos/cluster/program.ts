import { startProcess, type TestProcess } from "../../support/process.ts";

export interface ProgramOptions {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly through: readonly string[];
  /** The line by which it says that it can be reached. */
  readonly ready: RegExp;
}

const START_MS = 30_000;
const DRAIN_MS = 10_000;

/** A program that is killed, stopped and started again, with the same arguments. */
export class Program {
  readonly name: string;
  readonly #options: ProgramOptions;
  #process: TestProcess | undefined;
  /** Of all its lives. */
  #errorOutput = "";

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get errorOutput(): string {
    return this.#errorOutput + (this.#process?.errorOutput() ?? "");
  }

  async start(): Promise<RegExpExecArray> {
    const { file, args, environment, through, ready } = this.#options;
    this.#process = startProcess(file, args, environment, { through });
    return this.#process.waitForLine(ready, START_MS);
  }

  writeLine(line: string): void {
    this.#running.writeLine(line);
  }

  get lines(): readonly string[] {
    return this.#running.lines;
  }

  waitForLine(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    return this.#running.waitForLine(pattern, timeoutMs);
  }

  signal(name: NodeJS.Signals): void {
    this.#running.signal(name);
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    await process?.stop();
    this.#errorOutput += process?.errorOutput() ?? "";
  }

  /** Asks it to end, as whoever deploys does. @throws when it did not, or not with exit code 0 */
  async drain(): Promise<void> {
    const process = this.#running;
    process.signal("SIGTERM");
    const { code, signal } = await process.ended(DRAIN_MS);
    await this.kill();
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal}; stderr: ${this.errorOutput.slice(-2_000)}`);
  }

  get #running(): TestProcess {
    if (this.#process === undefined) throw new Error(`${this.name} does not run`);
    return this.#process;
  }
}
