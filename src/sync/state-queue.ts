import type { Replica, Runtime, SessionKey, SessionRecord } from "../engine/index.ts";

/** Sessions that are sent before requests have a turn. */
const SLICE_COUNT = 64;

export interface StateQueueOptions {
  readonly runtime: Runtime;
  readonly replica: Replica;
  readonly send: (key: SessionKey, record: SessionRecord) => void;
  /** It is not held any more: nothing is sent. */
  readonly onGone: (key: SessionKey) => void;
  /** Resolves when the peer has read enough for more. */
  readonly drained: () => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Sessions on their way to one peer as a whole: after a join, a repair or a reconnect. In slices and never faster than the peer reads, so
 * that requests and changes go between, and the queue keeps room for them. A session that is asked for twice is sent once.
 */
export class StateQueue {
  readonly #options: StateQueueOptions;
  readonly #keys = new Set<SessionKey>();
  #isRunning = false;
  #isClosed = false;

  constructor(options: StateQueueOptions) {
    this.#options = options;
  }

  /** Something waits, or is being sent. */
  get isBusy(): boolean {
    return this.#isRunning;
  }

  add(key: SessionKey): void {
    if (this.#isClosed) return;
    this.#keys.add(key);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#keys.clear();
  }

  async #run(): Promise<void> {
    const { runtime, replica, send, onGone, drained, onFailure } = this.#options;
    let count = 0;
    for (const key of this.#keys) {
      this.#keys.delete(key);
      try {
        const record = await replica.record(key);
        if (this.#isClosed) return;
        if (record === undefined) onGone(key);
        else send(key, record);
      } catch (error) {
        onFailure(error);
      }
      count += 1;
      if (count % SLICE_COUNT === 0) await nextTurn(runtime);
      await drained();
      if (this.#isClosed) return;
    }
    this.#isRunning = false;
  }
}

/** Lets whatever waits for the event loop go first. */
export function nextTurn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => void runtime.setTimer(0, resolve));
}
