/**
 * One clock for both libraries, which stands still until it is moved: `Date` and `performance.now()` of this process, since the libraries that
 * we compare with ask nobody else. Timers go on as they are.
 */
export class StoppedClock {
  #nowMs: number;
  #elapsedMs = 1_000_000;
  readonly #date = globalThis.Date;
  readonly #performanceNow = performance.now.bind(performance);

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    this.#elapsedMs += byMs;
  }

  install(): void {
    const now = (): number => this.#nowMs;
    const RealDate = this.#date;
    globalThis.Date = class extends RealDate {
      constructor(...parts: [] | [number | string | Date]) {
        if (parts.length === 0) super(now());
        else super(...parts);
      }

      static override now(): number {
        return now();
      }
    } as DateConstructor;
    performance.now = () => this.#elapsedMs;
  }

  remove(): void {
    globalThis.Date = this.#date;
    performance.now = this.#performanceNow;
  }
}
