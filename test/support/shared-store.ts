import { encodeRecord } from "../../src/engine/record-codec.ts";
import type { SessionKey, SessionRecord } from "../../src/engine/record.ts";
import { TroubledStore } from "./troubled-store.ts";

/** A store that several processes have open: it says when a record changed, and closing one of them leaves it to the others. */
export class SharedStore extends TroubledStore {
  readonly #versions = new Map<SessionKey, number>();
  /** Runs within the next append, before it is done: what another process appends at that moment. */
  meanwhile: (() => Promise<void>) | undefined;

  constructor() {
    super(true);
  }

  version(key: SessionKey): number {
    return this.#versions.get(key) ?? 0;
  }

  override async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    const { meanwhile } = this;
    this.meanwhile = undefined;
    await meanwhile?.();
    const before = await this.peek(key);
    await super.append(key, record, discardAtMs);
    if (before !== (await this.peek(key))) this.#versions.set(key, this.version(key) + 1);
  }

  /** What lies there, for comparing; counts as no load. */
  async peek(key: SessionKey): Promise<string> {
    const record = await super.load(key);
    this.loadCount--;
    return record === undefined ? "" : Buffer.from(encodeRecord(record)).toString("base64");
  }

  override async close(): Promise<void> {}
}
