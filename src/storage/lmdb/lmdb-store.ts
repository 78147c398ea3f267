import {
  checkDocument,
  decodeRecord,
  encodeRecord,
  type LastingStore,
  type MergeContext,
  mergeRecords,
  SessionError,
  type SessionKey,
  type SessionRecord,
  type StoredRecord,
  type SubjectKey,
} from "../../engine/index.ts";
import { Environment } from "./environment.ts";
import { corruptEntry, full } from "./failures.ts";
import {
  claimKey,
  decodeFrame,
  encodeFrame,
  endOf,
  type Frame,
  HIGH_WATER_KEY,
  idOf,
  keyText,
  readTimeEntry,
  RECORD,
  recordKey,
  REVOCATION,
  revocationKey,
  storableMs,
  subjectEntry,
  subjectPrefix,
  TIME,
  timeEntry,
  transactionOf,
} from "./layout.ts";
import type { WriteTransaction } from "./write-queue.ts";

export interface LmdbStoreOptions {
  /** The folder. Made when it is missing, for this process's user alone. Not on a network file system. */
  readonly path: string;
  /** Bytes that sessions may use. Beyond, appending fails with STORE_FULL until some have gone. Default 16 GiB; 1 MiB to 8 TiB. */
  readonly mapSizeMax?: number;
}

const SIZE_MIN = 2 ** 20;
const SIZE_MAX = 2 ** 43;
const SIZE_DEFAULT = 2 ** 34;
/** Entries that one transaction discards at most, so that requests get their turn. */
const DISCARDED_AT_ONCE = 128;
/** Keys that are read at once while all are listed. */
const LISTED_AT_ONCE = 256;
const NUMBER_BYTES = 6;
/** Of documents that are only looked at. */
const NO_WRITER = 2 ** 32;

/**
 * For `createEngine({ store })`: sessions in an LMDB folder, which several processes of one machine may share. A resolved append is on
 * the disk. Needs the package `lmdb`. Looks at the whole file first: about 2 s a gigabyte.
 * @throws SessionError OPTION_INVALID; when called by the engine STORE_CORRUPT, STORE_UNAVAILABLE, STORE_FULL: see docs/storage.md
 */
export function lmdbStore(options: LmdbStoreOptions): (context: MergeContext) => LastingStore {
  const { path, mapSizeMax = SIZE_DEFAULT } = options;
  if (typeof path !== "string" || path === "") throw new SessionError("OPTION_INVALID", "path wants the folder of the store, as a text.");
  if (!Number.isSafeInteger(mapSizeMax) || mapSizeMax < SIZE_MIN || mapSizeMax > SIZE_MAX)
    throw new SessionError("OPTION_INVALID", `mapSizeMax wants a whole number of bytes from ${SIZE_MIN} to ${SIZE_MAX}.`);
  return (context) => new LmdbStore(Environment.acquire(path, mapSizeMax), context);
}

class LmdbStore implements LastingStore {
  readonly durable = true;
  readonly #environment: Environment;
  readonly #context: MergeContext;
  #closing: Promise<void> | undefined;

  constructor(environment: Environment, context: MergeContext) {
    this.#environment = environment;
    this.#context = context;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    const entryKey = recordKey(key);
    const frame = await this.#read((root) => root.getBinary(entryKey));
    const found = this.#frame(entryKey, frame);
    return found === undefined ? undefined : this.#decode(key, found, true);
  }

