import type { AddressInfo } from "node:net";
import { type Child, startChild } from "../child.ts";
import { type Deployment, startDeployment } from "../deployment.ts";
import type { Program } from "../program.ts";
import { createDemoProxy, listenOn } from "../serve.ts";
import { LEAST, type LoadReport, newReport } from "./report.ts";

const SHOPPERS = 12;
/** How long everything runs between two kills, and how long a victim stays dead. */
const UP_MS = 1_000;
const DOWN_MS = 400;
/** How long a relay that is back may take until it knows all that the other one knows. */
const READY_MS = 20_000;
/** After the last kill the load goes on until there is enough to say something, no longer than this. */
const MORE_LOAD_MS = 120_000;
const SETTLE_MS = 120_000;

interface LoadMessage {
  readonly kind: "progress" | "shopped" | "done";
  readonly report: LoadReport;
}

/**
 * Shoppers on three nodes, by a proxy that lets them take turns and never tries anything twice, while relays and nodes are killed with -9, one
 * after the other, and started again. Every answer waits until a relay has the write on its disk. Prints progress and one line of JSON;
 * resolves to whether nothing was lost, and enough was tried.
 */
export async function runDrill(kills: number, print: (line: string) => void): Promise<boolean> {
  print("Starting two relays with a disk, three nodes, a proxy and shoppers, each a process of its own …");
  const deployment = await startDeployment(print, { acks: 1 });
  const proxy = createDemoProxy(deployment);
  let load: Child | undefined;
  try {
    await listenOn(proxy, 0);
    let latest: LoadMessage = { kind: "progress", report: newReport() };
    load = await startChild({
      name: "Load",
      file: "examples/demo/drill/load.ts",
      args: [`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, String(SHOPPERS)],
      onMessage: (message) => (latest = message as LoadMessage),
    });
    const victims = victimsOf(deployment);
    print("");
    for (let kill = 1; kill <= kills; kill += 1) {
      const victim = victims[kill % victims.length];
      if (victim === undefined) break;
      await pause(UP_MS);
      await victim.kill();
      await pause(DOWN_MS);
      await victim.start();
      if (victim.name.startsWith("Relay")) await becomesReady(victim);
      print(progressOf(kill, kills, victim.name, latest.report));
    }
    const isEnough = (): boolean => latest.report.ackedWrites >= LEAST.ackedWrites && latest.report.crossNodeReads >= LEAST.crossNodeReads;
    await until(isEnough, MORE_LOAD_MS);
    print("Everything runs. Looking at every cart again …");
    load.send({ kind: "settle" });
    await until(() => latest.kind === "done", SETTLE_MS);
    const isSettled = latest.kind === "done";
    const { report } = latest;
    const { requests, ackedWrites, crossNodeReads, lostAckedWrites, newIds, staleReads, serverErrors } = report;
    const troubles = troublesOf(report, kills, isSettled);
    print(troubles.length === 0 ? "Nothing that was acknowledged is lost." : `FAILED: ${troubles.join("; ")}.`);
    print(JSON.stringify({ requests, ackedWrites, crossNodeReads, kills, lostAckedWrites, newIds, staleReads, serverErrors }));
    return troubles.length === 0;
  } finally {
    await load?.stop();
    proxy.closeAllConnections();
    proxy.close();
    await deployment.stop();
  }
}

/** Relays and nodes in turn. */
function victimsOf({ relays, nodes }: Deployment): Program[] {
  return nodes.flatMap((node, index) => [...relays.slice(index, index + 1), node]);
}

function troublesOf(report: LoadReport, kills: number, isSettled: boolean): string[] {
  const troubles: string[] = [];
  if (!isSettled) troubles.push("the load did not come to its end");
  for (const name of ["lostAckedWrites", "newIds", "staleReads"] as const)
    if (report[name] > 0) troubles.push(`${name} is ${report[name]}`);
  const done = { ackedWrites: report.ackedWrites, crossNodeReads: report.crossNodeReads, kills };
  for (const name of ["ackedWrites", "kills", "crossNodeReads"] as const)
    if (done[name] < LEAST[name]) troubles.push(`only ${done[name]} ${name}, which says little (at least ${LEAST[name]})`);
  return troubles;
}

function progressOf(kill: number, kills: number, name: string, report: LoadReport): string {
  const count = `${kill}`.padStart(String(kills).length);
  return `  kill ${count} of ${kills}: ${name.padEnd(8)} ${report.ackedWrites} acknowledged, ${report.crossNodeReads} read elsewhere, ${report.staleReads} stale, ${report.serverErrors} errors`;
}

/** It knows again all that the other relay knows. */
async function becomesReady(relay: Program): Promise<void> {
  const url = new URL("/ready", relay.address()?.replace(/^ws/, "http"));
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    const isReady = await fetch(url, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await pause(50);
  }
  throw new Error(`${relay.name} was not ready within ${READY_MS / 1000} s.`);
}

async function until(isSo: () => boolean, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!isSo() && Date.now() < deadline) await pause(100);
}

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forMs));
}
