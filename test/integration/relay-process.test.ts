import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { SessionEngine } from "../../src/engine/index.ts";
import { createEngine } from "../../src/runtime/index.ts";
import { relays } from "../../src/sync/index.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess, type TestProcess } from "../support/process.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";

const SECRET = { CONVERGE_SESSION_SECRET: TEST_SECRET };
const LISTENING = /^converge-session relay listening on (ws:\/\/127\.0\.0\.1:(\d+)) domain=default protocol=\d+ /;

const engines: SessionEngine[] = [];
const processes: TestProcess[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
  await Promise.all(processes.splice(0).map((program) => program.stop()));
});

/** As `startProcess`; stopped after the test. */
function start(file: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): TestProcess {
  const program = startProcess(file, args, environment);
  processes.push(program);
  return program;
}

async function startRelayProcess(port = 0): Promise<{ relay: TestProcess; address: string; port: number }> {
  const relay = start("src/relay/main.ts", ["relay", "--listen", `127.0.0.1:${port}`], SECRET);
  const [, address = "", bound] = await relay.waitForLine(LISTENING);
  return { relay, address, port: Number(bound) };
}

async function startNode(address: string): Promise<SessionEngine> {
  const engine = createEngine({ sync: relays([address], { alone: "serve", secret: TEST_SECRET }) });
  engines.push(engine);
  await engine.ready;
  return engine;
}

/** A new session on this node; its key. */
function create(engine: SessionEngine, name: string, value: unknown): string {
  const session = engine.draft();
  session.identify(engine.issueId());
  session.set(name, value);
  session.commit();
  return session.key ?? "";
}

function write(engine: SessionEngine, key: string, name: string, value: unknown): void {
  const session = engine.checkOutHot(key);
  if (session === undefined) throw new Error("the session is not alive here");
  session.set(name, value);
  session.commit();
}

async function read(engine: SessionEngine, key: string, name: string): Promise<unknown> {
  const opened = await engine.checkOut(key);
  return opened.kind === "alive" ? opened.session.get(name) : opened.kind;
}

describe("the relay as a process", () => {
  it("[SY9] [RP1] has everything that a node wrote in the tick in which it was killed", async () => {
    const { address } = await startRelayProcess();
    const node = start(fileURLToPath(new URL("../support/killed-node.ts", import.meta.url)), [address], SECRET);
    const [, key = "", count] = await node.waitForLine(/^wrote (\S+) (\d+)$/);
    expect(await node.ended()).toMatchObject({ signal: "SIGKILL" });
    expect(await read(await startNode(address), key, "visits")).toBe(Number(count));
  });

  it("[RP5] lets a node that closed its engine end by itself", async () => {
    const { address } = await startRelayProcess();
    const node = start(fileURLToPath(new URL("../support/closing-node.ts", import.meta.url)), [address], SECRET);
    await node.waitForLine(/^closed$/);
    expect(await node.ended(5_000)).toEqual({ code: 0, signal: null });
  });

  it("[RP2] is told everything again after kill -9 and a restart on its port: sessions, and ends that nobody acknowledged", async () => {
    const first = await startRelayProcess();
    const [left, right] = [await startNode(first.address), await startNode(first.address)];
    const [shared, ended] = [create(left, "by", "left"), create(left, "by", "left")];
    for (const key of [shared, ended]) expect(await read(right, key, "by")).toBe("left");
    first.relay.signal("SIGKILL");
    await first.relay.ended();
    write(left, shared, "left", 1);
    write(right, shared, "right", 2);
    await eventually(async () => expect(await left.end(ended, "destroyed")).toMatchObject({ acks: 0 }));

    await startRelayProcess(first.port);
    for (const engine of [left, right]) {
      await eventually(
        async () => expect([await read(engine, shared, "left"), await read(engine, shared, "right")]).toEqual([1, 2]),
        20_000,
      );
    }
    await eventually(async () => expect(await read(right, ended, "by")).toBe("ended"), 20_000);
    // A node that was not there before learns it from the relay alone.
    const late = await startNode(first.address);
    expect([await read(late, shared, "left"), await read(late, shared, "right"), await read(late, ended, "by")]).toEqual([1, 2, "ended"]);
  });

  it("[SY4] is given up when it stands still, and met again when it goes on", async () => {
    const { relay, address } = await startRelayProcess();
    const engine = await startNode(address);
    const key = create(engine, "n", 1);
    const other = await startNode(address);
    expect(await read(other, key, "n")).toBe(1);
    relay.signal("SIGSTOP");
    // The kernel still takes what is sent: only the missing heartbeat tells.
    expect(await engine.end(create(engine, "n", 1), "destroyed")).toMatchObject({ acks: 0, wanted: 1 });
    await eventually(
      async () => expect(await engine.end(create(engine, "n", 1), "destroyed")).toMatchObject({ acks: 0, wanted: 0 }),
      15_000,
    );
    write(engine, key, "n", 2);
    relay.signal("SIGCONT");
    await eventually(async () => expect(await read(other, key, "n")).toBe(2), 20_000);
  });

  it("ends with 0 on SIGTERM and SIGINT, nodes connected", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { relay, address } = await startRelayProcess();
      const engine = await startNode(address);
      create(engine, "n", 1);
      relay.signal(signal);
      expect(await relay.ended(5_000)).toEqual({ code: 0, signal: null });
    }
  });

  it("takes its secret from a file, and refuses to start without one worth the name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "converge-session-"));
    try {
      writeFileSync(join(folder, "secret"), `${TEST_SECRET}\n`);
      const relay = start("src/relay/main.ts", ["relay", "--listen", "127.0.0.1:0", "--secret-file", join(folder, "secret")]);
      const [, address = ""] = await relay.waitForLine(LISTENING);
      expect(await read(await startNode(address), create(await startNode(address), "n", 1), "n")).toBe(1);

      writeFileSync(join(folder, "secret"), "short");
      const refused = start("src/relay/main.ts", ["relay", "--secret-file", join(folder, "secret")]);
      expect(await refused.ended()).toEqual({ code: 1, signal: null });
      expect(refused.errorOutput()).toMatch(/at least 32 bytes/);
      expect(refused.errorOutput()).not.toMatch(/\n\s+at /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
