import { ProtocolError } from "./protocol-error.ts";

/**
 * What one peer has yet to acknowledge of what was sent to it on this connection, by id: of each the number of the newest frame that told
 * it. An id is what waits for acks, such as a session's key. Bounded by how many ids there are, whatever the peer does.
 */
export class AckWindow {
  /** In the order of their numbers. */
  readonly #numbers = new Map<string, number>();
  /** Only a later frame can tell the peer. */
  readonly #missing = new Set<string>();
  #sentCount = 0;

  /** Ids that are not acknowledged. */
  get size(): number {
    return this.#numbers.size + this.#missing.size;
  }

  /** A numbered frame leaves that tells `id`; the number that it has. */
  sent(id: string | undefined): number {
    this.#sentCount += 1;
    if (id === undefined) return this.#sentCount;
    this.#missing.delete(id);
    this.#numbers.delete(id);
    this.#numbers.set(id, this.#sentCount);
    return this.#sentCount;
  }

  /** What the peer has of `id` is not enough, and the frame that tells more is yet to be sent. */
  missing(id: string): void {
    this.#numbers.delete(id);
    this.#missing.add(id);
  }

  /** There is nothing to tell of `id` any more. */
  forget(id: string): void {
    this.#numbers.delete(id);
    this.#missing.delete(id);
  }

  /** Number of the newest frame that told `id`, infinite where that is yet to be sent; undefined when nothing is open. */
  newest(id: string): number | undefined {
    return this.#missing.has(id) ? Number.POSITIVE_INFINITY : this.#numbers.get(id);
  }

  /** The ids that the peer has now; `missed` are those of which it did not take something in. @throws ProtocolError for a number that was not sent */
  acked(number: number, missed: ReadonlySet<string>): string[] {
    if (number > this.#sentCount) throw new ProtocolError("malformed", "an ack came for a frame that was not sent");
    const acked: string[] = [];
    for (const [id, newest] of this.#numbers) {
      if (newest > number) break;
      this.#numbers.delete(id);
      if (missed.has(id)) this.#missing.add(id);
      else acked.push(id);
    }
    return acked;
  }

  /** What was not sent, or was not taken in. */
  missingIds(): string[] {
    return [...this.#missing];
  }

  /** A new connection: numbers start again, and nothing is known to be there. */
  reset(): void {
    this.#numbers.clear();
    this.#missing.clear();
    this.#sentCount = 0;
  }
}
