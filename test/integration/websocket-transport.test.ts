import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import type { Connection, Dial } from "../../src/sync/index.ts";
import { dialWebSocket, dialWebSocketInTurns } from "../../src/sync/websocket-transport.ts";
import { runContract, transportContract } from "../../src/testing/index.ts";
import { webSocketPlace } from "../support/websocket-place.ts";

const DIALS = [
  ["WebSocket, as a node dials", dialWebSocket],
  ["WebSocket, as a relay dials", dialWebSocketInTurns],
] as const;

for (const [name, dial] of DIALS) runContract(transportContract({ name, open: () => webSocketPlace(dial) }), { describe, test });

/** How long this thread stands still at most while it waits for a peer in another one. */
const STANDSTILL_MS = 10_000;
const FRAMES = 20;

/** Threads know no TypeScript by themselves. */
const RECEIVER = `import("tsx/esm/api").then(({ tsImport }) => tsImport("../support/frame-receiver.ts", ${JSON.stringify(import.meta.url)}))`;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An open connection to a thread that counts frames. `arrived` lets this thread, and so everything in it, stand still until so many are there. */
async function toAnotherThread(dial: Dial): Promise<{ connection: Connection; arrived: (count: number) => boolean }> {
  const counter = new SharedArrayBuffer(4);
  const worker = new Worker(RECEIVER, { eval: true, workerData: { counter } });
  closing.push(() => worker.terminate());
  const [port] = (await once(worker, "message")) as [number];
  const connection = await new Promise<Connection>((resolve) => {
    const dialed: Connection = dial(`ws://127.0.0.1:${port}`, {
      onOpen: () => resolve(dialed),
      onMessage: () => undefined,
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  });
  closing.unshift(() => connection.cut());
  const frames = new Int32Array(counter);
  const arrived = (count: number): boolean => {
    const untilMs = performance.now() + STANDSTILL_MS;
    for (let seen = 0; seen < count; seen = Atomics.load(frames, 0)) {
      if (performance.now() > untilMs) return false;
      Atomics.wait(frames, 0, seen, 100);
    }
    return true;
  };
  return { connection, arrived };
}

test("[TR2] what a node sends is with the peer's machine though its own thread does nothing from that tick on", async () => {
  const { connection, arrived } = await toAnotherThread(dialWebSocket);
  for (let frame = 0; frame < FRAMES; frame += 1) connection.send(new Uint8Array(100));
  expect(arrived(FRAMES)).toBe(true);
});

test("[TR2] what a relay sends is, from that turn of its event loop on", async () => {
  const { connection, arrived } = await toAnotherThread(dialWebSocketInTurns);
  for (let frame = 0; frame < FRAMES; frame += 1) connection.send(new Uint8Array(100));
  await new Promise((resolve) => setImmediate(resolve));
  expect(arrived(FRAMES)).toBe(true);
});
