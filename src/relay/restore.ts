import { type LastingStore, type ReplicaHost, restoreRecord } from "../engine/index.ts";
import type { RelayLog } from "./log.ts";

/** Sessions between two turns of the event loop: a few milliseconds. Pages are answered meanwhile, and signals heard. */
const AT_ONCE = 256;
const PROGRESS_MS = 5_000;

/**
 * Takes over everything that lies in the store of an earlier start, at rest as it lies there; what is past its time stays out. An entry that
 * is damaged is left out, and told. `onProgress` hears of each slice; it ends early when that says so by `false`.
 * @throws SessionError STORE_UNAVAILABLE, STORE_CORRUPT when the store cannot be read
 */
export async function restoreSessions(
  store: LastingStore,
  host: ReplicaHost,
  log: RelayLog,
  onProgress: (count: number) => boolean,
): Promise<void> {
  let [restored, refused, seen] = [0, 0, 0];
  let toldAtMs = performance.now();
  for await (const stored of store.scan()) {
    const outcome = restoreRecord(host, stored);
    restored += Number(outcome === "restored");
    refused += Number(outcome === "refused");
    seen += 1;
    if (seen % AT_ONCE !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    if (!onProgress(restored)) return;
    if (performance.now() < toldAtMs + PROGRESS_MS) continue;
    toldAtMs = performance.now();
    log(`${restored} sessions of the data folder are here so far; nodes are let in when all are`);
  }
  log(`${restored} sessions, ended ones too, come from the data folder`);
  if (refused > 0) log(`${refused} entries of the data folder are damaged and left out (docs/storage.md)`, "error");
}
