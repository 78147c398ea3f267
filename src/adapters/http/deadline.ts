import type { Runtime } from "../../engine/index.ts";

/** Settles as `promise` does, or rejects with `late()` after `delayMs`. The timer is gone as soon as either happened. */
export function withDeadline<T>(promise: Promise<T>, delayMs: number, setTimer: Runtime["setTimer"], late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = setTimer(delayMs, () => reject(late()));
    promise.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}
