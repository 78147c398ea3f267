import type { Runtime } from "./runtime.ts";

const INTERVAL_MS = 1_000;
/** Processes that were started together do not sweep together. */
const JITTER = 0.2;
/** Between two slices of a round others run. */
export const PAUSE_MS = 1;

/** Runs a round of work about once a second, one slice at a time, so that no slice holds up a request. */
export class Sweeper {
  readonly #runtime: Runtime;
  readonly #begin: () => void;
  readonly #slice: () => boolean;
  #stop: () => void;
  #isStopped = false;

  /**
   * @param begin begins a round
   * @param slice does a part of it that takes a millisecond or two at most, and says whether more is left
   */
  constructor(runtime: Runtime, begin: () => void, slice: () => boolean) {
    this.#runtime = runtime;
    this.#begin = begin;
    this.#slice = slice;
    this.#stop = this.#awaitRound();
  }

  stop(): void {
    this.#isStopped = true;
    this.#stop();
  }

  #awaitRound(): () => void {
    const [random = 0] = this.#runtime.randomBytes(1);
    const factor = 1 - JITTER + (random / 255) * 2 * JITTER;
    return this.#runtime.setTimer(Math.round(INTERVAL_MS * factor), () => {
      this.#begin();
      this.#run();
    });
  }

  #run(): void {
    const isMore = this.#slice();
    if (!this.#isStopped) this.#stop = isMore ? this.#runtime.setTimer(PAUSE_MS, () => this.#run()) : this.#awaitRound();
  }
}
