import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A program started by a test, which must stop it: in `afterEach`, so that it also does when it fails. */
export interface TestProcess {
  readonly pid: number;
  /** What it printed on stdout so far, line by line. */
  readonly lines: readonly string[];
  /** What it printed on stderr so far. */
  readonly errorOutput: () => string;
  /** The first line on stdout that matches, printed or yet to come. Rejects when the program ends first, or after `timeoutMs`. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Writes a line to its stdin. */
  writeLine(line: string): void;
  /** Sends a signal to this process only. */
  signal(name: NodeJS.Signals): void;
  /** Kills it if it still runs. Resolves when it is gone. */
  stop(): Promise<void>;
  /** How it ended; waits for it, bounded by `timeoutMs`. */
  ended(timeoutMs?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface StartOptions {
  /** Programs that run it and become it (`exec`), with their arguments: `["ip", "netns", "exec", "a"]`. Default none. */
  readonly through?: readonly string[];
}

const START_TIMEOUT_MS = 20_000;

/** Runs a file of this repository as a process of its own: `node <file> <args>`, with `--import tsx` where it is TypeScript. */
export function startProcess(
  file: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  { through = [] }: StartOptions = {},
): TestProcess {
  const [command = "", ...rest] = [...through, process.execPath, ...(file.endsWith(".ts") ? ["--import", "tsx"] : []), file, ...args];
  const child = spawn(command, rest, { env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "pipe"] });
  // One that is being killed does not read any more.
  child.stdin.on("error", () => undefined);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  let errorOutput = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  child.stderr.on("data", (chunk: Buffer) => (errorOutput += chunk.toString()));
  // `close` rather than `exit`: everything that it printed has been read by then.
  const end = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void end.then(wake);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;

  return {
    pid: pidOf(child),
    lines,
    errorOutput: () => errorOutput,
    waitForLine: (pattern, timeoutMs = START_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        const settle = (): void => {
          clearTimeout(timer);
          waiting.delete(look);
        };
        const timer = setTimeout(() => {
          settle();
          reject(new Error(`no line matched ${pattern} within ${timeoutMs} ms; stderr: ${errorOutput}`));
        }, timeoutMs);
        const look = (): void => {
          for (const line of lines) {
            const match = pattern.exec(line);
            if (match === null) continue;
            settle();
            return resolve(match);
          }
          if (!hasEnded()) return;
          settle();
          reject(new Error(`it ended before a line matched ${pattern}; stderr: ${errorOutput}`));
        };
        waiting.add(look);
        look();
      }),
    writeLine: (line) => void child.stdin.write(`${line}\n`),
    signal: (name) => void child.kill(name),
    ended: async (timeoutMs = START_TIMEOUT_MS) => {
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error(`it was still running after ${timeoutMs} ms; stderr: ${errorOutput}`)), timeoutMs);
      });
      await Promise.race([end, timeout]).finally(() => clearTimeout(timer));
      return { code: child.exitCode, signal: child.signalCode };
    },
    stop: async () => {
      if (!hasEnded()) child.kill("SIGKILL");
      await end;
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("the program could not be started");
  return child.pid;
}
