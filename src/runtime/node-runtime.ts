import { hash, randomFillSync } from "node:crypto";
import { SessionError, type Runtime } from "../engine/index.ts";

/** Node's clock, timers, randomness and hash: the only place where this package touches them on behalf of the engine. */
export const nodeRuntime: Runtime = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer,
  randomBytes: (byteCount) => randomFillSync(new Uint8Array(byteCount)),
  // By way of text: a buffer of its own for each hash costs three times what the hash does.
  sha256: (data) => Buffer.from(hash("sha256", data, "binary"), "binary"),
};

/** Node fires timers beyond 2^31 - 1 ms at once; `Runtime` promises less. */
const DELAY_MAX_MS = 24 * 60 * 60 * 1000;

function setTimer(delayMs: number, run: () => void): () => void {
  if (!(delayMs >= 0 && delayMs <= DELAY_MAX_MS))
    throw new SessionError("INVARIANT_BROKEN", "a timer waits 0 to 24 h; ask for shorter ones, and again");
  const timer = setTimeout(run, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}
