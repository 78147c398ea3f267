import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Nodes and relays of the benchmarks know each other by it. */
const BENCH_SECRET = "a secret of benchmarks, with its thirty-two bytes and more";

export interface RelayProcess {
  readonly child: ChildProcess;
  /** `ws://127.0.0.1:…` */
  readonly address: string;
}

/** A relay as people run it: the build, in a process of its own. */
export async function startRelayProcess(port = 0): Promise<RelayProcess> {
  const main = fileURLToPath(new URL("../dist/relay/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "relay", "--listen", `127.0.0.1:${port}`], {
    env: { ...process.env, CONVERGE_SESSION_SECRET: BENCH_SECRET },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      const address = /listening on (\S+)/.exec(line)?.[1];
      if (address !== undefined) resolve({ child, address });
    });
    child.once("exit", () => reject(new Error("The relay did not start.")));
  });
}

/** Resolves when it is gone: asked to by its channel where it has one, made to otherwise. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.disconnect();
  else child.kill("SIGKILL");
  await once(child, "exit");
}
