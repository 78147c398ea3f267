import type { SessionKey, SessionRecord, SubjectKey } from "./record.ts";

/**
 * Where sessions rest while no live copy of them is held. Every store passes `sessionStoreContract` of `converge-session/testing`:
 * - ST1 `load` of a key never appended, or discarded since, resolves to undefined.
 * - ST2 a resolved `append` is in every later `load`; where `durable` is true, also after a crash of this process.
 * - ST3 bytes are never shared: neither side sees the other change them.
 * - ST4 `append` merges (`mergeRecords`) and never overwrites: appending an older copy changes nothing.
 * - ST5 `discardExpired` removes at most `limit` records whose `discardAtMs` is at or before `nowMs`, and never another; a call may
 *   do a part of the work, calls in a row remove them all.
 * - ST6 after `close`, every call rejects with STORE_CLOSED.
 * - ST7 `keys` gives every key that was appended before the call and not discarded since, once; with a subject those whose envelope names it.
 * - ST8 of all `claim`s of one (key, name), by whatever process shares the store, at most one is true until its time is over or it is released.
 * - ST9 a revocation only grows; where `durable` is true a resolved `revoke` is in every later `revocations`, also after a crash.
 * - ST10 where `version` exists it changes with every append that changed the record, whichever process made it.
 * - ST15 where `highWaterMs` exists it only grows; a resolved `raiseHighWater` is in it from then on, also after a crash, and so is the
 *   instant up to which anything was discarded.
 * - ST16 where `scan` exists it gives what `keys` and `load` would, each once, and an entry that is damaged without its record.
 * @throws SessionError STORE_UNAVAILABLE when the answer is unknown; trying again is safe (appending is idempotent). STORE_FULL when
 * there is no room: nothing was changed. STORE_CORRUPT when what lies there cannot be read; nothing that lies there was changed.
 */
export interface SessionStore {
  /** True when a resolved `append` survives a crash of this process. */
  readonly durable: boolean;
  load(key: SessionKey): Promise<SessionRecord | undefined>;
  /** `discardAtMs`: the instant from which nobody needs this record; a later append may move it either way. */
  append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void>;
  /**
   * Only where appending takes no wait: the same as `append`, done when it returns. What goes to rest there leaves memory at once, also
   * in a loop that never waits.
   */
  appendNow?(key: SessionKey, record: SessionRecord, discardAtMs: number): void;
  /** Removes at most `limit` records that are past their time; resolves to how many went. */
  discardExpired(nowMs: number, limit: number): Promise<number>;
  /** Keys of the records at rest, ended ones too, in no order. What is appended or discarded meanwhile may or may not be among them. */
  keys(subject?: SubjectKey): AsyncIterable<SessionKey>;
  /**
   * Only where `durable`: all records at rest, for a process that takes over what an earlier one left. What is written meanwhile may or may
   * not be among them. Undefined for the record of an entry that cannot be read. What it gives is as it was stored: that the document in it is
   * whole is found out by `load`.
   */
  scan?(): AsyncIterable<StoredRecord>;
  /**
   * Takes `name` of the session `key` until `untilMs`, unless it is taken (past its time it is not). True when it was free.
   * It is forgotten when its time is over, and no record is needed for it.
   */
  claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean>;
  /** Gives back what `claim` took until exactly `untilMs`; what somebody else took since stays taken. */
  release(key: SessionKey, name: string, untilMs: number): Promise<void>;
  /** The instant of each subject's latest revocation. */
  revocations(): Promise<ReadonlyMap<SubjectKey, number>>;
  /** Raises the register of `subject` to at least `notBeforeMs`; it may be forgotten from `discardAtMs` on. */
  revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void>;
  /**
   * Only where other processes may append to the same records: a number that tells one state of a record from the next, without
   * waiting, in a few microseconds; 0 for none. The engine asks before it serves a session from memory. Where it counts (one more with
   * each such append), an engine that appends knows whether it was the only one, and loads only when it was not.
   */
  version?(key: SessionKey): number;
  /**
   * Only where `durable`: the highest instant that it was ever told of, by any process; 0 for none. No clock of a later process gives less:
   * what was discarded because its time was over must not come in again.
   * @throws as `load`
   */
  highWaterMs?(): number;
  /** Raises that to at least `ms`. Resolves when it is stored. */
  raiseHighWater?(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** One of `SessionStore.scan`. */
export interface StoredRecord {
  readonly key: SessionKey;
  readonly record: SessionRecord | undefined;
}

/** One that a later process can take over. */
export type LastingStore = SessionStore & Required<Pick<SessionStore, "scan">>;
