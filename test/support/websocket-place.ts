import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { Accept, Dial } from "../../src/sync/index.ts";
import { WebSocketConnection } from "../../src/sync/websocket-transport.ts";
import type { TransportPlace } from "../../src/testing/index.ts";

/** A server over loopback that takes connections as a relay does, and whoever dials it with `dial`. */
export async function webSocketPlace(dial: Dial): Promise<TransportPlace> {
  const closed = createServer();
  await listening(closed);
  const nowhere = addressOf(closed);
  await new Promise((resolve) => closed.close(resolve));

  const http = createServer();
  const webSockets = new WebSocketServer({ server: http, perMessageDeflate: false });
  await listening(http);
  return {
    dial,
    address: addressOf(http),
    nowhere,
    listen: (onConnection: (accept: Accept) => void) => {
      webSockets.on("connection", (socket, request: IncomingMessage) =>
        onConnection((listener) => {
          const connection = new WebSocketConnection(socket, listener);
          connection.sendInTurns(request.socket);
          return connection;
        }),
      );
    },
    close: async () => {
      for (const client of webSockets.clients) client.terminate();
      webSockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function listening(server: ReturnType<typeof createServer>): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

function addressOf(server: ReturnType<typeof createServer>): string {
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
