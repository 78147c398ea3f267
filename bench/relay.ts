import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import type { SessionEngine } from "../src/engine/index.ts";
import { createEngine } from "../src/runtime/index.ts";
import { relays } from "../src/sync/index.ts";
import { smallFixture } from "./fixture.ts";

const SECRET = "a secret for the benchmark, at least 32 bytes";
const SESSIONS = 20_000;
const CONNECTIONS = 100;
const CHANGED = 200;
const CHANGES = 10_000;
const SLICE = 200;

/** What a relay costs: memory by sessions and connections, CPU by changes that go to two other nodes, and how long it takes to start with old sessions. */
export async function benchRelay(): Promise<object> {
  const memory = await costs([]);
  const folder = mkdtempSync(join(tmpdir(), "converge-session-bench-"));
  try {
    const disk = await costs(["--data", folder]);
    const start = performance.now();
    const again = await startRelay(["--data", folder]);
    const listenSeconds = (performance.now() - start) / 1_000;
    await until(again, (figures) => figure(figures, "relay_ready") === 1);
    const restartSeconds = (performance.now() - start) / 1_000;
    const restartCpuSeconds = figure(await scrape(again), "relay_cpu_seconds_total");
    await stop(again);
    const restart = { listenSeconds, restartSeconds, restartCpuSeconds };
    const seconds = Object.fromEntries(Object.entries(restart).map(([name, value]) => [name, rounded(value)]));
    return { sessions: SESSIONS, memory, disk: { ...disk, ...seconds } };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function costs(args: readonly string[]): Promise<object> {
  const relay = await startRelay(args);
  const engines: SessionEngine[] = [];
  const node = async (): Promise<SessionEngine> => {
    const engine = createEngine({ sync: relays([relay.address], { alone: "serve", secret: SECRET }) });
    engines.push(engine);
    await engine.ready;
    return engine;
  };
  const empty = await settled(relay);
  for (let i = 0; i < CONNECTIONS; i += 1) await node();
  const connected = await settled(relay);
  for (const engine of engines.splice(0)) await engine.close();

  const [writer, ...readers] = [await node(), await node(), await node()];
  const before = await settled(relay);
  const keys: string[] = [];
  for (let i = 0; i < SESSIONS; i += 1) {
    keys.push(create(writer, smallFixture(i)));
    if (i % SLICE === 0) await pause(1);
  }
  await until(relay, (figures) => held(figures) >= SESSIONS && unsaved(figures) === 0);
  const full = await settled(relay);

  const changed = keys.slice(0, CHANGED);
  for (const engine of [writer, ...readers]) for (const key of changed) await engine.checkOut(key);
  const idle = await settled(relay);
  for (let i = 0; i < CHANGES; i += 1) {
    const session = writer.checkOutHot(changed[i % CHANGED] ?? "");
    if (session === undefined) throw new Error("a session that is in use went to rest");
    session.set("visits", i);
    session.commit();
    if (i % SLICE === 0) await pause(1);
  }
  await until(
    relay,
    (figures) => figure(figures, "remote_commits_total") >= figure(idle, "remote_commits_total") + CHANGES && unsaved(figures) === 0,
  );
  const busy = await scrape(relay);
  await Promise.all(engines.map((engine) => engine.close()));
  await stop(relay);
  const cpuSeconds = figure(busy, "relay_cpu_seconds_total") - figure(idle, "relay_cpu_seconds_total");
  return {
    emptyMegabytes: rounded(rss(empty) / 1_000_000),
    bytesPerSession: Math.round((rss(full) - rss(before)) / SESSIONS),
    bytesPerConnection: Math.round((rss(connected) - rss(empty)) / CONNECTIONS),
    cpuMicrosecondsPerChange: rounded((cpuSeconds / CHANGES) * 1_000_000),
  };
}

type Figures = Readonly<Record<string, number>>;

interface RelayProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly adminUrl: string;
}

async function startRelay(args: readonly string[]): Promise<RelayProcess> {
  const child = spawn(process.execPath, ["dist/relay/main.js", "relay", "--listen", "127.0.0.1:0", "--log-level", "warn", ...args], {
    env: { ...process.env, CONVERGE_SESSION_SECRET: SECRET },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /listening on (\S+) .*admin=(\S+)/.exec(line);
    if (match !== null) return { child, address: match[1] ?? "", adminUrl: match[2] ?? "" };
  }
  throw new Error("the relay ended before it listened");
}

async function stop({ child }: RelayProcess): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function scrape({ adminUrl }: RelayProcess): Promise<Figures> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
}

/** When its memory and CPU have come to rest: collected garbage goes back to the system after a while. */
async function settled(relay: RelayProcess): Promise<Figures> {
  await pause(4_000);
  return scrape(relay);
}

async function until(relay: RelayProcess, holds: (figures: Figures) => boolean): Promise<void> {
  const deadlineMs = performance.now() + 300_000;
  while (!holds(await scrape(relay))) {
    if (performance.now() > deadlineMs) throw new Error("the relay did not take everything within five minutes");
    await pause(50);
  }
}

function figure(figures: Figures, name: string): number {
  return figures[`converge_session_${name}`] ?? Number.NaN;
}

const rss = (figures: Figures): number => figure(figures, "relay_resident_bytes");
const held = (figures: Figures): number => figure(figures, 'sessions{state="hot"}') + figure(figures, 'sessions{state="cold"}');
const unsaved = (figures: Figures): number => figure(figures, "unsaved_bytes");

function create(engine: SessionEngine, data: Readonly<Record<string, unknown>>): string {
  const draft = engine.draft();
  for (const [name, value] of Object.entries(data)) draft.set(name, value);
  draft.identify(engine.issueId());
  draft.commit();
  return draft.key ?? "";
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
