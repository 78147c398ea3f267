import { DEFAULT_LIMITS } from "../../src/engine/limits.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { sha256 } from "./manual-runtime.ts";
import { MemoryBackedStore } from "./memory-backed-store.ts";

/** A memory store that can be slow or broken, and counts. */
export class TroubledStore extends MemoryBackedStore {
  loadCount = 0;
  appendCount = 0;
  isBroken = false;
  /** While set, appends wait. */
  gate: Promise<void> | undefined;

  constructor(durable: boolean) {
    super(new MemoryStore({ sha256, limits: DEFAULT_LIMITS }), durable);
  }

  override async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.loadCount++;
    if (this.isBroken) throw new Error("the disk is on fire");
    return super.load(key);
  }

  override async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.appendCount++;
    await this.gate;
    if (this.isBroken) throw new Error("the disk is on fire");
    await super.append(key, record, discardAtMs);
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
