import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { RaceNode } from "../../../src/testing/index.ts";

/** What Express and Koa give `createServer`: Koa's resolves, which nobody waits for. */
type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Serves `listener` on a free port of this machine. */
export async function listen(listener: Listener, onClose: () => Promise<void> = () => Promise.resolve()): Promise<RaceNode> {
  const server = createServer((request, response) => void listener(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await onClose();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}
