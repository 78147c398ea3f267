import { ManualRuntime } from "./manual-runtime.ts";

/** A machine whose clocks run too fast or too slowly, each in its own way: parts per million of true time. Timers go by true time. */
export class DriftingRuntime extends ManualRuntime {
  readonly #wallPpm: number;
  readonly #monotonicPpm: number;
  readonly #startedAtMs = super.nowMs();
  readonly #bootedAtMs: number;

  /** @param upMs for how long the machine runs already */
  constructor({ wallPpm = 0, monotonicPpm = 0, upMs = 0 }: { wallPpm?: number; monotonicPpm?: number; upMs?: number } = {}) {
    super();
    this.#wallPpm = wallPpm;
    this.#monotonicPpm = monotonicPpm;
    this.#bootedAtMs = upMs;
  }

  /** True time. */
  get trueMs(): number {
    return this.#startedAtMs + super.monotonicMs();
  }

  override nowMs(): number {
    return super.nowMs() + (super.monotonicMs() * this.#wallPpm) / 1e6;
  }

  override monotonicMs(): number {
    return this.#bootedAtMs + super.monotonicMs() * (1 + this.#monotonicPpm / 1e6);
  }
}
