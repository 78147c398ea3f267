/**
 * A peer in a thread of its own: a WebSocket server that counts the frames that it was sent in `workerData.counter`, while the thread that sends
 * does nothing else. Tells its port.
 */
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { WebSocketServer } from "ws";

const counter = new Int32Array((workerData as { readonly counter: SharedArrayBuffer }).counter);
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("error", () => undefined);
  socket.on("message", () => {
    Atomics.add(counter, 0, 1);
    Atomics.notify(counter, 0);
  });
});
server.on("listening", () => parentPort?.postMessage((server.address() as AddressInfo).port));
