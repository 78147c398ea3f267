import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { isRunning } from "../support/demo.ts";
import { eventually } from "../support/eventually.ts";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "../..");
const INSTALL_MS = 180_000;
const START_MS = 60_000;
const STOP_MS = 20_000;

const folders: string[] = [];
const groups: ChildProcess[] = [];

afterEach(() => {
  for (const { pid, exitCode, signalCode } of groups.splice(0)) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** What npm tells the scripts that it runs, and this is one of them, would be taken for the clone's own. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(package|lifecycle|command|config_local_prefix)|INIT_CWD|NODE_ENV|VITEST)/.test(name),
    ),
  );
}

/** Resolves to the demo's URL and the processes that it started. */
function comesUp(program: ChildProcess): Promise<{ readonly url: string; readonly pids: readonly number[] }> {
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    const pids: number[] = [];
    const timer = setTimeout(() => reject(new Error(`no URL within ${START_MS} ms: ${output.join("\n")}`)), START_MS);
    const look = (line: string): void => {
      output.push(line);
      const pid = /ready, pid (\d+)$/.exec(line)?.[1];
      if (pid !== undefined) pids.push(Number(pid));
      const url = /^Open (http:\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve({ url, pids });
    };
    for (const stream of [program.stdout, program.stderr]) if (stream !== null) createInterface({ input: stream }).on("line", look);
    program.once("close", () => {
      clearTimeout(timer);
      reject(new Error(`it ended: ${output.join("\n")}`));
    });
  });
}

test("[X8] a fresh clone needs npm ci and npm run demo, and nothing else", { timeout: 240_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "converge-session-clone-"));
  folders.push(folder);
  const clone = join(folder, "clone");
  await run("git", ["clone", "--quiet", "--no-local", ROOT, clone], { timeout: START_MS });
  await run("npm", ["ci", "--prefer-offline"], { cwd: clone, env: environment(), timeout: INSTALL_MS, maxBuffer: 16 * 1024 * 1024 });

  // A group of its own, so that the signal below reaches npm and what it runs, as Ctrl-C in a terminal does.
  const program = spawn("npm", ["run", "demo", "--", "--port", "0"], {
    cwd: clone,
    env: environment(),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  groups.push(program);
  const ended = new Promise<void>((resolve) => program.once("close", () => resolve()));
  const { url, pids } = await comesUp(program);
  const page = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  expect(page.status).toBe(200);
  expect(await page.text()).toContain("<h1>One cart, three nodes, any number of tabs</h1>");
  expect(pids).toHaveLength(6);

  process.kill(-Number(program.pid), "SIGINT");
  await eventually(() => expect(pids.map(isRunning)).toEqual(pids.map(() => false)), STOP_MS);
  await ended;
});
