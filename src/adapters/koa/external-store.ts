import { decodeRecord, encodeRecord, mergeRecords, SessionError } from "../../engine/index.ts";
import type { MergeContext, SessionKey, SessionRecord, SessionStore, SubjectKey } from "../../engine/index.ts";

/** A store as koa-session takes it, for Redis or a database. `maxAge` in milliseconds. */
export interface KoaStore {
  get(key: string, maxAge?: number, data?: { readonly rolling: boolean }): unknown;
  set(key: string, session: object, maxAge?: number, data?: { readonly changed: boolean; readonly rolling: boolean }): unknown;
  destroy(key: string): unknown;
}

/** What lies in the store in place of a session's attributes. Its key is the session's `key`, never its id. */
interface Entry {
  readonly record: string;
}

/** What this process knows of an entry. */
interface Known {
  readonly discardAtMs: number;
  readonly subject: SubjectKey | undefined;
}

interface Revocation {
  readonly notBeforeMs: number;
  readonly discardAtMs: number;
}

/** Until when each name of a session is taken. */
type Claims = Readonly<Record<string, number>>;

/** As koa-session does: the store must not forget before the cookie does, and clocks differ. */
const SLACK_MS = 10_000;
const ALL_KINDS = { changed: true, rolling: false };

export function isKoaStore(store: unknown): store is KoaStore {
  if (typeof store !== "object" || store === null || "append" in store) return false;
  return ["get", "set", "destroy"].every((name) => typeof (store as Record<string, unknown>)[name] === "function");
}

/**
 * A koa-session store as a place where the engine's records rest. Such a store reads and writes whole entries and can neither list nor
 * merge: this merges before it writes, one write a key at a time, so one process at a time may use it (several need `relays()`). `sessions()`,
 * `count()` and `clear()` of the engine know what this process has seen.
 */
export function storeOver(store: KoaStore, prefix = ""): (context: MergeContext) => SessionStore {
  return (context) => new ExternalStore(store, prefix, context);
}

class ExternalStore implements SessionStore {
  readonly durable = true;
  readonly #store: KoaStore;
  readonly #prefix: string;
  readonly #context: MergeContext;
  readonly #known = new Map<SessionKey, Known>();
  /** The last write of each key that is under way; these never reject. */
  readonly #writes = new Map<string, Promise<unknown>>();
  #isClosed = false;

  constructor(store: KoaStore, prefix: string, context: MergeContext) {
    this.#store = store;
    this.#prefix = prefix;
    this.#context = context;
  }

