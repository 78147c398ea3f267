import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Relay, type RelayFigures, startRelay } from "../../src/relay/index.ts";
import { relayEndpoints, listenForEndpoints } from "../../src/relay/endpoints.ts";
import { createEngine, nodeRuntime } from "../../src/runtime/index.ts";
import { lmdbStore } from "../../src/storage/lmdb/index.ts";
import { type Relay as RelayServer, startRelayServer } from "../../src/sync/index.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_SECRET } from "../support/relay-holder.ts";
import { createSession } from "../support/relay-program.ts";
import { SetReplica } from "../support/set-replica.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "converge-session-"));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What came of a connection: open, or the HTTP status that refused it. */
function dial(address: string): Promise<number | "open"> {
  const socket = new WebSocket(address);
  cleanUps.push(() => socket.terminate());
  return new Promise((resolve) => {
    socket.once("open", () => resolve("open"));
    socket.once("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    socket.once("error", () => undefined);
  });
}

describe("a relay that has yet to take over what it holds", () => {
  let letIn: () => void = () => undefined;

  async function start(): Promise<RelayServer> {
    const opening = new Promise<void>((resolve) => (letIn = resolve));
    const server = await startRelayServer({
      replica: new SetReplica(),
      runtime: nodeRuntime,
      secret: TEST_SECRET,
      opening,
      onRequest: (_request, response) => {
        response.writeHead(200).end("here");
        return true;
      },
    });
    cleanUps.push(() => server.close());
    return server;
  }

  it("[X22] answers pages, and knows nothing for sure", async () => {
    const server = await start();
    expect(await (await fetch(server.address.replace("ws:", "http:"))).text()).toBe("here");
    expect(server.status()).toMatchObject({ isComplete: false, memberCount: 1 });
    expect([server.members(), server.connectionCount()]).toEqual([[], 0]);
    letIn();
    await eventually(() => expect(server.status()).toMatchObject({ isComplete: true }));
  });

  it("[X22] lets in who waited for a moment, and sends away who would wait for long", async () => {
    const server = await start();
    expect(await dial(server.address)).toBe(503);
    const waiting = dial(server.address);
    letIn();
    expect(await waiting).toBe("open");
    expect(await dial(server.address)).toBe("open");
  });

  it("[X22] [X16] can be stopped, and sends away who waits", async () => {
    const server = await start();
    const waiting = dial(server.address);
    await eventually(async () => expect(await fetch(server.address.replace("ws:", "http:"))).toMatchObject({ status: 200 }));
    const closed = server.close();
    expect(await waiting).not.toBe("open");
    await closed;
    letIn();
    expect(server.status().isComplete).toBe(false);
  });

  it("[X22] [X14] is not ready, and says how far it is", async () => {
    const engine = createEngine();
    cleanUps.push(() => engine.close());
    const figures = {
      isReady: false,
      isDraining: false,
      isComplete: false,
      memberCount: 1,
      nodeCount: 0,
      isRestoring: true,
      restoredCount: 512,
    } as RelayFigures;
    const admin = await listenForEndpoints(
      await relayEndpoints(
        engine,
        () => figures,
        () => undefined,
      ),
      { host: "127.0.0.1", port: 0 },
    );
    cleanUps.push(() => admin.close());
    const ready = await fetch(`${admin.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, complete: false, draining: false, members: 1, nodes: 0, restored: 512 },
    ]);
    expect((await fetch(`${admin.url}/health`)).status).toBe(200);
  });
});

describe("a relay with a data folder of some thousand sessions", () => {
  const COUNT = 2_000;

  async function folder(count = COUNT): Promise<string> {
    const path = temporaryFolder();
    const engine = createEngine({ store: lmdbStore({ path }) });
    for (let index = 0; index < count; index += 1) createSession(engine, "n", index);
    await eventually(() => expect(engine.stats().unsavedBytes).toBe(0));
    await engine.close();
    return path;
  }

  async function start(data: string, log: string[] = []): Promise<Relay> {
    const relay = await startRelay({ secret: TEST_SECRET, data, log: (line) => void log.push(line) });
    cleanUps.push(() => relay.close());
    return relay;
  }

  it("[X22] takes them over in slices, at rest, and is ready then", async () => {
    const data = await folder();
    const log: string[] = [];
    let turns = 0;
    const turn = (): void => {
      turns += 1;
      next = setImmediate(turn);
    };
    let next = setImmediate(turn);
    cleanUps.push(() => clearImmediate(next));
    const relay = await start(data, log);
    await relay.restored;
    expect(turns).toBeGreaterThan(COUNT / 256 - 1);
    await eventually(() => expect(relay.figures()).toMatchObject({ isReady: true, isRestoring: false }));
    const metrics = await (await fetch(`${relay.adminUrl}/metrics`)).text();
    expect(metrics).toContain(`sessions{state="cold"} ${COUNT}`);
    expect(metrics).toContain('sessions{state="hot"} 0');
    expect(log).toContain(`${COUNT} sessions, ended ones too, come from the data folder`);
  });

  it("[X22] can be closed before it has them all, and has them the next time", async () => {
    const data = await folder();
    const relay = await start(data);
    await relay.close();
    await relay.restored;
    const again = await start(data);
    await again.restored;
    const metrics = await (await fetch(`${again.adminUrl}/metrics`)).text();
    expect(metrics).toContain(`sessions{state="cold"} ${COUNT}`);
  });

  it("[R19] [X22] [ST16] leaves out what is damaged, and says so", async () => {
    const data = await folder(3);
    const raw = open<Buffer, Buffer>({ path: data, noSubdir: false, overlappingSync: false, encoding: "binary", keyEncoding: "binary" });
    const [entry] = Array.from(raw.getRange({ start: Buffer.of(1), end: Buffer.of(2), limit: 1 }), ({ key, value }) => ({
      key: Buffer.from(key),
      value: Buffer.from(value),
    }));
    entry!.value[entry!.value.length - 1]! ^= 1;
    await raw.put(entry!.key, entry!.value);
    await raw.close();
    const log: string[] = [];
    const relay = await start(data, log);
    await relay.restored;
    expect(log).toContain("2 sessions, ended ones too, come from the data folder");
    expect(log).toContain("1 entries of the data folder are damaged and left out (docs/storage.md)");
    const metrics = await (await fetch(`${relay.adminUrl}/metrics`)).text();
    expect(metrics).toContain('sessions{state="cold"} 2');
    expect(metrics).toContain("refused_inputs_total 1");
  });
});
