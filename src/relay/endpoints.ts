import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { StatsSource } from "../metrics/index.ts";
import type { RelayLog } from "./log.ts";
import type { RelayFigures } from "./relay-figures.ts";
import type { Exposition } from "./relay-metrics.ts";
import type { ListenAddress } from "./settings.ts";

/** Answers a request when it is for one of the relay's pages; else false, and nothing was done. */
export type Endpoints = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * `/health`: the process runs. `/ready`: 200 when what it says counts, else 503; both JSON. `/metrics`: Prometheus. No page tells a secret,
 * or anything of a session.
 */
export async function relayEndpoints(engine: StatsSource, read: () => RelayFigures, log: RelayLog): Promise<Endpoints> {
  const exposition = await metricsOf(engine, read, log);
  return (request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path !== "/health" && path !== "/ready" && path !== "/metrics") return false;
    response.setHeader("cache-control", "no-store");
    if (request.method !== "GET" && request.method !== "HEAD") response.writeHead(405, { allow: "GET, HEAD" }).end();
    else if (path === "/health") answerJson(response, 200, { status: "up" });
    else if (path === "/ready") answerReady(response, read());
    else void answerMetrics(response, exposition);
    response.once("finish", () => log(`${path} answered ${response.statusCode}`, "debug"));
    return true;
  };
}

/** Serves them on a port of their own. Resolves when it listens. */
export async function listenForEndpoints(
  endpoints: Endpoints,
  address: ListenAddress,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (!endpoints(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, () => {
      server.off("error", reject);
      server.on("error", () => undefined);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(`${JSON.stringify(body)}\n`);
}

function answerReady(response: ServerResponse, figures: RelayFigures): void {
  const { isReady, isDraining, isComplete, memberCount, nodeCount, isRestoring, restoredCount } = figures;
  const said = { ready: isReady, complete: isComplete, draining: isDraining, members: memberCount, nodes: nodeCount };
  const body = isRestoring ? { ...said, restored: restoredCount } : said;
  answerJson(response, isReady ? 200 : 503, body);
}

async function answerMetrics(response: ServerResponse, exposition: Exposition | undefined): Promise<void> {
  if (exposition === undefined) {
    response
      .writeHead(501, { "content-type": "text/plain; charset=utf-8" })
      .end("metrics need the package prom-client: npm install prom-client\n");
    return;
  }
  const text = await exposition.text();
  response.writeHead(200, { "content-type": exposition.contentType }).end(text);
}

/** prom-client is an optional peer, as it is for applications. */
async function metricsOf(engine: StatsSource, read: () => RelayFigures, log: RelayLog): Promise<Exposition | undefined> {
  try {
    const { relayExposition } = await import("./relay-metrics.ts");
    return relayExposition(engine, read);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    log("/metrics is off: it needs the package prom-client (npm install prom-client)", "warn");
    return undefined;
  }
}
