import { mergeRecords, SessionError } from "../../src/index.ts";
import type { MergeContext, SessionKey, SessionRecord, SessionStore, SubjectKey } from "../../src/index.ts";

interface Entry {
  readonly record: SessionRecord;
  readonly discardAtMs: number;
}

/**
 * The shortest store that keeps the laws: a `Map` in this process. Where you write one for a database, keep the order of things: what is
 * appended is merged with what lies there in one step that nobody can come between.
 */
export class MapStore implements SessionStore {
  readonly durable = false;
  protected readonly context: MergeContext;
  protected readonly entries = new Map<SessionKey, Entry>();
  protected readonly claims = new Map<string, number>();
  readonly #revocations = new Map<SubjectKey, { readonly notBeforeMs: number; readonly discardAtMs: number }>();
  #isClosed = false;

  constructor(context: MergeContext) {
    this.context = context;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.checkOpen();
    // ST3: a copy out, a copy in.
    return structuredClone(this.entries.get(key)?.record);
  }

  async append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    this.checkOpen();
    const resting = this.entries.get(key)?.record;
    const merged = resting === undefined ? record : mergeRecords(resting, record, this.context);
    this.entries.set(key, { record: structuredClone(merged), discardAtMs });
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    this.checkOpen();
    const due = [...this.entries].filter(([, { discardAtMs }]) => discardAtMs <= nowMs).slice(0, limit);
    for (const [key] of due) this.entries.delete(key);
    for (const [place, untilMs] of this.claims) if (untilMs <= nowMs) this.claims.delete(place);
    for (const [subject, { discardAtMs }] of this.#revocations) if (discardAtMs <= nowMs) this.#revocations.delete(subject);
    return due.length;
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    this.checkOpen();
    for (const [key, { record }] of this.entries) if (subject === undefined || record.envelope.subject === subject) yield key;
  }

  async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    this.checkOpen();
    const place = `${key} ${name}`;
    if ((this.claims.get(place) ?? 0) > nowMs) return false;
    this.claims.set(place, untilMs);
    return true;
  }

  async release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    this.checkOpen();
    if (this.claims.get(`${key} ${name}`) === untilMs) this.claims.delete(`${key} ${name}`);
  }

  async revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    this.checkOpen();
    return new Map([...this.#revocations].map(([subject, { notBeforeMs }]) => [subject, notBeforeMs]));
  }

  async revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void> {
    this.checkOpen();
    const known = this.#revocations.get(subject);
    this.#revocations.set(subject, {
      notBeforeMs: Math.max(notBeforeMs, known?.notBeforeMs ?? 0),
      discardAtMs: Math.max(discardAtMs, known?.discardAtMs ?? 0),
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  protected checkOpen(): void {
    if (this.#isClosed) throw new SessionError("STORE_CLOSED", "This store is closed: make another one.");
  }
}
