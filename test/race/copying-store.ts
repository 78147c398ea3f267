/**
 * Does what every networked store does: copies the session as JSON, takes its time, and forgets it when it is over. By promises; each
 * library gets it in its own way.
 */
export class CopyingStore {
  /** Writes of whole sessions so far. */
  writes = 0;
  readonly #sessions = new Map<string, { readonly text: string; readonly endsAtMs: number }>();
  readonly #writeLatencyMs: number;

  constructor(writeLatencyMs: number) {
    this.#writeLatencyMs = writeLatencyMs;
  }

  async read(id: string): Promise<unknown> {
    await later(READ_MS);
    const found = this.#sessions.get(id);
    return found === undefined || found.endsAtMs <= Date.now() ? undefined : JSON.parse(found.text);
  }

  /** `endsAtMs`: as the library tells its stores; without it the session stays. */
  async write(id: string, session: unknown, endsAtMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    this.writes += 1;
    const text = JSON.stringify(session);
    await later(this.#writeLatencyMs);
    this.#sessions.set(id, { text, endsAtMs });
  }

  async remove(id: string): Promise<void> {
    await later(this.#writeLatencyMs);
    this.#sessions.delete(id);
  }

  /** Costs a write, but not of the session. */
  async touch(id: string, endsAtMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    const found = this.#sessions.get(id);
    if (found === undefined) return;
    this.writes += 1;
    await later(this.#writeLatencyMs);
    this.#sessions.set(id, { ...(this.#sessions.get(id) ?? found), endsAtMs });
  }
}

const READ_MS = 2;

function later(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
