import { counter, createEngine, type SessionEngine } from "../../../src/index.ts";
import { relays } from "../../../src/sync/index.ts";
import { ACKS, RELAY_SECRET } from "./environment.ts";

/** The engine of every node: what is counted is declared, all else merges by what it holds. */
export function startEngine(addresses: readonly string[]): SessionEngine {
  const degraded = ACKS > 0 ? "fail" : "serve";
  return createEngine({
    attributes: { visits: counter() },
    sync: relays(addresses, { alone: "serve", secret: RELAY_SECRET, acks: ACKS, degraded }),
  });
}
