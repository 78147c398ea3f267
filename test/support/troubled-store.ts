import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import type { SessionStore } from "../../src/engine/session-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { sha256 } from "./manual-runtime.ts";

/** A memory store that can be slow or broken, and counts. */
export class TroubledStore implements SessionStore {
  readonly durable: boolean;
  loadCount = 0;
  appendCount = 0;
  isBroken = false;
  /** While set, appends wait. */
  gate: Promise<void> | undefined;
  readonly #store = new MemoryStore({ sha256, limits: DEFAULT_LIMITS });

  constructor(durable: boolean) {
    this.durable = durable;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.loadCount++;
    if (this.isBroken) throw new Error("the disk is on fire");
    return this.#store.load(key);
  }

  async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.appendCount++;
    await this.gate;
    if (this.isBroken) throw new Error("the disk is on fire");
    await this.#store.append(key, record, discardAtMs);
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    return this.#store.discardExpired(nowMs, limit);
  }

  keys(): AsyncIterable<SessionKey> {
    return this.#store.keys();
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

/** One that keeps a high-water mark, for as long as this object is used. */
export class MarkedStore extends TroubledStore {
  markMs = 0;
  raiseCount = 0;

  constructor() {
    super(true);
  }

  highWaterMs(): number {
    return this.markMs;
  }

  async raiseHighWater(ms: number): Promise<void> {
    this.raiseCount++;
    if (this.isBroken) throw new Error("the disk is on fire");
    this.markMs = Math.max(this.markMs, ms);
  }

  /** Outlives the engines on it. */
  override async close(): Promise<void> {}
}
