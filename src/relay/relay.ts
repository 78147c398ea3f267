import { replicaOf, type SessionEngine } from "../engine/index.ts";
import { createEngine } from "../runtime/index.ts";
import { startRelayServer, type Relay, type RelayServerOptions, type SyncLog } from "../sync/index.ts";

export type RelayOptions = Omit<RelayServerOptions, "replica" | "runtime">;

/**
 * A relay with sessions of its own: an engine without requests, in memory, and the server through which nodes meet at it.
 * @throws as `startRelayServer`
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const engine = createEngine();
  logTroubles(engine, options.log ?? (() => undefined));
  try {
    const relay = await startRelayServer({ ...options, replica: replicaOf(engine.host), runtime: engine.host.runtime });
    return {
      ...relay,
      close: async () => {
        await relay.close();
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** What an operator needs to know of; whatever else happens is everyday life. */
const TROUBLES = ["clock-fault", "many-writers", "input-refused", "store-failed", "sessions-near-limit", "unsaved-near-limit"] as const;

/** Tells the first of each kind: the counters say how often. Events carry a key, so only their type is told. */
function logTroubles(engine: SessionEngine, log: SyncLog): void {
  for (const type of TROUBLES) {
    const stop = engine.on(type, () => {
      stop();
      log(`${type} (further ones are not told)`);
    });
  }
}
