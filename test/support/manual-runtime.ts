import { createHash } from "node:crypto";
import type { Runtime } from "../../src/engine/runtime.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** SHA-256 by Node, for contexts that need no whole runtime. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A machine whose clock stands still until it is moved, whose timers run when it passes them, and whose randomness has a seed. */
export class ManualRuntime implements Runtime {
  /** How long it runs, by which its timers go; and how far its wall clock is from that. */
  #runningMs = 0;
  #bootMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #random: () => number;

  constructor(seed = 1, nowMs = 1_700_000_000_000) {
    this.#random = seededRandom(seed);
    this.#bootMs = nowMs;
  }

  nowMs(): number {
    return this.#bootMs + this.#runningMs;
  }

  monotonicMs(): number {
    return this.#runningMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer: Timer = { atMs: this.#runningMs + delayMs, order: this.#order++, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  randomBytes(byteCount: number): Uint8Array {
    return Uint8Array.from({ length: byteCount }, () => Math.floor(this.#random() * 256));
  }

  sha256(data: Uint8Array | string): Uint8Array {
    return sha256(data);
  }

  /** Timers that are armed now. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock, backwards too. Timers do not go by it. */
  stepTo(nowMs: number): void {
    this.#bootMs = nowMs - this.#runningMs;
  }

  /** Moves the clock on, and runs on the way what becomes due. */
  advance(byMs: number): void {
    const untilMs = this.#runningMs + byMs;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.atMs > untilMs) continue;
        if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#runningMs = Math.max(this.#runningMs, next.atMs);
      next.run();
    }
    this.#runningMs = untilMs;
  }
}

/** Lets everything that waits for a resolved promise go on: as many turns as the longest chain in the engine takes, and some. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
