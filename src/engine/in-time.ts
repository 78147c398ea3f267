import type { Runtime } from "./runtime.ts";

/** Resolves with `work`, which never rejects, or after `timeoutMs`. Leaves no timer. */
export function inTime(runtime: Runtime, timeoutMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = runtime.setTimer(timeoutMs, resolve);
    void work.then(() => {
      cancel();
      resolve();
    });
  });
}
