/** Room for a loaded machine; a healthy one takes milliseconds. */
const PATIENCE_MS = 10_000;
const POLL_MS = 5;

/** Tries `check` until it no longer throws, at most `patienceMs`; then its last error is the case's. */
export async function eventually<T>(check: () => T | Promise<T>, patienceMs: number = PATIENCE_MS): Promise<T> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
