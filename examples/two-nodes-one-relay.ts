/**
 * `npm run example -- two-nodes-one-relay`: the shortest real deployment. A relay and two nodes, each a process of its own; whatever one node
 * writes, the other has. In production the relay is `npx converge-session relay`, and a load balancer takes the place of `node:cluster`.
 */
import cluster from "node:cluster";
import { randomBytes } from "node:crypto";
import express from "express";
import { counter } from "converge-session";
import { session } from "converge-session/express";
import { startRelay } from "converge-session/relay";
import { relays } from "converge-session/sync";
import { listen } from "./listen.ts";

if (cluster.isPrimary) {
  const secret = process.env["SESSION_SECRET"] ?? randomBytes(33).toString("base64");
  const relay = await startRelay({ secret });
  const start = (): void => void cluster.fork({ RELAY: relay.address, SESSION_SECRET: secret, PORT: "0" });
  for (let node = 0; node < 2; node += 1) start();
  // Kill one: the other has every session, and a new one gets them.
  cluster.on("exit", start);
} else {
  const secret = process.env["SESSION_SECRET"] ?? "";
  const sync = relays([process.env["RELAY"] ?? ""], { secret, alone: "serve" });
  const app = express();
  app.use(session({ secret, attributes: { visits: counter() }, sync }));
  app.get("/", (request, response) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    response.send(`visit ${request.session.visits}, answered by process ${process.pid}\n`);
  });
  listen(app);
}
