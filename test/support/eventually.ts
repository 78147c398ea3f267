import { setTimeout as pause } from "node:timers/promises";

/** Room for a loaded machine; a healthy one takes milliseconds. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** Tries `check` until it no longer throws, bounded; then its last error is the test's. */
export async function eventually<T>(check: () => T | Promise<T>, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await pause(5);
  }
}
