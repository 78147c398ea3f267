import type { Limits } from "./limits.ts";
import type { LiveSession } from "./live-session.ts";
import { KEY_PARTS, partOf } from "./key-table.ts";
import type { SessionKey } from "./record.ts";

/** What an end that is not stored yet counts for. */
const END_BYTES = 64;

/** The sessions in memory, by last use, and what they weigh. Every step is as cheap with many as with few. */
export class HotSessions {
  readonly #sessions = new Map<SessionKey, LiveSession>();
  /** The same keys by their part, where somebody asks for those (`keepParts`). */
  #parts: readonly Set<SessionKey>[] | undefined;
  readonly #limits: Limits;
  /** Whether what is not stored is at risk: the store lasts longer than this process. */
  readonly #isDurable: boolean;
  #oldest: LiveSession | undefined;
  #latest: LiveSession | undefined;
  #bytes = 0;
  #unsavedBytes = 0;
  #endedCount = 0;

  constructor(limits: Limits, isDurable: boolean) {
    this.#limits = limits;
    this.#isDurable = isDurable;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Encoded bytes of the documents, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get unsavedBytes(): number {
    return this.#unsavedBytes;
  }

  /** Those that ended and are not stored yet. */
  get endedCount(): number {
    return this.#endedCount;
  }

  /** More than there is room for. What was used last always has room. */
  get isCrowded(): boolean {
    return (this.size > this.#limits.hotCount || this.#bytes > this.#limits.hotBytes) && this.#oldest !== this.#latest;
  }

  /** The least recently used; `newer` leads on. */
  get oldest(): LiveSession | undefined {
    return this.#oldest;
  }

  get latest(): LiveSession | undefined {
    return this.#latest;
  }

  get(key: SessionKey): LiveSession | undefined {
    return this.#sessions.get(key);
  }

  /** The same, and counts as use. */
  use(key: SessionKey, nowMs: number): LiveSession | undefined {
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    session.usedAtMs = nowMs;
    if (session !== this.#latest) {
      this.#unlink(session);
      this.#link(session);
    }
    return session;
  }

  insert(session: LiveSession, nowMs: number): void {
    this.#sessions.set(session.key, session);
    this.#parts?.[partOf(session.key)]?.add(session.key);
    session.usedAtMs = nowMs;
    this.#link(session);
    this.weigh(session);
  }

  delete(session: LiveSession): boolean {
    if (this.#sessions.get(session.key) !== session) return false;
    this.#sessions.delete(session.key);
    this.#parts?.[partOf(session.key)]?.delete(session.key);
    this.#unlink(session);
    this.#weigh(session, 0, 0, 0);
    return true;
  }

  /** Must be called when a session has changed, or was stored. */
  weigh(session: LiveSession): void {
    if (this.#sessions.get(session.key) !== session) return;
    const isEnded = session.envelope.ended !== undefined;
    const bytes = isEnded ? END_BYTES : (session.document?.sizeBound ?? 0);
    this.#weigh(session, bytes, this.#isDurable && !session.isStored ? bytes : 0, Number(isEnded));
  }

  /** Robust against whatever comes and goes meanwhile. */
  values(): MapIterator<LiveSession> {
    return this.#sessions.values();
  }

  keys(): MapIterator<SessionKey> {
    return this.#sessions.keys();
  }

  keepParts(): void {
    if (this.#parts !== undefined) return;
    this.#parts = Array.from({ length: KEY_PARTS }, () => new Set<SessionKey>());
    for (const key of this.#sessions.keys()) this.#parts[partOf(key)]?.add(key);
  }

  /** Keys of one of `KEY_PARTS` parts, after `keepParts`. */
  keysIn(part: number): Iterable<SessionKey> {
    return this.#parts?.[part] ?? [];
  }

  clear(): void {
    this.#sessions.clear();
    for (const part of this.#parts ?? []) part.clear();
    this.#oldest = this.#latest = undefined;
    this.#bytes = this.#unsavedBytes = this.#endedCount = 0;
  }

  #weigh(session: LiveSession, bytes: number, unsavedBytes: number, ended: number): void {
    const { weight } = session;
    this.#bytes += bytes - weight.bytes;
    this.#unsavedBytes += unsavedBytes - weight.unsavedBytes;
    this.#endedCount += ended - weight.ended;
    session.weight = { bytes, unsavedBytes, ended };
  }

  #link(session: LiveSession): void {
    const before = this.#latest;
    session.older = before;
    session.newer = undefined;
    if (before === undefined) this.#oldest = session;
    else before.newer = session;
    this.#latest = session;
  }

  #unlink(session: LiveSession): void {
    const { older, newer } = session;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#latest = older;
    else newer.older = older;
    session.older = session.newer = undefined;
  }
}
