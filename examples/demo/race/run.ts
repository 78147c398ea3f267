import { randomBytes } from "node:crypto";
import { type Race, type RaceName, RACES, type RaceResults, type RaceTargets } from "../../../src/testing/index.ts";
import { startChild } from "../child.ts";
import { start as startExpressSession } from "./express-session.ts";
import type { RaceFramework } from "./frameworks.ts";

/** A database in the same rack, and one that syncs a disk or waits for a copy in another place. */
const SLOW_STORE_MS = 80;
/** express-session has one process, and nothing to wait for: what is not there after this is lost. */
const PEER_SETTLE_MS = 50;

interface Running {
  readonly close: () => Promise<void>;
}

/**
 * Runs every race against two nodes of ours with a relay, each a process of its own, and against real express-session; prints the table as
 * it grows, then both results as one line of JSON. Resolves to whether ours lost nothing.
 */
export async function runRaces(framework: RaceFramework, print: (line: string) => void): Promise<boolean> {
  const running: Running[] = [];
  try {
    const ours = await startOurs(framework, running, print);
    const peers = await startPeers(running);
    const results = { ours: new Map<RaceName, number>(), expressSession: new Map<RaceName, number>() };
    print("");
    tableHead().forEach(print);
    for (const race of RACES) {
      const own = await race.run(ours);
      const peer = await race.run(peers(race.name));
      results.ours.set(race.name, own);
      results.expressSession.set(race.name, peer);
      print(tableRow(race, own, peer));
    }
    const lost = RACES.filter((race) => results.ours.get(race.name) !== race.wanted);
    print("");
    print(lost.length === 0 ? "Ours lost nothing." : `Ours failed: ${lost.map((race) => race.title).join("; ")}.`);
    print(
      "express-session as its documentation recommends it (resave: false), on a store with 2 ms latency; the two rows of requests that",
    );
    print(`only read with its default (resave: true), the redirects on a store that takes ${SLOW_STORE_MS} ms to write.`);
    print(JSON.stringify({ ours: inOrder(results.ours), expressSession: inOrder(results.expressSession) }));
    return lost.length === 0;
  } finally {
    await Promise.all(running.map((each) => each.close()));
  }
}

async function startOurs(framework: RaceFramework, running: Running[], print: (line: string) => void): Promise<RaceTargets> {
  const environment = { CONVERGE_SESSION_SECRET: randomBytes(32).toString("base64url") };
  const start = async (name: string, file: string, args: readonly string[]): Promise<string> => {
    const child = await startChild({ name, file, args, environment });
    running.push({ close: () => child.stop() });
    print(`${name.padEnd(8)} ready (pid ${child.pid})`);
    return child.address;
  };
  print(`Starting a relay and two ${framework} nodes, each a process of its own …`);
  const relay = await start("relay", "src/relay/main.ts", ["relay", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
  const file = "examples/demo/race/node.ts";
  const urls = await Promise.all([start("node A", file, [framework, relay]), start("node B", file, [framework, relay])]);
  return { urls };
}

/** Each row against express-session as it is configured where that loss is known from. */
async function startPeers(running: Running[]): Promise<(race: RaceName) => RaceTargets> {
  const recommended = await startExpressSession({ resave: false });
  const byDefault = await startExpressSession({ resave: true });
  const slow = await startExpressSession({ resave: false, writeLatencyMs: SLOW_STORE_MS });
  running.push(recommended, byDefault, slow);
  return (race) => {
    const reads = race === "readClobbers" || race === "readResurrects";
    const peer = race === "staleRedirects" ? slow : reads ? byDefault : recommended;
    return { urls: [peer.url], settleMs: PEER_SETTLE_MS };
  };
}

const TITLE_WIDTH = Math.max(...RACES.map((race) => race.title.length));
const COUNT_WIDTH = "express-session".length;

function tableHead(): string[] {
  const head = line("what", "ours", "express-session");
  return [head, "-".repeat(head.length)];
}

function tableRow(race: Race, ours: number, peer: number): string {
  return line(race.title, `${ours} of ${race.total}`, `${peer} of ${race.total}`);
}

function line(title: string, ours: string, peer: string): string {
  return [title.padEnd(TITLE_WIDTH), ours.padStart(COUNT_WIDTH), peer.padStart(COUNT_WIDTH)].join("  ");
}

function inOrder(counts: ReadonlyMap<RaceName, number>): RaceResults {
  const count = (name: RaceName): number => {
    const value = counts.get(name);
    if (value === undefined) throw new Error(`The race ${name} was not run.`);
    return value;
  };
  return {
    distinctKeysKept: count("distinctKeysKept"),
    pushesKept: count("pushesKept"),
    counter: count("counter"),
    readClobbers: count("readClobbers"),
    readResurrects: count("readResurrects"),
    writeResurrects: count("writeResurrects"),
    staleRedirects: count("staleRedirects"),
  };
}
