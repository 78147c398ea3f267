import type { Runtime, SessionKey } from "../engine/index.ts";
import { ACK_MISSED_MAX, encodeAck } from "./messages/ack.ts";

/** How long an ack that nobody waits for is held back for company. */
const ACK_DELAY_MS = 50;
/** So many frames are acknowledged at once, however short the wait was. */
const ACK_FRAMES_MAX = 64;

export interface AckLedgerOptions {
  readonly runtime: Runtime;
  /** Acks leave at the end of the tick: the peer's responses wait for them. */
  readonly isPrompt: boolean;
  /** Whether what was taken in lasts. */
  readonly isDurable: () => boolean;
  readonly send: (frame: Uint8Array) => void;
}

/**
 * The numbered frames of one connection on their way in. They are begun in the order in which they came and done in any order; an ack
 * says up to where all are done.
 */
export class AckLedger {
  readonly #options: AckLedgerOptions;
  #begunCount = 0;
  #doneCount = 0;
  #ackedCount = 0;
  /** Done before one that came earlier. */
  readonly #doneEarly = new Set<number>();
  readonly #missed = new Map<number, SessionKey>();
  #urgentUpTo = 0;
  #isFlushing = false;
  #isClosed = false;
  #stopTimer: (() => void) | undefined;

  constructor(options: AckLedgerOptions) {
    this.#options = options;
  }

  /** A frame came. `isUrgent`: somebody waits for its ack, whatever the peer said about others. */
  begin(isUrgent = false): number {
    this.#begunCount += 1;
    if (isUrgent || this.#options.isPrompt) this.#urgentUpTo = this.#begunCount;
    return this.#begunCount;
  }

  /**
   * It is taken in, handed on and stored. What of `taken`, its session, was missed before is here with it: a state has it, and a change is
   * taken in only on top of it.
   */
  done(number: number, taken?: SessionKey): void {
    for (const [missed, key] of this.#missed) if (key === taken && missed < number) this.#missed.delete(missed);
    this.#settled(number);
  }

  /** It was not taken in: refused, or built on something that is missing here. */
  missed(number: number, key: SessionKey): void {
    this.#missed.set(number, key);
    this.#settled(number);
  }

  #settled(number: number): void {
    if (this.#isClosed) return;
    if (number !== this.#doneCount + 1) {
      this.#doneEarly.add(number);
      return;
    }
    this.#doneCount = number;
    while (this.#doneEarly.delete(this.#doneCount + 1)) this.#doneCount += 1;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
    this.#doneEarly.clear();
    this.#missed.clear();
  }

  #schedule(): void {
    if (this.#isFlushing) return;
    if (this.#urgentUpTo > this.#ackedCount) {
      // After whatever else came in this burst.
      this.#isFlushing = true;
      void Promise.resolve().then(() => this.#flush());
    } else if (this.#doneCount - this.#ackedCount >= ACK_FRAMES_MAX) this.#flush();
    else this.#stopTimer ??= this.#options.runtime.setTimer(ACK_DELAY_MS, () => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const { isDurable, send } = this.#options;
    while (!this.#isClosed && this.#ackedCount < this.#doneCount) {
      const { number, missed } = this.#next();
      this.#ackedCount = number;
      send(encodeAck({ number, durable: isDurable(), missed }));
    }
  }

  /** Up to where one frame can tell all that was missed. */
  #next(): { readonly number: number; readonly missed: readonly SessionKey[] } {
    if (this.#missed.size === 0) return { number: this.#doneCount, missed: [] };
    const missed = new Set<SessionKey>();
    for (let number = this.#ackedCount + 1; number <= this.#doneCount; number += 1) {
      const key = this.#missed.get(number);
      if (key === undefined) continue;
      if (missed.size >= ACK_MISSED_MAX) return { number: number - 1, missed: [...missed] };
      missed.add(key);
      this.#missed.delete(number);
    }
    return { number: this.#doneCount, missed: [...missed] };
  }
}
