import type { Fingerprint, Replica, Runtime, SubjectKey } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { encodeRevoke, REVOKE_COUNT_MAX, type RevokeEntry } from "./messages/revoke.ts";

/** No session lives longer, and 3 ε: older registers revoke nothing any more, and each side forgets them when it likes. */
const FORGOTTEN_AFTER_MS = 30 * 24 * 60 * 60_000 + 6_000;
const PRUNE_INTERVAL_MS = 60_000;

/**
 * The registers of `revokeAll` of one replica, summed up so that two sides find out in 7 bytes whether they hold the same. One for each
 * replica.
 */
export class RevocationRegisters {
  /** What was known at the start has been read. Never rejects. */
  readonly read: Promise<void>;
  readonly #replica: Replica;
  readonly #runtime: Runtime;
  readonly #registers = new Map<SubjectKey, number>();
  #sum = 0;
  #prunedAtMs = 0;

  constructor(replica: Replica, runtime: Runtime, counters: SyncCounters, log: SyncLog) {
    this.#replica = replica;
    this.#runtime = runtime;
    this.read = replica.revocations().then(
      (registers) => {
        for (const [subject, notBeforeMs] of registers) this.raised(subject, notBeforeMs);
      },
      (error: unknown) => {
        counters.replicaFailures += 1;
        log(`the revocations could not be read: ${error instanceof Error ? error.message : "unknown failure"}`);
      },
    );
  }

  /** Equal for equal registers; for different ones by chance only (53 bits). */
  sum(): Fingerprint {
    this.#prune();
    return this.#sum;
  }

  /** All of them, as frames: none where there is nothing to say, that there are none included. */
  frames({ asks = false, evenIfNone = false }): Uint8Array[] {
    this.#prune();
    const entries = [...this.#registers];
    const frames: Uint8Array[] = [];
    for (let from = 0; from < entries.length; from += REVOKE_COUNT_MAX) {
      const isLast = from + REVOKE_COUNT_MAX >= entries.length;
      const revocations = entries.slice(from, from + REVOKE_COUNT_MAX);
      frames.push(encodeRevoke({ asks: asks && isLast, isWhole: isLast, revocations }));
    }
    return frames.length > 0 || !(asks || evenIfNone) ? frames : [encodeRevoke({ asks, isWhole: true, revocations: [] })];
  }

  /** Resolves when they are stored, to those that were news. Rejects when they could not be. */
  async receive(revocations: readonly RevokeEntry[]): Promise<RevokeEntry[]> {
    const areNews = await Promise.all(revocations.map(([subject, notBeforeMs]) => this.#replica.receiveRevocation(subject, notBeforeMs)));
    for (const [subject, notBeforeMs] of revocations) this.raised(subject, notBeforeMs);
    return revocations.filter((_entry, index) => areNews[index]);
  }

  /** The replica knows of it. */
  raised(subject: SubjectKey, notBeforeMs: number): void {
    const before = this.#registers.get(subject);
    if (before !== undefined && before >= notBeforeMs) return;
    if (before !== undefined) this.#sum = xor(this.#sum, sumOf(subject, before));
    this.#registers.set(subject, notBeforeMs);
    this.#sum = xor(this.#sum, sumOf(subject, notBeforeMs));
  }

  #prune(): void {
    const nowMs = this.#runtime.nowMs();
    if (Math.abs(nowMs - this.#prunedAtMs) < PRUNE_INTERVAL_MS) return;
    this.#prunedAtMs = nowMs;
    for (const [subject, notBeforeMs] of this.#registers) {
      if (notBeforeMs >= nowMs - FORGOTTEN_AFTER_MS) continue;
      this.#registers.delete(subject);
      this.#sum = xor(this.#sum, sumOf(subject, notBeforeMs));
    }
  }
}

const LOW = 2 ** 32;
const HIGH_MASK = 2 ** 21 - 1;

/** 53 bits: two lanes of FNV-1a over the register as a text. */
function sumOf(subject: SubjectKey, notBeforeMs: number): Fingerprint {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (const character of `${subject} ${notBeforeMs}`) {
    low = Math.imul(low ^ character.charCodeAt(0), 0x01000193);
    high = Math.imul(high ^ character.charCodeAt(0), 0x01000197);
  }
  return (high & HIGH_MASK) * LOW + (low >>> 0);
}

function xor(left: Fingerprint, right: Fingerprint): Fingerprint {
  const high = Math.floor(left / LOW) ^ Math.floor(right / LOW);
  return high * LOW + (((left % LOW) ^ (right % LOW)) >>> 0);
}
