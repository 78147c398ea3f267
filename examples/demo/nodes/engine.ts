import { counter, createEngine } from "../../../src/index.ts";
import { relays } from "../../../src/sync/index.ts";
import type { SessionEngine } from "../../../src/index.ts";
import { RELAY_SECRET } from "./environment.ts";

/** The engine of both nodes: what is counted is declared, all else merges by what it holds. */
export function startEngine(relay: string): SessionEngine {
  return createEngine({ attributes: { visits: counter() }, sync: relays([relay], { alone: "serve", secret: RELAY_SECRET }) });
}
