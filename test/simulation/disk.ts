import { SessionError } from "../../src/engine/errors.ts";
import type { Envelope } from "../../src/engine/envelope.ts";
import { mergeRecords, type MergeContext } from "../../src/engine/merge-records.ts";
import { decodeRecord, encodeRecord } from "../../src/engine/record-codec.ts";
import type { SessionKey, SessionRecord, SubjectKey } from "../../src/engine/record.ts";
import type { LastingStore, StoredRecord } from "../../src/engine/session-store.ts";
import type { Dice } from "./dice.ts";
import type { Life } from "./machine.ts";

interface Row {
  readonly bytes: Uint8Array;
  readonly subject: SubjectKey | undefined;
  readonly discardAtMs: number;
}

interface Incarnation {
  readonly id: Uint8Array;
  readonly begunAtMs: number;
  readonly completeSinceMs: number | undefined;
}

interface Register {
  readonly notBeforeMs: number;
  readonly discardAtMs: number;
}

/** What lies on a disk: it outlives the processes that write to it. Nothing in it is ever changed, only replaced; but for `rows`. */
interface Contents {
  readonly rows: Map<SessionKey, Row>;
  readonly claims: ReadonlyMap<string, number>;
  readonly revocations: ReadonlyMap<SubjectKey, Register>;
  readonly highWaterMs: number;
  /** What a relay keeps of itself. */
  readonly incarnation: Incarnation | undefined;
}

function nothing(): Contents {
  return { rows: new Map(), claims: new Map(), revocations: new Map(), highWaterMs: 0, incarnation: undefined };
}

/** A disk that can be copied, put back as it was, emptied, slow and broken. */
export class Disk {
  readonly dice: Dice;
  #contents: Contents = nothing();
  /** Writes under way, the oldest first: asked for, and not answered. */
  readonly #underWay = new Set<() => void>();
  /** How long a call takes. */
  delayMs = 0.2;
  isBroken = false;
  appendCount = 0;

  constructor(dice: Dice) {
    this.dice = dice.for("disk");
  }

  get contents(): Contents {
    return this.#contents;
  }

  /** A copy of everything, for `restore`. */
  snapshot(): Contents {
    return { ...this.#contents, rows: new Map(this.#contents.rows) };
  }

  restore(contents: Contents): void {
    this.#contents = { ...contents, rows: new Map(contents.rows) };
  }

  wipe(): void {
    this.#contents = nothing();
  }

  /** The process died under its writes: those that it had no answer to are there up to somewhere, and nothing after that. */
  tear(): void {
    const underWay = [...this.#underWay];
    this.#underWay.clear();
    for (const work of underWay.slice(0, this.dice.whole(0, underWay.length))) work();
  }

  begin(work: () => void): void {
    this.#underWay.add(work);
  }

  done(work: () => void): void {
    this.#underWay.delete(work);
  }

  get incarnation(): Incarnation | undefined {
    return this.#contents.incarnation;
  }

  set incarnation(incarnation: Incarnation) {
    this.change({ incarnation });
  }

  record(key: SessionKey): SessionRecord | undefined {
    const row = this.#contents.rows.get(key);
    return row === undefined ? undefined : decodeRecord(row.bytes);
  }

  change(change: Partial<Contents>): void {
    this.#contents = { ...this.#contents, ...change };
  }

  /** What a process opens. */
  open(life: Life, context: MergeContext): LastingStore {
    this.#underWay.clear();
    return new DiskStore(this, life, context);
  }
}

/** The disk as one process uses it: what it asks for takes a while, and is not done when the process dies meanwhile, or just done. */
class DiskStore implements LastingStore {
  readonly durable = true;
  readonly #disk: Disk;
  readonly #life: Life;
  readonly #context: MergeContext;
  #isClosed = false;

  constructor(disk: Disk, life: Life, context: MergeContext) {
    this.#disk = disk;
    this.#life = life;
    this.#context = context;
  }

  load(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#do(() => this.#disk.record(key));
  }

  append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    // Encoded now: what the engine does with it afterwards is its own affair.
    const bytes = encodeRecord(record);
    return this.#do(() => {
      this.#disk.appendCount += 1;
      const resting = this.#disk.record(key);
      const taken = decodeRecord(bytes);
      const merged = resting === undefined ? taken : mergeRecords(resting, taken, this.#context);
      this.#write(key, merged, discardAtMs);
    }, true);
  }

