import { SessionError } from "./errors.ts";
import type { ReplicaHost } from "./replica.ts";
import type { StoredRecord } from "./session-store.ts";

/**
 * What came of a record of an earlier process:
 * - restored: it is held from now on, at rest.
 * - over: nobody needs it any more, or it is held already.
 * - refused: it is damaged. It stays where it is, and is told of (`input-refused`).
 */
export type Restored = "restored" | "over" | "refused";

/**
 * Takes over what lies in an engine's own store, one record (`SessionStore.scan`) after the other: for a process that is all there is of
 * them, and so need not ask anybody whether they still are what they were. To be called after `replicaOf`.
 */
export function restoreRecord({ registry, events }: Pick<ReplicaHost, "registry" | "events">, { key, record }: StoredRecord): Restored {
  try {
    if (record === undefined) throw corrupt("it cannot be read");
    if (record.envelope.key !== key) throw corrupt("it is the record of another session");
    return registry.restore(record) ? "restored" : "over";
  } catch (error) {
    if (!(error instanceof SessionError && error.code === "RECORD_CORRUPT")) throw error;
    events.emit({ type: "input-refused", key, error });
    return "refused";
  }
}

function corrupt(what: string): SessionError {
  return new SessionError("RECORD_CORRUPT", `A session in the store is broken: ${what}; it was left where it is, and is not served.`);
}
