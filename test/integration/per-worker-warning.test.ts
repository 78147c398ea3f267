import { afterEach, describe, expect, it } from "vitest";
import { startProcess, type TestProcess } from "../support/process.ts";

const processes: TestProcess[] = [];
afterEach(async () => void (await Promise.all(processes.splice(0).map((program) => program.stop()))));

async function warnings(kind: "memory" | "relay" | "store", environment: Record<string, string> = {}): Promise<unknown> {
  const program = startProcess("test/support/cluster-worker.ts", [kind], environment);
  processes.push(program);
  const [, list = ""] = await program.waitForLine(/^warnings (.*)$/);
  return JSON.parse(list);
}

describe("a worker", () => {
  it("[SY31] of node:cluster with sessions of its own says so, once", async () => {
    expect(await warnings("memory")).toEqual(["per-worker-sessions"]);
  });

  it("[SY31] says nothing where others have its sessions: with a relay, or on a store that processes share", async () => {
    expect(await Promise.all([warnings("relay"), warnings("store")])).toEqual([[], []]);
  });

  it("[SY31] of PM2 without node:cluster says so, too, unless it is the only one", async () => {
    const environments = [
      { NODE_APP_INSTANCE: "1" },
      { NODE_APP_INSTANCE: "0", instances: "4" },
      { NODE_APP_INSTANCE: "0", instances: "1" },
    ];
    expect(await Promise.all(environments.map((environment) => warnings("memory", environment)))).toEqual([
      ["per-worker-sessions"],
      ["per-worker-sessions"],
      [],
    ]);
  });
});
