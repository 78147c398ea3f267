import { KeyTable } from "./key-table.ts";
import type { LiveSession } from "./live-session.ts";
import type { Dot, SessionKey } from "./record.ts";
import type { Fingerprint } from "./replication.ts";

/** What is remembered of a session that rests in the store. */
export interface Cold {
  /** The last commit that this process made to it: should the store have lost it, the writer id must not be used again. */
  readonly own: Dot;
  readonly discardAtMs: number;
  readonly touchedAtMs: number;
  readonly fate: Fate;
  /** Of the state in which it rests; 0 where those are not kept (`keepFingerprints`). */
  readonly fingerprint: Fingerprint;
}

/** What it is at `discardAtMs`: not used any more, past its deadline, or replaced by its successor. The position is the byte that stands for it. */
const FATES = ["idle", "expired", "rotated"] as const;
export type Fate = (typeof FATES)[number];

/** `[f64 writer][f64 own stamp][f64 discardAtMs][f64 touchedAtMs][u8 fate]`, and `[u24 u32 fingerprint]` where those are kept. */
const VALUE_BYTES = 33;
const FINGERPRINT_BYTES = 7;
const WORD_END = 2 ** 32;
/** Maps with many entries take milliseconds to grow or to look through, so there are many maps. */
const SHELF_COUNT = 1024;

/**
 * Sessions that rest in the store but still belong to this process: 50 bytes each (57 with fingerprints), and a fifth more for the
 * table. Of those that went to rest lately a request may still have the live object, and then it is that object that comes back.
 */
export class ColdTable {
  #table = new KeyTable(VALUE_BYTES, discardAt);
  #hasFingerprints = false;
  readonly #shelves = Array.from({ length: SHELF_COUNT }, () => new Map<SessionKey, WeakRef<LiveSession>>());
  #nextShelf = 0;
  /** Objects on all shelves. */
  #objectCount = 0;

  get size(): number {
    return this.#table.size;
  }

  /** To be called while nothing rests here. */
  keepFingerprints(): void {
    if (this.#hasFingerprints || this.#table.size > 0) return;
    this.#hasFingerprints = true;
    this.#table = new KeyTable(VALUE_BYTES + FINGERPRINT_BYTES, discardAt);
  }

  has(key: SessionKey): boolean {
    return this.#table.find(key);
  }

  /** 0 where it does not rest here. */
  fingerprint(key: SessionKey): Fingerprint {
    return this.#hasFingerprints && this.#table.find(key) ? this.#fingerprint() : 0;
  }

  get(key: SessionKey): Cold | undefined {
    if (!this.#table.find(key)) return undefined;
    const { view, at } = this.#table;
    return {
      own: [view.getFloat64(at), view.getFloat64(at + 8)],
      discardAtMs: view.getFloat64(at + 16),
      touchedAtMs: view.getFloat64(at + 24),
      fate: FATES[view.getUint8(at + 32)] ?? "idle",
      fingerprint: this.#hasFingerprints ? this.#fingerprint() : 0,
    };
  }

  /** The live object, where somebody still has it. */
  session(key: SessionKey): LiveSession | undefined {
    return this.#shelfOf(key).get(key)?.deref();
  }

  set(session: LiveSession, cold: Cold): void {
    this.lay(session.key, cold);
    const shelf = this.#shelfOf(session.key);
    this.#objectCount -= shelf.size;
    shelf.set(session.key, new WeakRef(session));
    this.#objectCount += shelf.size;
  }

  /** As `set`, for one of which there is no live object. */
  lay(key: SessionKey, { own, discardAtMs, touchedAtMs, fate, fingerprint }: Cold): void {
    this.#table.put(key);
    const { view, at } = this.#table;
    view.setFloat64(at, own[0]);
    view.setFloat64(at + 8, own[1]);
    view.setFloat64(at + 16, discardAtMs);
    view.setFloat64(at + 24, touchedAtMs);
    view.setUint8(at + 32, FATES.indexOf(fate));
    if (this.#hasFingerprints) {
      const high = Math.floor(fingerprint / WORD_END);
      view.setUint8(at + 33, high >> 16);
      view.setUint16(at + 34, high & 0xffff);
      view.setUint32(at + 36, fingerprint % WORD_END);
    }
    this.#table.due(discardAtMs);
  }

  delete(key: SessionKey): boolean {
    if (!this.#table.delete(key)) return false;
    if (this.#shelfOf(key).delete(key)) this.#objectCount--;
    return true;
  }

  clear(): void {
    this.#table.clear();
    for (const shelf of this.#shelves) shelf.clear();
    this.#objectCount = 0;
  }

  /** See `KeyTable.takeDue`. */
  takeDue(nowMs: number, count: number, lookCount: number): SessionKey[] | undefined {
    return this.#table.takeDue(nowMs, count, lookCount);
  }

  /** See `KeyTable.keysIn`. */
  keysIn(part: number): SessionKey[] {
    return this.#table.keysIn(part);
  }

  /** Forgets objects that nobody has any more: looks at about `lookCount` of them. True while a round through all of them is not over. */
  sweepObjects(lookCount: number): boolean {
    for (let looked = 0; looked < lookCount && this.#objectCount > 0;) {
      const shelf = this.#shelves[this.#nextShelf];
      looked += shelf?.size ?? 0;
      for (const [key, session] of shelf ?? []) if (session.deref() === undefined && shelf?.delete(key) === true) this.#objectCount--;
      this.#nextShelf = (this.#nextShelf + 1) % SHELF_COUNT;
      if (this.#nextShelf === 0) return false;
    }
    return this.#objectCount > 0;
  }

  /** At the cursor. */
  #fingerprint(): Fingerprint {
    const { view, at } = this.#table;
    return (view.getUint8(at + 33) * 0x1_0000 + view.getUint16(at + 34)) * WORD_END + view.getUint32(at + 36);
  }

  #shelfOf(key: SessionKey): Map<SessionKey, WeakRef<LiveSession>> {
    return this.#shelves[(key.charCodeAt(0) * 64 + key.charCodeAt(1)) % SHELF_COUNT] ?? NO_SHELF;
  }
}

/** For the compiler: there is a shelf for every key. */
const NO_SHELF = new Map<SessionKey, WeakRef<LiveSession>>();

function discardAt(view: DataView, at: number): number {
  return view.getFloat64(at + 16);
}
