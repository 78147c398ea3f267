import type { IncomingMessage, ServerResponse } from "node:http";
import type { Program } from "./program.ts";
import { PANEL_HEADER } from "./shop/shop.ts";

/** Where the page asks what is running, and kills and starts it. */
export const CLUSTER_PATH = "/cluster";

/** One program, as the page draws it. */
interface ProgramView {
  readonly name: string;
  readonly state: Program["state"];
  readonly pid: number | undefined;
}

/**
 * `GET /cluster` tells the programs as JSON; `POST /cluster/kill?name=Node%20A` and `/cluster/start?name=…` do as they say, and answer when it is
 * done. Only with the page's own header, which no other site's page can send without being asked first.
 */
export async function controlCluster(request: IncomingMessage, response: ServerResponse, programs: readonly Program[]): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://demo");
  const program = programs.find(({ name }) => name === searchParams.get("name"));
  if (request.headers[PANEL_HEADER] === undefined) return answer(response, 403, { error: "Only the demo's page may do this." });
  if (request.method === "GET" && pathname === CLUSTER_PATH) return answer(response, 200, programs.map(viewOf));
  if (request.method !== "POST" || program === undefined) return answer(response, 404, { error: "There is no such program." });
  try {
    if (pathname === `${CLUSTER_PATH}/kill`) await program.kill();
    else if (pathname === `${CLUSTER_PATH}/start`) await program.start();
    else return answer(response, 404, { error: "kill or start." });
    return answer(response, 200, programs.map(viewOf));
  } catch (error) {
    return answer(response, 500, { error: error instanceof Error ? error.message : String(error) });
  }
}

function viewOf({ name, state, pid }: Program): ProgramView {
  return { name, state, pid };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" }).end(JSON.stringify(body));
}
