import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program of the demo, running as a process of its own. It ends with this process, however that ends. */
export interface Child {
  readonly pid: number;
  /** What it said it listens on. */
  readonly address: string;
  /** Resolves when the process is gone, whatever the reason. */
  readonly ended: Promise<void>;
  /** Over the channel that every program of the demo has to this process. */
  send(message: object): void;
  /** Asks it to stop, and after a moment makes it. Idempotent. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** For people: what failed, and whose error output a line is. */
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What it sends over that channel. */
  readonly onMessage?: (message: unknown) => void;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 30_000;
const STOP_MS = 3_000;
/** What every program of the demo prints when it can be reached. */
const LISTENING = /listening on (\S+)/;

/** Resolves when the program listens. Rejects, with the program stopped, when it ends before that or takes longer than 30 s. */
export function startChild(options: ChildOptions): Promise<Child> {
  const { name, file, args = [], environment = {} } = options;
  const program = fork(file, [...args], {
    cwd: ROOT,
    // Not production, whatever the terminal says: there, a cookie over plain http is never set.
    env: { ...process.env, NODE_ENV: "development", ...environment },
    execArgv: [...process.execArgv, "--import", new URL("end-with-parent.ts", import.meta.url).href],
    // A process group of its own: Ctrl-C in a terminal reaches this process only, which then stops the others in order.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const ended = new Promise<void>((resolve) => {
    program.once("close", () => resolve());
    program.once("error", () => resolve());
  });
  if (options.onMessage !== undefined) program.on("message", options.onMessage);
  let isRunning = true;
  void ended.then(() => (isRunning = false));
  const stop = async (): Promise<void> => {
    if (isRunning) program.kill("SIGTERM");
    const timer = setTimeout(() => program.kill("SIGKILL"), STOP_MS);
    await ended.finally(() => clearTimeout(timer));
  };

  return new Promise<Child>((resolve, reject) => {
    const fail = (why: string): void => {
      clearTimeout(timer);
      void stop();
      reject(
        new Error(
          `${name} did not start: ${why}. Its own output, if any, is above; \`node --import tsx ${[file, ...args].join(" ")}\` runs it alone.`,
        ),
      );
    };
    const timer = setTimeout(() => fail(`no sign of life within ${START_MS / 1000} s`), START_MS);
    program.once("error", (error) => fail(error.message));
    void ended.then(() => fail("it ended"));
    forwardLines(program.stderr, (line) => console.error(`[${name}] ${line}`));
    forwardLines(program.stdout, (line) => {
      const address = LISTENING.exec(line)?.[1];
      if (address === undefined || program.pid === undefined) return;
      clearTimeout(timer);
      resolve({ pid: program.pid, address, ended, stop, send: (message) => void program.send(message) });
    });
  });
}

/** Read to the end also when nobody wants the lines: a full pipe would stop the program. */
function forwardLines(stream: ChildProcess["stdout"], onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", onLine);
}
