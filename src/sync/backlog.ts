import type { Backlog } from "../engine/index.ts";

interface Unreplicated {
  bytes: number;
  readonly sinceMs: number;
}

/** What was written here and is on no holder yet, by id: a session's key, say. */
export class UnreplicatedWrites {
  /** In the order in which they began to wait. */
  readonly #waiting = new Map<string, Unreplicated>();
  #bytes = 0;

  /** `byteCount` more bytes tell of it. */
  add(id: string, byteCount: number, nowMs: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) this.#waiting.set(id, { bytes: byteCount, sinceMs: nowMs });
    else waiting.bytes += byteCount;
    this.#bytes += byteCount;
  }

  /** A holder has all of it, or there is nothing left of it. */
  delete(id: string): void {
    this.#bytes -= this.#waiting.get(id)?.bytes ?? 0;
    this.#waiting.delete(id);
  }

  ids(): Iterable<string> {
    return this.#waiting.keys();
  }

  at(nowMs: number): Backlog {
    const [oldest] = this.#waiting.values();
    return { sessions: this.#waiting.size, bytes: this.#bytes, ageMs: oldest === undefined ? 0 : Math.max(0, nowMs - oldest.sinceMs) };
  }
}
