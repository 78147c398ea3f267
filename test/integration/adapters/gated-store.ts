import type { SessionKey, SessionRecord, SessionStore } from "../../../src/engine/index.ts";
import { SessionError } from "../../../src/engine/index.ts";

/** A store whose answers the test gives out: it can be held, and it can fail. One engine writes to it, so the newest record is the merge. */
export class GatedStore implements SessionStore {
  readonly durable = true;
  readonly records = new Map<SessionKey, SessionRecord>();
  isFailing = false;
  #held: (() => void)[] | undefined;

  /** From now on nothing is loaded or appended until `open`. */
  hold(): void {
    this.#held = [];
  }

  /** How many loads and appends stand before the gate. */
  get waitingCount(): number {
    return this.#held?.length ?? 0;
  }

  open(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    await this.#passage();
    return this.records.get(key);
  }

  async append(key: SessionKey, record: SessionRecord): Promise<void> {
    await this.#passage();
    this.records.set(key, record);
  }

  async discardExpired(): Promise<number> {
    return 0;
  }

  async *keys(): AsyncIterable<SessionKey> {
    yield* this.records.keys();
  }

  async claim(): Promise<boolean> {
    return true;
  }

  async release(): Promise<void> {}

  async revocations(): Promise<ReadonlyMap<string, number>> {
    return new Map();
  }

  async revoke(): Promise<void> {
    await this.#passage();
  }

  async close(): Promise<void> {
    this.open();
  }

  async #passage(): Promise<void> {
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
    if (this.isFailing) throw new SessionError("STORE_UNAVAILABLE", "This store was told to fail.");
  }
}