  discardExpired(nowMs: number, limit: number): Promise<number> {
    return this.#do(() => {
      const { rows, claims, revocations } = this.#disk.contents;
      const due = [...rows].filter(([, row]) => row.discardAtMs <= nowMs).slice(0, limit);
      for (const [key] of due) rows.delete(key);
      this.#disk.change({
        claims: new Map([...claims].filter(([, untilMs]) => untilMs > nowMs)),
        revocations: new Map([...revocations].filter(([, register]) => register.discardAtMs > nowMs)),
        ...(due.length === 0 ? {} : { highWaterMs: Math.max(this.#disk.contents.highWaterMs, ...due.map(([, row]) => row.discardAtMs)) }),
      });
      return due.length;
    });
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    const rows = await this.#do(() => [...this.#disk.contents.rows]);
    for (const [key, row] of rows) if (subject === undefined || row.subject === subject) yield key;
  }

  async *scan(): AsyncIterable<StoredRecord> {
    const rows = await this.#do(() => [...this.#disk.contents.rows]);
    for (const [key, row] of rows) yield { key, record: decodeRecord(row.bytes) };
  }

  claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    return this.#do(() => {
      const { claims } = this.#disk.contents;
      if ((claims.get(key + name) ?? 0) > nowMs) return false;
      this.#disk.change({ claims: new Map(claims).set(key + name, untilMs) });
      return true;
    }, true);
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.#do(() => {
      const claims = new Map(this.#disk.contents.claims);
      if (claims.get(key + name) === untilMs && claims.delete(key + name)) this.#disk.change({ claims });
    });
  }

  revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    return this.#do(() => new Map([...this.#disk.contents.revocations].map(([subject, { notBeforeMs }]) => [subject, notBeforeMs])));
  }

  revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void> {
    return this.#do(() => {
      const revocations = new Map(this.#disk.contents.revocations);
      const before = revocations.get(subject);
      revocations.set(subject, {
        notBeforeMs: Math.max(notBeforeMs, before?.notBeforeMs ?? 0),
        discardAtMs: Math.max(discardAtMs, before?.discardAtMs ?? 0),
      });
      this.#disk.change({ revocations });
    }, true);
  }

  highWaterMs(): number {
    return this.#disk.contents.highWaterMs;
  }

  raiseHighWater(ms: number): Promise<void> {
    return this.#do(() => this.#disk.change({ highWaterMs: Math.max(ms, this.#disk.contents.highWaterMs) }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #write(key: SessionKey, record: SessionRecord, discardAtMs: number): void {
    const envelope: Envelope = record.envelope;
    const row: Row = { bytes: encodeRecord(record), subject: envelope.subject, discardAtMs };
    this.#disk.contents.rows.set(key, row);
  }

  /** `isWrite`: a process that dies just then may have done it, or not. */
  #do<T>(work: () => T, isWrite = false): Promise<T> {
    if (this.#isClosed) return Promise.reject(new SessionError("STORE_CLOSED", "This store was closed; make a new one."));
    const { delayMs, dice } = this.#disk;
    if (isWrite && !this.#life.act()) {
      if (dice.chance(0.5)) work();
      return new Promise(() => undefined);
    }
    if (isWrite) this.#disk.begin(work);
    return new Promise((resolve, reject) => {
      void this.#life.after(delayMs, () => {
        this.#disk.done(work);
        if (this.#disk.isBroken) reject(new SessionError("STORE_UNAVAILABLE", "The disk does not answer; try again."));
        else resolve(work());
      });
    });
  }
}
