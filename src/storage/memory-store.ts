import {
  decodeRecord,
  encodeRecord,
  KEY_BYTES,
  KEY_PARTS,
  KeyTable,
  keyToBytes,
  mergeRecords,
  type MergeContext,
  SessionError,
  type SessionKey,
  type SessionRecord,
  type SessionStore,
  type SubjectKey,
  Tombstones,
} from "../engine/index.ts";
import { Slabs } from "./slabs.ts";

/** `[f64 slab number][f64 discardAtMs][u32 hash of the subject, 0 for none]`. */
const VALUE_BYTES = 20;
/** `encodeRecord` begins with its version and the session's key. */
const RECORD_KEY_AT = 1;
const RECORD_REST_AT = RECORD_KEY_AT + KEY_BYTES;
/** In place of that version: the record is kept whole, because it is one of another session than the key that it lies under. */
const WHOLE = 0;
/** Records looked at for each one that may be discarded in a call: looking is that much cheaper. */
const LOOKED_AT = 16;
/** Beyond so many sessions `keys` lets others run, after each few parts: some thousand keys where there are a million. */
const KEYS_AT_ONCE = 10_000;
const PARTS_A_TURN = 4;

/**
 * Sessions at rest in this process, packed: a record takes its encoded size and about 60 bytes, an ended session about 36. Gone with the
 * process. `keys` with a subject looks at all records: about 20 ms a million, in turns.
 */
