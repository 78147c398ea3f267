import type { SessionKey, SessionRecord } from "./record.ts";

/**
 * Where sessions rest while no live copy of them is held. Every store passes test/contract/session-store.contract.ts:
 * - ST1 `load` of a key never appended, or discarded since, resolves to undefined.
 * - ST2 a resolved `append` is in every later `load`; where `durable` is true, also after a crash of this process.
 * - ST3 bytes are never shared: neither side sees the other change them.
 * - ST4 `append` merges (`mergeRecords`) and never overwrites: appending an older copy changes nothing.
 * - ST5 `discardExpired` removes at most `limit` records whose `discardAtMs` is at or before `nowMs`, and never another; a call may
 *   do a part of the work, calls in a row remove them all.
 * - ST6 after `close`, every call rejects with STORE_CLOSED.
 * @throws SessionError STORE_UNAVAILABLE when the answer is unknown; trying again is safe (appending is idempotent).
 */
export interface SessionStore {
  /** True when a resolved `append` survives a crash of this process. */
  readonly durable: boolean;
  load(key: SessionKey): Promise<SessionRecord | undefined>;
  /** `discardAtMs`: the instant from which nobody needs this record; a later append may move it either way. */
  append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void>;
  /** Removes at most `limit` records that are past their time; resolves to how many went. */
  discardExpired(nowMs: number, limit: number): Promise<number>;
  close(): Promise<void>;
}
