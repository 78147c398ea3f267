import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

// What the relay is compared with: `sync-raw.ts forwarder` passes each frame on to everybody else who is connected, and knows nothing;
// `sync-raw.ts peer <address>` sends frames, or notes when they come.

export type RawTask =
  | { readonly kind: "write"; readonly bytes: number; readonly count: number; readonly pauseMs: number }
  | { readonly kind: "burst"; readonly bytes: number; readonly count: number }
  | { readonly kind: "heard" }
  | { readonly kind: "count" };

const BURST = 50;
const [role = "", address = ""] = process.argv.slice(2);

if (role === "forwarder") await forward();
else await takePart();
process.on("disconnect", () => process.exit(0));

async function forward(): Promise<void> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      for (const other of server.clients) if (other !== socket) other.send(data);
    });
  });
  await once(server, "listening");
  process.send?.({ result: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function takePart(): Promise<void> {
  const socket = new WebSocket(address, { perMessageDeflate: false });
  await once(socket, "open");
  let heard: number[] = [];
  let count = 0;
  socket.on("message", () => {
    count += 1;
    heard.push(nowMs());
  });
  const run = async (task: RawTask): Promise<unknown> => {
    if (task.kind === "count") return count;
    if (task.kind === "heard") {
      const times = heard;
      heard = [];
      return times;
    }
    const frame = new Uint8Array(task.bytes);
    const times: number[] = [];
    for (let index = 0; index < task.count; index += 1) {
      if (task.kind === "write") times.push(nowMs());
      socket.send(frame);
      if (task.kind === "write") await new Promise((resolve) => setTimeout(resolve, task.pauseMs));
      else if (index % BURST === BURST - 1) await new Promise((resolve) => setImmediate(resolve));
    }
    // The last frames are on their way: the parent asks for what was heard next.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return times;
  };
  process.on("message", (task: RawTask) => {
    run(task).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.send?.({ result: "ready" });
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