  async load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.#checkOpen();
    return this.#load(key);
  }

  append(key: SessionKey, record: SessionRecord, discardAtMs: number): Promise<void> {
    return this.#inTurn(key, async () => {
      const resting = await this.#load(key);
      const merged = resting === undefined ? record : mergeRecords(resting, record, this.#context);
      await this.#set(key, { record: Buffer.from(encodeRecord(merged)).toString("base64url") }, discardAtMs);
      this.#known.set(key, { discardAtMs, subject: merged.envelope.subject });
    });
  }

  async discardExpired(nowMs: number, limit: number): Promise<number> {
    this.#checkOpen();
    const due = [...this.#known].filter(([, { discardAtMs }]) => discardAtMs <= nowMs).slice(0, limit);
    for (const [key] of due) {
      await this.#inTurn(key, async () => {
        await this.#call(() => this.#store.destroy(this.#prefix + key));
        this.#known.delete(key);
      });
    }
    return due.length;
  }

  async *keys(subject?: SubjectKey): AsyncIterable<SessionKey> {
    this.#checkOpen();
    for (const [key, known] of [...this.#known]) if (subject === undefined || known.subject === subject) yield key;
  }

  async claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean> {
    let isFree = false;
    await this.#changeClaims(key, (claims) => {
      isFree = (claims[name] ?? 0) <= nowMs;
      return isFree ? { ...claims, [name]: untilMs } : claims;
    });
    return isFree;
  }

  release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    return this.#changeClaims(key, (claims) => (claims[name] === untilMs ? { ...claims, [name]: 0 } : claims));
  }

  async revocations(): Promise<ReadonlyMap<SubjectKey, number>> {
    this.#checkOpen();
    const stored = await this.#revocations();
    return new Map(Object.entries(stored).map(([subject, { notBeforeMs }]) => [subject as SubjectKey, notBeforeMs]));
  }

  revoke(subject: SubjectKey, notBeforeMs: number, discardAtMs: number): Promise<void> {
    return this.#inTurn(REVOCATIONS, async () => {
      const { [subject]: before, ...others } = await this.#revocations();
      const raised = {
        notBeforeMs: Math.max(notBeforeMs, before?.notBeforeMs ?? 0),
        discardAtMs: Math.max(discardAtMs, before?.discardAtMs ?? 0),
      };
      const all = { ...others, [subject]: raised };
      await this.#set(REVOCATIONS, all, Math.max(...Object.values(all).map((each) => each.discardAtMs)));
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#writes.values());
    this.#known.clear();
  }

  async #load(key: SessionKey): Promise<SessionRecord | undefined> {
    const entry = await this.#get(key);
    return entry === undefined ? undefined : recordOf(entry);
  }

  #changeClaims(key: SessionKey, change: (claims: Claims) => Claims): Promise<void> {
    const entryKey = `${key}-claims`;
    return this.#inTurn(entryKey, async () => {
      const before = ((await this.#get(entryKey)) ?? {}) as Claims;
      const after = change(before);
      if (after !== before) await this.#set(entryKey, after, Math.max(...Object.values(after)));
    });
  }

  async #revocations(): Promise<Record<string, Revocation>> {
    return ((await this.#get(REVOCATIONS)) ?? {}) as Record<string, Revocation>;
  }

  async #get(key: string): Promise<unknown> {
    const entry = await this.#call(() => this.#store.get(this.#prefix + key, undefined, { rolling: false }));
    return entry === null ? undefined : entry;
  }

  async #set(key: string, entry: object, discardAtMs: number): Promise<void> {
    const maxAge = Math.max(discardAtMs - Date.now(), 0) + SLACK_MS;
    await this.#call(() => this.#store.set(this.#prefix + key, entry, maxAge, ALL_KINDS));
  }

  async #call<T>(operation: () => T): Promise<Awaited<T>> {
    try {
      return await operation();
    } catch (cause) {
      throw new SessionError("STORE_UNAVAILABLE", "The option store did not answer; look at what it connects to. Trying again is safe.", {
        cause,
      });
    }
  }

  /** Reading, merging and writing an entry takes several steps of the store: no two at once. */
  async #inTurn(key: string, operation: () => Promise<void>): Promise<void> {
    this.#checkOpen();
    const before = this.#writes.get(key);
    const running = before === undefined ? operation() : before.then(operation);
    const settled = running.catch(() => undefined);
    this.#writes.set(key, settled);
    try {
      await running;
    } finally {
      if (this.#writes.get(key) === settled) this.#writes.delete(key);
    }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new SessionError("STORE_CLOSED", "The store is closed: make a new engine.");
  }
}

/** Longer than any session's key, which has 22 characters. */
const REVOCATIONS = "converge-session-revocations";

function recordOf(entry: unknown): SessionRecord {
  const { record } = entry as Partial<Entry>;
  try {
    if (typeof record === "string") return decodeRecord(Buffer.from(record, "base64url"));
  } catch (cause) {
    throw unreadable(cause);
  }
  throw unreadable(undefined);
}

function unreadable(cause: unknown): SessionError {
  const message = "An entry of the option store is not one of ours: give prefix a value that no other program uses.";
  return new SessionError("STORE_CORRUPT", message, { cause });
}
