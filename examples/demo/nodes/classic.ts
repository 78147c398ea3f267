/** The same shop on express-session, as its documentation recommends it. SESSION_SECRET is in the environment. */
import { createHash } from "node:crypto";
import session, { MemoryStore, type SessionData } from "express-session";
import { startExpressShop } from "./express-shop.ts";

/** Each way: what a database in the same building takes. */
const LATENCY_MS = 5;

/** express-session's own store, which copies sessions as JSON, behind a network of 5 ms. */
class SlowMemoryStore extends MemoryStore {
  override get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    setTimeout(() => super.get(id, callback), LATENCY_MS);
  }

  override set(id: string, data: SessionData, callback?: (error?: unknown) => void): void {
    // Copied now: what the request changes later is not part of what it sent.
    const copy = JSON.parse(JSON.stringify(data)) as SessionData;
    setTimeout(() => super.set(id, copy, callback), LATENCY_MS);
  }

  override destroy(id: string, callback?: (error?: unknown) => void): void {
    setTimeout(() => super.destroy(id, callback), LATENCY_MS);
  }
}

const secret = process.env["SESSION_SECRET"];
if (secret === undefined) throw new Error("Set SESSION_SECRET to 32 bytes or more (openssl rand -base64 33).");
const url = await startExpressShop({
  node: { name: "Only node", framework: "Express", pid: process.pid, base: "/classic" },
  sessions: session({
    secret,
    resave: false,
    saveUninitialized: false,
    store: new SlowMemoryStore(),
    cookie: { path: "/classic", sameSite: "lax" },
  }),
  // The id itself opens the session; a part of its hash opens nothing.
  label: (request) => createHash("sha256").update(request.sessionID).digest("base64url").slice(0, 8),
});
process.once("SIGTERM", () => process.exit());
console.log(`express-session listening on ${url}`);
