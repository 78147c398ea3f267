import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import type { MemoryStore } from "../../src/storage/memory-store.ts";

/** A memory store behind the methods that wait, for tests that put something in between. */
export class MemoryBackedStore implements SessionStore {
  readonly durable: boolean;
  readonly #store: MemoryStore;

  constructor(store: MemoryStore, durable: boolean) {
    this.#store = store;
    this.durable = durable;
  }

  load(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#store.load(key);
  }

  append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    return this.#store.append(key, record, discardAtMs);
  }

  discardExpired(nowMs: number, limit: number): Promise<number> {
    return this.#store.discardExpired(nowMs, limit);
  }

  keys(subject?: string): AsyncIterable<SessionKey> {
    return this.#store.keys(subject);
  }

  claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    return this.#store.claim(key, name, nowMs, untilMs);
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.#store.release(key, name, untilMs);
  }

  revocations(): Promise<ReadonlyMap<string, number>> {
    return this.#store.revocations();
  }

  revoke(subject: string, notBeforeMs: number, discardAtMs: number): Promise<void> {
    return this.#store.revoke(subject, notBeforeMs, discardAtMs);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
