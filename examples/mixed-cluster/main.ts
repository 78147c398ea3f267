/**
 * `npm run example -- mixed-cluster`: one shop, three services, each in another framework and a process of its own: login on Express, cart on
 * Fastify, checkout on Koa. A relay between them, one cookie, one session, one logout. In production the relay is `npx converge-session relay`,
 * and whatever routes requests by path takes the place of `front`.
 */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import type { RequestListener } from "node:http";
import { fileURLToPath } from "node:url";
import { startRelay } from "converge-session/relay";
import { listen } from "../listen.ts";

const SERVICES = { "/cart": "cart.ts", "/checkout": "checkout.ts", "/": "login.ts" } as const;

const secret = process.env["SESSION_SECRET"] ?? randomBytes(33).toString("base64");
const relay = await startRelay({ secret });
const ports = new Map<string, number>();
for (const [path, file] of Object.entries(SERVICES)) ports.set(path, await start(file));

/** By its path a request goes to one of the services, as it is: they share the host, and so the cookie. */
const front: RequestListener = (incoming, outgoing) => {
  const url = incoming.url ?? "/";
  const [path = "/"] = [...ports.keys()].filter((each) => url.startsWith(each));
  const { method, headers } = incoming;
  const forwarded = request({ host: "127.0.0.1", port: ports.get(path), path: url, method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  forwarded.on("error", () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
  incoming.pipe(forwarded);
};

listen(front);

function start(file: string): Promise<number> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const service = fork(path, { env: { ...process.env, RELAY: relay.address, SESSION_SECRET: secret } });
  return new Promise((resolve, reject) => {
    service.once("message", (port) => resolve(Number(port)));
    service.once("exit", () => reject(new Error(`${file} ended before it could be reached; what it said is above.`)));
  });
}
