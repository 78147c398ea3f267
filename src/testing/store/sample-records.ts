import { type MergeContext, mergeRecords, type SessionKey, type SessionRecord, type SessionStore } from "../../engine/index.ts";
import { createEngine } from "../../runtime/index.ts";

/** Copies of one session, as engines make them, under the first of `KEYS`. */
export interface SampleRecords {
  /** As engines hand it to a store that they make. */
  readonly context: MergeContext;
  readonly old: SessionRecord;
  /** `old` and a later commit by the same process. */
  readonly newer: SessionRecord;
  /** `old` and a commit by another process that did not hear of `newer`. */
  readonly other: SessionRecord;
  readonly ended: SessionRecord;
}

export const KEYS = ["AAAAAAAAAAAAAAAAAAAAAA", "BAAAAAAAAAAAAAAAAAAAAA", "CAAAAAAAAAAAAAAAAAAAAA"] as const;

/** The same as of another session. */
export function under(key: SessionKey, record: SessionRecord): SessionRecord {
  return { ...record, envelope: { ...record.envelope, key, firstKey: key } };
}

export async function sampleRecords(): Promise<SampleRecords> {
  let context: MergeContext | undefined;
  const [left, right] = [new Notes(), new Notes()];
  const here = createEngine({ persist: "before", store: (given) => left.withContext((context = given)) });
  const there = createEngine({ persist: "before", store: (given) => right.withContext(given) });
  try {
    const session = here.draft();
    session.identify(here.issueId());
    session.set("a", 1);
    session.commit();
    await session.persisted();
    const { key } = session;
    if (key === undefined || context === undefined) throw new Error("An engine makes its store, and names what was identified.");
    const old = left.read(key);
    right.records.set(key, old);
    await (await here.open(key))?.change((data) => void (data["a"] = 2));
    const newer = left.read(key);
    await (await there.open(key))?.change((data) => void (data["b"] = 3));
    const other = right.read(key);
    await there.end(key);
    const ended = right.read(key);
    const moved = (record: SessionRecord): SessionRecord => under(KEYS[0], record);
    return { context, old: moved(old), newer: moved(newer), other: moved(other), ended: moved(ended) };
  } finally {
    await here.close();
    await there.close();
  }
}

/** The shortest store that an engine can work on: what was appended lies there to be read. */
class Notes implements SessionStore {
  readonly durable = true;
  readonly records = new Map<SessionKey, SessionRecord>();
  #context: MergeContext | undefined;

  withContext(context: MergeContext): this {
    this.#context = context;
    return this;
  }

  read(key: SessionKey): SessionRecord {
    const record = this.records.get(key);
    if (record === undefined) throw new Error("The engine stored nothing.");
    return structuredClone(record);
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.records.get(key);
  }

  async append(key: SessionKey, record: SessionRecord): Promise<void> {
    const resting = this.records.get(key);
    if (this.#context === undefined) throw new Error("The engine gave no context.");
    this.records.set(key, resting === undefined ? record : mergeRecords(resting, record, this.#context));
  }

  async discardExpired(): Promise<number> {
    return 0;
  }

  async *keys(): AsyncIterable<SessionKey> {
    yield* this.records.keys();
  }

  async claim(): Promise<boolean> {
    return true;
  }

  async release(): Promise<void> {}

  async revocations(): Promise<ReadonlyMap<string, number>> {
    return new Map();
  }

  async revoke(): Promise<void> {}
  async close(): Promise<void> {}
}
