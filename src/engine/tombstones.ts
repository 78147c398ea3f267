import { endEnvelope, type EndReason, type Envelope } from "./envelope.ts";
import { KeyTable, partOf } from "./key-table.ts";
import type { SessionKey } from "./record.ts";

/** What is kept of a session that ended. */
export interface Tombstone {
  /** As `endEnvelope` leaves it. */
  readonly envelope: Envelope;
  readonly discardAtMs: number;
}

/** The position is the number that stands for it in two bits. Append only. */
const REASONS: readonly EndReason[] = ["destroyed", "rotated", "expired", "revoked"];

/**
 * `[u48 ended atMs | reason << 46][u32 deadlineMs - atMs + 2^30][u24 discardAtMs - deadlineMs]`, big-endian: with the key 29 bytes, and one
 * in the table. The deadline lies up to 37 days after the end (no session lives longer than 30) and up to 12 before it.
 */
const VALUE_BYTES = 13;
const AT_MS_END = 2 ** 46;
const DEADLINE_BIAS_MS = 2 ** 30;
const DEADLINE_END = 2 ** 32;
const DISCARD_END = 2 ** 24;

/** Ended sessions, packed: 30 bytes each, and a fifth more for the table. What does not fit its layout is kept as it is. */
export class Tombstones {
  readonly #packed = new KeyTable(VALUE_BYTES, discardAt);
  /** From clocks or with deadlines that are far from what any session of ours has. */
  readonly #odd = new Map<SessionKey, Tombstone>();

  get size(): number {
    return this.#packed.size + this.#odd.size;
  }

  get byteLength(): number {
    return this.#packed.byteLength;
  }

  has(key: SessionKey): boolean {
    return this.#packed.find(key) || this.#odd.has(key);
  }

  get(key: SessionKey): Tombstone | undefined {
    if (!this.#packed.find(key)) return this.#odd.get(key);
    const { view, at } = this.#packed;
    const deadlineMs = deadlineAt(view, at);
    const ended = { reason: REASONS[view.getUint8(at) >> 6] ?? "destroyed", atMs: endedAt(view, at) };
    return { envelope: endEnvelope({ key, deadlineMs }, ended), discardAtMs: discardAt(view, at) };
  }

  /** Keeps the end that `envelope` tells of, in place of what was kept for this session. */
  set(envelope: Envelope, discardAtMs: number): void {
    const { key, deadlineMs, ended } = envelope;
    this.delete(key);
    if (ended === undefined) return;
    const deadline = deadlineMs - ended.atMs + DEADLINE_BIAS_MS;
    const discard = discardAtMs - deadlineMs;
    if (!isWithin(ended.atMs, AT_MS_END) || !isWithin(deadline, DEADLINE_END) || !isWithin(discard, DISCARD_END)) {
      this.#odd.set(key, { envelope, discardAtMs });
      return;
    }
    this.#packed.put(key);
    const { view, at } = this.#packed;
    const reason = Math.max(0, REASONS.indexOf(ended.reason));
    view.setUint16(at, Math.floor(ended.atMs / 2 ** 32) | (reason << 14));
    view.setUint32(at + 2, ended.atMs % 2 ** 32);
    view.setUint32(at + 6, deadline);
    view.setUint8(at + 10, discard >> 16);
    view.setUint16(at + 11, discard & 0xffff);
    this.#packed.due(discardAtMs);
  }

  delete(key: SessionKey): boolean {
    return this.#packed.delete(key) || this.#odd.delete(key);
  }

  clear(): void {
    this.#packed.clear();
    this.#odd.clear();
  }

  /** See `KeyTable.takeDue`. */
  takeDue(nowMs: number, count: number, lookCount: number): SessionKey[] | undefined {
    const odd: SessionKey[] = [];
    for (const [key, { discardAtMs }] of this.#odd) if (discardAtMs <= nowMs && odd.length < count) odd.push(key);
    return odd.length > 0 ? odd : this.#packed.takeDue(nowMs, count, lookCount);
  }

  /** See `KeyTable.keysIn`. */
  keysIn(part: number): SessionKey[] {
    const keys = this.#packed.keysIn(part);
    for (const key of this.#odd.keys()) if (partOf(key) === part) keys.push(key);
    return keys;
  }
}

function isWithin(value: number, end: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value < end;
}

function endedAt(view: DataView, at: number): number {
  return (view.getUint16(at) & 0x3fff) * 2 ** 32 + view.getUint32(at + 2);
}

function deadlineAt(view: DataView, at: number): number {
  return endedAt(view, at) + view.getUint32(at + 6) - DEADLINE_BIAS_MS;
}

function discardAt(view: DataView, at: number): number {
  return deadlineAt(view, at) + view.getUint8(at + 10) * 2 ** 16 + view.getUint16(at + 11);
}