  async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    // What is given is the caller's again when this returns.
    const given = encodeRecord(record);
    const atMs = storableMs(discardAtMs);
    return this.#write((transaction) => {
      const entryKey = recordKey(key);
      const bytesBefore = transaction.get(entryKey);
      const before = this.#frame(entryKey, bytesBefore);
      if (before?.discardAtMs === atMs && before.content.equals(given)) return;
      const stored = before === undefined ? undefined : this.#decode(key, before, false);
      const merged = stored === undefined ? record : this.#merge(stored, decodeRecord(given));
      const content = stored === undefined ? given : encodeRecord(merged);
      const unchanged = before?.content.equals(content) === true ? before : undefined;
      if (unchanged?.discardAtMs === atMs) return;
      const frame = encodeFrame(entryKey, atMs, unchanged?.transaction ?? transaction.id, content);
      this.#checkRoom(transaction, frame.length - (bytesBefore?.length ?? 0));
      const subjectBefore = stored?.envelope.subject;
      const { subject } = merged.envelope;
      if (before !== undefined && before.discardAtMs !== atMs) transaction.remove(timeEntry(before.discardAtMs, entryKey));
      if (subjectBefore !== undefined && subjectBefore !== subject) transaction.remove(subjectEntry(subjectBefore, key));
      if (before?.discardAtMs !== atMs) transaction.put(timeEntry(atMs, entryKey), EMPTY);
      if (subject !== undefined && subject !== subjectBefore) transaction.put(subjectEntry(subject, key), EMPTY);
      transaction.put(entryKey, frame);
    });
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    let discarded = 0;
    for (let left = limit; left > 0; left -= DISCARDED_AT_ONCE) {
      const { records, entries } = await this.#write((transaction) => this.#discard(transaction, nowMs, Math.min(left, DISCARDED_AT_ONCE)));
      discarded += records;
      if (entries < DISCARDED_AT_ONCE) break;
    }
    return discarded;
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    const prefix = subject === undefined ? Buffer.of(RECORD) : subjectPrefix(subject);
    const end = endOf(prefix);
    for (let start = prefix; ;) {
      const found = await this.#read((root) => {
        const keys = Array.from(root.getKeys({ start, end, limit: LISTED_AT_ONCE }), (key) => Buffer.from(key));
        // An index entry whose session is gone names nothing.
        return {
          keys,
          ids: keys.map(idOf).filter((id) => subject === undefined || root.doesExist(Buffer.concat([Buffer.of(RECORD), id]))),
        };
      });
      for (const id of found.ids) yield keyText(id);
      const last = found.keys.at(-1);
      if (last === undefined || found.keys.length < LISTED_AT_ONCE) return;
      start = Buffer.concat([last, Buffer.of(0)]);
    }
  }

  async *scan(): AsyncIterable<StoredRecord> {
    const end = endOf(Buffer.of(RECORD));
    for (let start = Buffer.of(RECORD); ;) {
      // Decoded while the page is there: what is yielded are copies.
      const found = await this.#read((root) =>
        Array.from(root.getRange({ start, end, limit: LISTED_AT_ONCE }), ({ key, value }) => {
          const entryKey = Buffer.from(key);
          return { entryKey, key: keyText(idOf(entryKey)), record: this.#readable(entryKey, value) };
        }),
      );
      yield* found;
      const last = found.at(-1);
      if (last === undefined || found.length < LISTED_AT_ONCE) return;
      start = Buffer.concat([last.entryKey, Buffer.of(0)]);
    }
  }

  claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    const atMs = storableMs(untilMs);
    return this.#write((transaction) => {
      const entryKey = claimKey(key, name, this.#context.sha256);
      const before = this.#frame(entryKey, transaction.get(entryKey));
      if (before !== undefined && before.discardAtMs > nowMs) return false;
      const frame = encodeFrame(entryKey, atMs, transaction.id, EMPTY);
      this.#checkRoom(transaction, frame.length);
      if (before !== undefined) transaction.remove(timeEntry(before.discardAtMs, entryKey));
      transaction.put(timeEntry(atMs, entryKey), EMPTY);
      transaction.put(entryKey, frame);
      return true;
    });
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    const atMs = storableMs(untilMs);
    return this.#write((transaction) => {
      const entryKey = claimKey(key, name, this.#context.sha256);
      const before = this.#frame(entryKey, transaction.get(entryKey));
      if (before?.discardAtMs !== atMs) return;
      transaction.remove(timeEntry(before.discardAtMs, entryKey));
      transaction.remove(entryKey);
    });
  }

  async revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    const prefix = Buffer.of(REVOCATION);
    const entries = await this.#read((root) =>
      Array.from(root.getRange({ start: prefix, end: endOf(prefix) }), ({ key, value }) => ({
        key: Buffer.from(key),
        value: Buffer.from(value),
      })),
    );
    return new Map(entries.map(({ key, value }) => [keyText(idOf(key)), this.#notBeforeMs(this.#frame(key, value))]));
  }

  revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void> {
    return this.#write((transaction) => {
      const entryKey = revocationKey(subject);
      const before = this.#frame(entryKey, transaction.get(entryKey));
      const notBefore = Math.max(storableMs(notBeforeMs), before === undefined ? 0 : this.#notBeforeMs(before));
      const atMs = Math.max(storableMs(discardAtMs), before?.discardAtMs ?? 0);
      const content = Buffer.alloc(NUMBER_BYTES);
      content.writeUIntBE(notBefore, 0, NUMBER_BYTES);
      if (before !== undefined) transaction.remove(timeEntry(before.discardAtMs, entryKey));
      transaction.put(timeEntry(atMs, entryKey), EMPTY);
      transaction.put(entryKey, encodeFrame(entryKey, atMs, transaction.id, content));
    });
  }

  version(key: SessionKey): number {
    this.#checkOpen();
    const root = this.#environment.current();
    // Another number than any: what is held in memory may be old until the store says otherwise.
    if (root === undefined) return UNKNOWN_VERSION;
    const entryKey = recordKey(key);
    const frame = root.getBinaryFast(entryKey);
    return frame === undefined ? 0 : transactionOf(entryKey, frame, frame.length) || UNKNOWN_VERSION;
  }

  highWaterMs(): number {
    this.#checkOpen();
    return highWaterOf(this.#environment.current()?.getBinary(HIGH_WATER_KEY));
  }

  raiseHighWater(ms: number): Promise<void> {
    return this.#write((transaction) => raise(transaction, ms));
  }

  close(): Promise<void> {
    this.#closing ??= this.#environment.release();
    return this.#closing;
  }

  /** Removes what is past its time, of everything. An index entry that its entry does not confirm is put right. */
  #discard(transaction: WriteTransaction, nowMs: number, limit: number): { readonly records: number; readonly entries: number } {
    const end = Buffer.alloc(1 + NUMBER_BYTES, TIME);
    end.writeUIntBE(storableMs(Math.floor(nowMs) + 1), 1, NUMBER_BYTES);
    const timeEntries = transaction.keys(Buffer.of(TIME), end, limit);
    let records = 0;
    let latestMs = 0;
    for (const entry of timeEntries) {
      const { discardAtMs, entryKey } = readTimeEntry(entry);
      const isRecord = entryKey[0] === RECORD;
      const frameBytes = transaction.get(entryKey);
      const frame = frameBytes === undefined ? undefined : decodeFrame(entryKey, frameBytes);
      transaction.remove(entry);
      if (frameBytes === undefined) continue;
      if (frame !== undefined && frame.discardAtMs !== discardAtMs) {
        transaction.put(timeEntry(frame.discardAtMs, entryKey), EMPTY);
        continue;
      }
      const subject = isRecord && frame !== undefined ? subjectOf(frame) : undefined;
      if (subject !== undefined) transaction.remove(subjectEntry(subject, keyText(idOf(entryKey))));
      transaction.remove(entryKey);
      records += Number(isRecord);
      latestMs = discardAtMs;
    }
    // That its time is over must stay true: with a clock that is set back, an old copy of it would be alive.
    raise(transaction, latestMs);
    return { records, entries: timeEntries.length };
  }

  #readable(entryKey: Buffer, bytes: Buffer): SessionRecord | undefined {
    const frame = decodeFrame(entryKey, bytes);
    try {
      return frame === undefined ? undefined : this.#decode(keyText(idOf(entryKey)), frame, false);
    } catch {
      return undefined;
    }
  }

  /** `isWhole`: also what only building the document tells. What merging reads it checks by itself. */
  #decode(key: SessionKey, frame: Frame, isWhole: boolean): SessionRecord {
    try {
      const record = decodeRecord(frame.content);
      if (record.envelope.key !== key) throw new Error("it is the record of another session");
      if (isWhole && record.document !== undefined)
        checkDocument(
          { ...this.#context, writer: () => NO_WRITER, newWriter: () => NO_WRITER, drawWriter: () => NO_WRITER },
          record.document,
        );
      return record;
    } catch (error) {
      throw corruptEntry(this.#environment.folder, error);
    }
  }

  #merge(stored: SessionRecord, given: SessionRecord): SessionRecord {
    try {
      return mergeRecords(stored, given, this.#context);
    } catch (error) {
      throw corruptEntry(this.#environment.folder, error);
    }
  }

  #frame(entryKey: Buffer, bytes: Buffer | undefined): Frame | undefined {
    const frame = bytes === undefined ? undefined : decodeFrame(entryKey, bytes);
    const { damaged, folder } = this.#environment;
    const isDamaged = bytes === undefined ? damaged.size > 0 && damaged.has(entryKey.toString("hex")) : frame === undefined;
    if (isDamaged) throw corruptEntry(folder);
    return frame;
  }

  #notBeforeMs(frame: Frame | undefined): number {
    if (frame?.content.length !== NUMBER_BYTES) throw corruptEntry(this.#environment.folder);
    return frame.content.readUIntBE(0, NUMBER_BYTES);
  }

  #checkRoom(transaction: WriteTransaction, addedBytes: number): void {
    if (addedBytes > 0 && transaction.usedBytes() + addedBytes > this.#environment.sizeMax) throw full(this.#environment.folder);
  }

  async #read<T>(read: (root: Awaited<ReturnType<Environment["ready"]>>) => T): Promise<T> {
    this.#checkOpen();
    try {
      return read(await this.#environment.ready());
    } catch (error) {
      throw this.#environment.toError(error);
    }
  }

  async #write<T>(change: (transaction: WriteTransaction) => T): Promise<T> {
    this.#checkOpen();
    return this.#environment.write(change);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new SessionError("STORE_CLOSED", "This store was closed; make a new one.");
  }
}

const EMPTY = Buffer.alloc(0);
const UNKNOWN_VERSION = -1;

/** One that is damaged counts as none: it is a guard for clocks that are set back, and there is another as soon as it is raised. */
function highWaterOf(frame: Buffer | undefined): number {
  return (frame === undefined ? undefined : decodeFrame(HIGH_WATER_KEY, frame))?.discardAtMs ?? 0;
}

function raise(transaction: WriteTransaction, ms: number): void {
  const atMs = storableMs(ms);
  if (atMs <= highWaterOf(transaction.get(HIGH_WATER_KEY))) return;
  transaction.put(HIGH_WATER_KEY, encodeFrame(HIGH_WATER_KEY, atMs, transaction.id, EMPTY));
}

function subjectOf(frame: Frame): SubjectKey | undefined {
  try {
    return decodeRecord(frame.content).envelope.subject;
  } catch {
    return undefined;
  }
}
