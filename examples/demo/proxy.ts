import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as send,
  type Server,
  type ServerResponse,
} from "node:http";

export interface ProxyTarget {
  readonly name: string;
  /** Undefined while it is being started. */
  readonly address: () => string | undefined;
}

export interface ProxyTargets {
  /** They take turns, request by request. */
  readonly nodes: readonly ProxyTarget[];
  /** Takes what begins with its prefix. */
  readonly classic: { readonly prefix: string; readonly target: ProxyTarget };
  /** Answers what begins with its prefix, here. */
  readonly own: { readonly prefix: string; readonly answer: (request: IncomingMessage, response: ServerResponse) => void };
}

const ANSWER_MS = 30_000;

/** For one connection only (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * A reverse proxy in the fewest lines: streams both ways, sends every request once and to one node, and never tries again, so that what fails
 * behind it is seen. The Host header passes unchanged.
 */
export function createProxy({ nodes, classic, own }: ProxyTargets): Server {
  // A connection each: one that is kept may be closed by the node just when it is used again, and nothing is sent twice here.
  const agent = new Agent({ keepAlive: false });
  let turn = 0;

  const nextNode = (): ProxyTarget | undefined => {
    const running = nodes.filter((node) => node.address() !== undefined);
    turn += 1;
    return running[turn % Math.max(1, running.length)];
  };

  return createServer((request, response) => {
    const isUnder = (prefix: string): boolean => request.url === prefix || request.url?.startsWith(`${prefix}/`) === true;
    if (isUnder(own.prefix)) return own.answer(request, response);
    return pass(request, response, isUnder(classic.prefix) ? classic.target : nextNode(), agent);
  });
}

function pass(request: IncomingMessage, response: ServerResponse, target: ProxyTarget | undefined, agent: Agent): void {
  const address = target?.address();
  if (target === undefined || address === undefined)
    return unavailable(response, "No node is running just now; they are being started again.");
  const { hostname, port } = new URL(address);
  const onward = send({
    agent,
    hostname,
    port,
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers: endToEnd(request.headers),
    timeout: ANSWER_MS,
  });
  onward.on("timeout", () => onward.destroy(new Error("it did not answer in time")));
  onward.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
    answer.pipe(response);
    // Cut off in the middle: the browser must not take a part for the whole.
    answer.on("error", () => response.destroy());
  });
  onward.on("error", (error) => {
    if (response.headersSent) response.destroy();
    else
      unavailable(response, `${target.name} did not answer (${error.message}). Send the request again: the other nodes have the session.`);
  });
  response.on("close", () => {
    if (!response.writableFinished) onward.destroy();
  });
  request.on("error", () => onward.destroy());
  request.pipe(onward);
}

function unavailable(response: ServerResponse, text: string): void {
  response.writeHead(502, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }).end(`${text}\n`);
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)));
}
