import {
  mergeRecords,
  type MergeContext,
  SessionError,
  type SessionKey,
  type SessionRecord,
  type SessionStore,
  type SubjectKey,
} from "../engine/index.ts";

interface Resting {
  readonly record: SessionRecord;
  readonly discardAtMs: number;
}

/** Sessions at rest in this process, encoded: about their encoded size and 250 bytes each. Gone with the process. */
export class MemoryStore implements SessionStore {
  readonly durable = false;
  readonly #context: MergeContext;
  readonly #claims = new Map<string, number>();
  readonly #revocations = new Map<SubjectKey, number>();
  readonly #resting = new Map<SessionKey, Resting>();
  /** Where the last sweep stopped, so that each one costs a bounded part. */
  #sweep: Iterator<[SessionKey, Resting]> | undefined;
  #isClosed = false;

  constructor(context: MergeContext) {
    this.#context = context;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.#checkOpen();
    const resting = this.#resting.get(key);
    return resting === undefined ? undefined : copyOf(resting.record);
  }

  async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.#checkOpen();
    const resting = this.#resting.get(key);
    const merged = resting === undefined ? copyOf(record) : mergeRecords(resting.record, copyOf(record), this.#context);
    this.#resting.set(key, { record: merged, discardAtMs });
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    this.#checkOpen();
    this.#sweep ??= this.#resting.entries();
    let discarded = 0;
    for (let seen = 0; seen < limit * 4 && discarded < limit; seen++) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        break;
      }
      const [key, { discardAtMs }] = next.value;
      if (discardAtMs <= nowMs && this.#resting.delete(key)) discarded++;
    }
    return discarded;
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    this.#checkOpen();
    for (const [key, { record }] of this.#resting) if (subject === undefined || record.envelope.subject === subject) yield key;
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
    return new Map(this.#revocations);
  }

  async revoke(subject: SubjectKey, notBeforeMs: number): Promise<void> {
    this.#checkOpen();
    this.#revocations.set(subject, Math.max(notBeforeMs, this.#revocations.get(subject) ?? 0));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#resting.clear();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SessionError("STORE_CLOSED", "This store was closed; make a new one.");
  }
}

/** Neither side sees the other change bytes (ST3). */
function copyOf(record: SessionRecord): SessionRecord {
  const { envelope, document } = record;
  return { envelope, document: document === undefined ? undefined : { epoch: document.epoch, bytes: document.bytes.slice() } };
}
