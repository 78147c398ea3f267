import { SessionError, type Replica, type SessionStore } from "../engine/index.ts";
import type { RelayLog } from "./log.ts";

/** Sessions between two turns of the event loop: signals are heard meanwhile. */
const AT_ONCE = 64;

/**
 * Takes everything that lies in the store of an earlier start into the replica, as if a peer had sent it: what is there merges, what is past
 * its time stays out. An entry that is damaged is left out, and told.
 * @throws SessionError STORE_UNAVAILABLE, STORE_CORRUPT when the keys cannot be read
 */
export async function restoreSessions(store: SessionStore, replica: Replica, log: RelayLog): Promise<void> {
  let [restored, damaged, seen] = [0, 0, 0];
  for await (const key of store.keys()) {
    seen += 1;
    if (seen % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      const record = await store.load(key);
      if (record === undefined) continue;
      const { kind } = await replica.receiveState(key, record);
      if (kind === "refused") damaged += 1;
      else restored += 1;
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== "STORE_CORRUPT") throw error;
      damaged += 1;
    }
  }
  log(`${restored} sessions, ended ones too, come from the data folder`);
  if (damaged > 0) log(`${damaged} entries of the data folder are damaged and left out (docs/storage.md)`, "error");
}
