import { replicaOf, type SessionEvent } from "../engine/index.ts";
import { createEngine } from "../runtime/index.ts";
import { startRelayServer, type Relay, type RelayServerOptions, type SyncLog } from "../sync/index.ts";

export type RelayOptions = Omit<RelayServerOptions, "replica">;

/**
 * A relay with sessions of its own: an engine without requests, in memory, and the server through which nodes meet at it.
 * @throws as `startRelayServer`
 */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const engine = createEngine({ onEvent: firstOfEachKind(options.log ?? (() => undefined)) });
  try {
    const relay = await startRelayServer({ ...options, replica: replicaOf(engine.host) });
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

/** An operator needs to know that it happens; the counters say how often. Events carry a key, so only their type is told. */
function firstOfEachKind(log: SyncLog): (event: SessionEvent) => void {
  const seen = new Set<SessionEvent["type"]>();
  return ({ type }) => {
    if (seen.has(type)) return;
    seen.add(type);
    log(`${type} (further ones are not told)`);
  };
}