export class MemoryStore implements SessionStore {
  readonly durable = false;
  readonly #context: MergeContext;
  readonly #claims = new Map<string, number>();
  readonly #revocations = new Map<SubjectKey, { readonly notBeforeMs: number; readonly discardAtMs: number }>();
  readonly #index = new KeyTable(VALUE_BYTES, discardAt);
  readonly #slabs = new Slabs((bytes, ref) => {
    if (this.#index.findBytes(bytes)) this.#index.view.setFloat64(this.#index.at, ref);
  });
  readonly #ended = new Tombstones();
  /** Where the last look at claims stopped. */
  #claimSweep: Iterator<[string, number]> | undefined;
  #isClosed = false;

  constructor(context: MergeContext) {
    this.#context = context;
  }

  /** Bytes that the records take, with all that is free between them. */
  get byteLength(): number {
    return this.#index.byteLength + this.#slabs.byteLength + this.#ended.byteLength;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.#checkOpen();
    return this.#read(key);
  }

  async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.appendNow(key, record, discardAtMs);
  }

  appendNow(key: SessionKey, record: SessionRecord, discardAtMs: number): void {
    this.#checkOpen();
    const resting = this.#read(key);
    const merged = resting === undefined ? record : mergeRecords(resting, record, this.#context);
    if (merged.document === undefined && merged.envelope.key === key) {
      this.#remove(key);
      this.#ended.set(merged.envelope, discardAtMs);
    } else {
      this.#write(key, merged, discardAtMs);
    }
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    this.#checkOpen();
    this.#forgetClaims(nowMs, limit);
    for (const [subject, { discardAtMs }] of this.#revocations) if (discardAtMs <= nowMs) this.#revocations.delete(subject);
    const records = this.#index.takeDue(nowMs, limit, limit * LOOKED_AT) ?? [];
    for (const key of records) this.#remove(key);
    const room = limit - records.length;
    const ended = room === 0 ? [] : (this.#ended.takeDue(nowMs, room, limit * LOOKED_AT) ?? []);
    for (const key of ended) this.#ended.delete(key);
    return records.length + ended.length;
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    this.#checkOpen();
    const hash = subject === undefined ? 0 : hashOf(subject);
    const isMeant = hash === 0 ? undefined : (view: DataView, at: number) => view.getUint32(at + 16) === hash;
    for (let part = 0; part < KEY_PARTS; part++) {
      // Both at once: a session that ends meanwhile goes from one to the other.
      const keys = this.#index.keysIn(part, isMeant);
      if (subject === undefined) yield* [...keys, ...this.#ended.keysIn(part)];
      else for (const key of keys) if (this.#read(key)?.envelope.subject === subject) yield key;
      if (part % PARTS_A_TURN === 0 && this.#index.size + this.#ended.size > KEYS_AT_ONCE) await nextTurn();
    }
  }

  async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    this.#checkOpen();
    const claim = `${key}${name}`;
    if ((this.#claims.get(claim) ?? 0) > nowMs) return false;
    this.#claims.set(claim, untilMs);
    return true;
  }

  async release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    this.#checkOpen();
    if (this.#claims.get(`${key}${name}`) === untilMs) this.#claims.delete(`${key}${name}`);
  }

  async revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    this.#checkOpen();
    return new Map([...this.#revocations].map(([subject, { notBeforeMs }]) => [subject, notBeforeMs]));
  }

  async revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void> {
    this.#checkOpen();
    const before = this.#revocations.get(subject);
    this.#revocations.set(subject, {
      notBeforeMs: Math.max(notBeforeMs, before?.notBeforeMs ?? 0),
      discardAtMs: Math.max(discardAtMs, before?.discardAtMs ?? 0),
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#index.clear();
    this.#slabs.clear();
    this.#ended.clear();
    this.#claims.clear();
    this.#revocations.clear();
  }

  #read(key: SessionKey): SessionRecord | undefined {
    if (!this.#index.find(key)) {
      const tombstone = this.#ended.get(key);
      return tombstone === undefined ? undefined : { envelope: tombstone.envelope, document: undefined };
    }
    const slot = this.#slabs.at(this.#index.view.getFloat64(this.#index.at));
    if (slot[KEY_BYTES] === WHOLE) return decodeRecord(slot.subarray(KEY_BYTES + 1));
    const bytes = new Uint8Array(slot.length);
    bytes[0] = slot[KEY_BYTES] ?? 0;
    bytes.set(slot.subarray(0, KEY_BYTES), RECORD_KEY_AT);
    bytes.set(slot.subarray(KEY_BYTES + 1), RECORD_REST_AT);
    return decodeRecord(bytes);
  }

  /** `[16 bytes key][version of the record's layout][record without version and key]`, or `[16 bytes key][0][record]`. */
  #write(key: SessionKey, record: SessionRecord, discardAtMs: number): void {
    const encoded = encodeRecord(record);
    const isOwn = record.envelope.key === key;
    const rest = isOwn ? encoded.subarray(RECORD_REST_AT) : encoded;
    const slot = this.#slabs.at(this.#place(key, KEY_BYTES + 1 + rest.length));
    slot.set(keyToBytes(key));
    slot[KEY_BYTES] = isOwn ? (encoded[0] ?? 0) : WHOLE;
    slot.set(rest, KEY_BYTES + 1);
    this.#ended.delete(key);
    const { subject } = record.envelope;
    this.#index.find(key);
    const { view, at } = this.#index;
    view.setFloat64(at + 8, discardAtMs);
    view.setUint32(at + 16, subject === undefined ? 0 : hashOf(subject));
    this.#index.due(discardAtMs);
  }

  /** Room for the bytes of a session, in place of what it had. */
  #place(key: SessionKey, length: number): number {
    if (this.#index.find(key)) {
      const before = this.#index.view.getFloat64(this.#index.at);
      if (this.#slabs.refit(before, length)) return before;
      this.#slabs.free(before);
    }
    const ref = this.#slabs.take(length);
    this.#index.put(key);
    this.#index.view.setFloat64(this.#index.at, ref);
    return ref;
  }

  #remove(key: SessionKey): void {
    if (!this.#index.find(key)) return;
    this.#slabs.free(this.#index.view.getFloat64(this.#index.at));
    this.#index.delete(key);
  }

  #forgetClaims(nowMs: number, limit: number): void {
    this.#claimSweep ??= this.#claims.entries();
    for (let looked = 0; looked < limit * LOOKED_AT; looked++) {
      const next = this.#claimSweep.next();
      if (next.done === true) {
        this.#claimSweep = undefined;
        return;
      }
      const [claim, untilMs] = next.value;
      if (untilMs <= nowMs) this.#claims.delete(claim);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SessionError("STORE_CLOSED", "This store was closed; make a new one.");
  }
}

function discardAt(view: DataView, at: number): number {
  return view.getFloat64(at + 8);
}

/** FNV-1a over a subject's characters; never 0. */
function hashOf(subject: SubjectKey): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < subject.length; index++) hash = Math.imul(hash ^ subject.charCodeAt(index), 0x01000193);
  return hash >>> 0 || 1;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
