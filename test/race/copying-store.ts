/** Does what every networked store does: copies the session as JSON, and takes its time. By promises; each library gets it in its own way. */
export class CopyingStore {
  /** Writes of whole sessions so far. */
  writes = 0;
  readonly #sessions = new Map<string, string>();
  readonly #writeLatencyMs: number;

  constructor(writeLatencyMs: number) {
    this.#writeLatencyMs = writeLatencyMs;
  }

  async read(id: string): Promise<unknown> {
    await later(READ_MS);
    const text = this.#sessions.get(id);
    return text === undefined ? undefined : JSON.parse(text);
  }

  async write(id: string, session: unknown): Promise<void> {
    this.writes += 1;
    const text = JSON.stringify(session);
    await later(this.#writeLatencyMs);
    this.#sessions.set(id, text);
  }

  async remove(id: string): Promise<void> {
    await later(this.#writeLatencyMs);
    this.#sessions.delete(id);
  }

  /** Costs a write, but not of the session. */
  async touch(id: string): Promise<void> {
    if (!this.#sessions.has(id)) return;
    this.writes += 1;
    await later(this.#writeLatencyMs);
  }
}

const READ_MS = 2;

function later(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
