import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CLUSTER_PATH, controlCluster } from "./cluster-control.ts";
import { type Deployment, startDeployment } from "./deployment.ts";
import { DEFAULT_PORT } from "./options.ts";
import { createProxy } from "./proxy.ts";

export interface Demo {
  /** The one to open. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts everything and tells the URL. `port` undefined: the default port, or a free one where that is taken.
 * Rejects, with everything stopped, when something cannot be started; the message says what to do.
 */
export async function serveDemo(port: number | undefined, print: (line: string) => void): Promise<Demo> {
  print("Starting two relays, three nodes and express-session, each a process of its own …");
  const deployment = await startDeployment(print);
  const server = createDemoProxy(deployment);
  try {
    await listen(server, port, print);
  } catch (error) {
    await deployment.stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop: () => stop(server, deployment) };
}

/** The nodes take turns behind it; what runs can be asked for, killed and started by it. */
export function createDemoProxy({ relays, nodes, classic }: Deployment): Server {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void controlCluster(request, response, [...relays, ...nodes]);
  };
  return createProxy({ nodes, classic: { prefix: "/classic", target: classic }, own: { prefix: CLUSTER_PATH, answer } });
}

async function listen(server: Server, port: number | undefined, print: (line: string) => void): Promise<void> {
  try {
    await listenOn(server, port ?? DEFAULT_PORT);
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && (error.code === "EADDRINUSE" || error.code === "EACCES");
    if (!isTaken) throw error;
    if (port !== undefined)
      throw new Error(`Port ${port} cannot be had: something else is there. Name another one, or --port 0 for a free one.`, {
        cause: error,
      });
    print(`Port ${DEFAULT_PORT} is taken; using a free one (--port chooses).`);
    await listenOn(server, 0);
  }
}

export function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function stop(server: Server, deployment: Deployment): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await Promise.all([closed, deployment.stop()]);
}
