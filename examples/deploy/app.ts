/*
 * The application of compose.yaml: an Express node that meets the others at RELAYS (addresses with commas between), with the secret that it
 * shares with them in the file SECRET_FILE, and the secret of its cookies in COOKIE_SECRET_FILE.
 */
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createEngine } from "converge-session";
import { session } from "converge-session/express";
import { relays } from "converge-session/sync";
import express from "express";

declare module "express-session" {
  interface SessionData {
    visits: number;
  }
}

const read = (name: string): string => readFileSync(process.env[name] ?? "", "utf8").trim();
const addresses = (process.env["RELAYS"] ?? "ws://127.0.0.1:7411").split(",");

// A response goes out when one of the relays has what it wrote, or fails: what was answered survives the loss of this node.
const sync = relays(addresses, { secret: read("SECRET_FILE"), alone: "refuse", acks: 1, degraded: "fail" });
const engine = createEngine({ sync });
const app = express();
// Cookies are Secure: the proxy in front, which ends TLS, says so in X-Forwarded-Proto.
app.set("trust proxy", true);
app.get("/health", (_request, response) => void response.send("up"));
app.use(session({ secret: read("COOKIE_SECRET_FILE"), engine }));
app.get("/", (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.send(`visit ${request.session.visits}\n`);
});

await engine.ready;
const server = app.listen(Number(process.env["PORT"] ?? 3000), () => {
  console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`);
});
process.once("SIGTERM", () => {
  // First the requests that are on their way, then the engine: what they wrote is handed over.
  server.close(() => void engine.close().then(() => process.exit(0)));
  server.closeIdleConnections();
});
