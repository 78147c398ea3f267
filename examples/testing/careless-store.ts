import type { SessionKey, SessionRecord } from "../../src/index.ts";
import { MapStore } from "./map-store.ts";

/** What stores of sessions often do, each of it wrong here. The contract says which laws that breaks. */
export class CarelessStore extends MapStore {
  /** Saves the session whole, as the last request knew it, and lets go of it when it ends. */
  override async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.checkOpen();
    if (record.envelope.ended === undefined) this.entries.set(key, { record, discardAtMs });
    else this.entries.delete(key);
  }

  /** Looks first and takes then: a database answers in between. */
  override async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    this.checkOpen();
    const place = `${key} ${name}`;
    const isTaken = (this.claims.get(place) ?? 0) > nowMs;
    await Promise.resolve();
    if (!isTaken) this.claims.set(place, untilMs);
    return !isTaken;
  }
}
