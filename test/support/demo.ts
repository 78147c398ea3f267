import { startProcess, type TestProcess } from "./process.ts";

/** The demo as a user starts it, on a free port. */
export interface RunningDemo {
  readonly program: TestProcess;
  readonly url: string;
  /** Of the program that the demo calls `Node A`, `Relay 1` or `express-session`, as it runs now. */
  pidOf(name: string): number;
}

const START_MS = 60_000;

export async function startDemo(running: TestProcess[], args: readonly string[] = ["--port", "0"]): Promise<RunningDemo> {
  const program = startProcess("examples/demo/main.ts", args);
  running.push(program);
  const [, url = ""] = await program.waitForLine(/^Open (http:\S+) in a browser/, START_MS);
  const pidOf = (name: string): number => {
    const pids = program.lines.map((line) => /^ {2}(.+?) +ready, pid (\d+)$/.exec(line)).filter((match) => match?.[1] === name);
    const pid = Number(pids.at(-1)?.[2]);
    if (!Number.isInteger(pid)) throw new Error(`the demo started no ${name}: ${program.lines.join("\n")}`);
    return pid;
  };
  return { program, url, pidOf };
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
