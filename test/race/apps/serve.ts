import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { RaceNode } from "../../../src/testing/index.ts";

export const SECRET = "races only: thirty-two bytes or more, as they all share it";

/** What one app is made of: which library stands behind the session, and how often it wrote. */
export interface Library<Middleware> {
  readonly middleware: Middleware;
  /** Writes of sessions to the store so far. */
  readonly writes: () => number;
  readonly close: () => Promise<void>;
}

export async function serve(listener: RequestListener, close: () => Promise<void>): Promise<RaceNode> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await close();
    },
  };
}
