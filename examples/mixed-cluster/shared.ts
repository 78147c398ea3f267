import { createEngine } from "converge-session";
import type { SessionEngine } from "converge-session";
import { relays } from "converge-session/sync";

export const secret = process.env["SESSION_SECRET"] ?? "";

/** The engine of one service. What all of them share: the secret, and so the cookie; and the relay, and so the sessions. */
export const engine: SessionEngine = createEngine({ sync: relays([process.env["RELAY"] ?? ""], { secret, alone: "serve" }) });

/** Tells the parent where this service listens, once it has met the relay; ends with the parent. */
export async function serveOn(port: number): Promise<void> {
  process.once("disconnect", () => process.exit());
  await engine.ready;
  process.send?.(port);
}
