import type { Runtime, SessionKey } from "../engine/index.ts";
import { TOUCH_COUNT_MAX, type TouchEntry } from "./messages/touch.ts";

/** How long a touch waits for company. Small against any idle timeout; a change never waits. */
export const TOUCH_DELAY_MS = 200;

/** Touches on their way out: of one session the newest counts, and a full batch leaves at once. */
export class TouchBatch {
  readonly #runtime: Runtime;
  readonly #send: (touches: readonly TouchEntry[]) => void;
  readonly #touches = new Map<SessionKey, number>();
  #stopTimer: (() => void) | undefined;

  /** `send` gets at most `TOUCH_COUNT_MAX` entries, at least one. */
  constructor(runtime: Runtime, send: (touches: readonly TouchEntry[]) => void) {
    this.#runtime = runtime;
    this.#send = send;
  }

  add(key: SessionKey, touchedAtMs: number): void {
    this.#touches.set(key, Math.max(touchedAtMs, this.#touches.get(key) ?? 0));
    if (this.#touches.size >= TOUCH_COUNT_MAX) this.flush();
    else this.#stopTimer ??= this.#runtime.setTimer(TOUCH_DELAY_MS, () => this.flush());
  }

  /** Sends what waits; nothing and no timer is left. */
  flush(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    if (this.#touches.size === 0) return;
    const touches = [...this.#touches];
    this.#touches.clear();
    this.#send(touches);
  }
}
