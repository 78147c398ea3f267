import { allocatedBytes } from "./feed.ts";

/** Inputs of a target until what is kept anyway is there: compiled code, sessions that it holds, tables. */
export const WARM_UP = 1_000;
/**
 * What one target may hold more at its end than after its warm-up, whatever the number of inputs: the engines that inputs meet are made anew when
 * they have taken in 400 sessions of some 15 KB each, two engines hold them, and where in that a run ends is chance.
 */
export const TARGET_GROWTH_MAX = 24 * 1024 * 1024;
/** What a process may hold more at the end, when all targets are let go of, than before the first: the compiled code of all of them, and nothing else. */
export const PROCESS_GROWTH_MAX = 16 * 1024 * 1024;

/** How much more is held than at a moment before, after garbage collection. Without `--expose-gc` it knows nothing, and says 0. */
export class HeapGrowth {
  readonly #collect: (() => void) | undefined;
  #before: number | undefined;

  constructor(collect = (globalThis as { gc?: () => void }).gc) {
    this.#collect = collect;
  }

  begin(): void {
    this.#before = this.#heldBytes();
  }

  /** Since `begin`; negative where it shrank, 0 where nothing was begun. */
  grownBytes(): number {
    const held = this.#heldBytes();
    return this.#before === undefined || held === undefined ? 0 : held - this.#before;
  }

  #heldBytes(): number | undefined {
    if (this.#collect === undefined) return undefined;
    // What the first finds with a finaliser, the second lets go of.
    this.#collect();
    this.#collect();
    return allocatedBytes();
  }
}
