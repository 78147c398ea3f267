import { spawn } from "node:child_process";

/** What a child program said, and how it ended. */
export interface ChildReport {
  readonly lines: readonly string[];
  readonly errorOutput: string;
  /** Undefined: it was ended by a signal. */
  readonly code: number | undefined;
  readonly isTimedOut: boolean;
}

export interface ChildOptions {
  readonly folder: string;
  readonly env?: NodeJS.ProcessEnv;
  /** It is killed when it said nothing for so long. */
  readonly silenceMs: number;
  readonly onLine?: (line: string) => void;
}

/** Runs a program to its end, or until it has nothing to say any more. What it started goes with it. */
export function runChild(args: readonly string[], { folder, env = process.env, silenceMs, onLine }: ChildOptions): Promise<ChildReport> {
  return new Promise((resolve, reject) => {
    // A group of its own: programs that it starts are killed with it.
    const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const lines: string[] = [];
    let [rest, errorOutput, isTimedOut] = ["", "", false];
    const giveUp = (): void => {
      isTimedOut = true;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    let timer = setTimeout(giveUp, silenceMs);
    child.stdout.on("data", (chunk: Buffer) => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, silenceMs);
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        lines.push(line);
        onLine?.(line);
      }
    });
    child.stderr.on("data", (chunk: Buffer) => (errorOutput += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve({ lines, errorOutput, code: code ?? undefined, isTimedOut });
    });
  });
}
