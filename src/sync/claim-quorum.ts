import { SessionError, type Runtime, type SessionKey } from "../engine/index.ts";
import { type ClaimStep, encodeClaim, OWNER_BYTES } from "./messages/claim.ts";
import type { Claimed } from "./messages/claimed.ts";

/** How often a claim is tried, in answer timeouts: then there is no majority to be had. */
const TIMEOUTS_MAX = 4;
const RETRY_MIN_MS = 10;
const RETRY_MAX_MS = 200;
/** Claims whose owner is remembered so that they can be given back. A forgotten lease runs out. */
const HELD_COUNT_MAX = 10_000;

/** A relay that may grant. */
export interface Granter {
  /** Undefined while it is not connected. Two addresses may lead to one relay, which has one vote. */
  readonly relay: { readonly id: string } | undefined;
  send(frame: Uint8Array): void;
}

export interface ClaimQuorumOptions<Holder extends Granter> {
  readonly runtime: Runtime;
  /** Configured relays: a majority of these must grant. */
  readonly relayCount: number;
  /** How long an answer is waited for, milliseconds. */
  readonly answerTimeoutMs: number;
  readonly holders: () => readonly Holder[];
}

/** What is claimed, as `Replication.claim` says it. */
export interface ClaimQuestion {
  readonly key: SessionKey;
  readonly name: string;
  readonly nowMs: number;
  readonly untilMs: number;
  readonly bornAtMs: number;
}

/** The votes of one round, each relay once. */
interface Tally {
  granted: number;
  /** Relays that confirmed it to somebody else. */
  taken: number;
}

interface Round<Holder> {
  readonly tally: Tally;
  readonly waitingFor: Map<Holder, string>;
  readonly settle: () => void;
  readonly isDecided: () => boolean;
}

/**
 * Claims by majority. First all relays are asked to hold it for this attempt; where a majority does, they are told to confirm; and where a
 * majority did, it is claimed. Of two that try at the same time at most one gets that far, whatever is lost or delayed: see `ClaimGrants`.
 */
export class ClaimQuorum<Holder extends Granter> {
  readonly #options: ClaimQuorumOptions<Holder>;
  readonly #majority: number;
  readonly #rounds = new Map<number, Round<Holder>>();
  readonly #held = new Map<string, Uint8Array>();
  readonly #pauses = new Set<() => void>();
  #requestCount = 0;
  #isClosed = false;

  constructor(options: ClaimQuorumOptions<Holder>) {
    this.#options = options;
    this.#majority = Math.floor(options.relayCount / 2) + 1;
  }

  /**
   * True: it is this caller's until `untilMs`. False: it is, or may be, somebody else's.
   * @throws SessionError CLAIM_UNAVAILABLE where no majority answered one way or the other in time.
   */
  async claim(question: ClaimQuestion): Promise<boolean> {
    const { runtime, answerTimeoutMs } = this.#options;
    const deadlineMs = runtime.monotonicMs() + TIMEOUTS_MAX * answerTimeoutMs;
    for (let tries = 0; !this.#isClosed && runtime.monotonicMs() < deadlineMs; tries += 1) {
      const outcome = await this.#attempt(question, deadlineMs);
      if (outcome !== undefined) return outcome;
      await this.#pause(tries);
    }
    throw new SessionError(
      "CLAIM_UNAVAILABLE",
      "No majority of the configured relays could be asked, or others want the same; try again, and look at the relays.",
    );
  }

  /** Gives back what `claim` gave until exactly `untilMs`. */
  async release(key: SessionKey, name: string, untilMs: number): Promise<void> {
    const owner = this.#held.get(placeOf(key, name, untilMs));
    this.#held.delete(placeOf(key, name, untilMs));
    if (owner !== undefined) this.#giveUp({ key, name, nowMs: 0, untilMs, bornAtMs: 0 }, owner);
  }

  receive(holder: Holder, { requestId, answer }: Claimed): void {
    const round = this.#rounds.get(requestId);
    const relay = round?.waitingFor.get(holder);
    if (round === undefined || relay === undefined) return;
    round.waitingFor.delete(holder);
    if (answer.kind === "granted") round.tally.granted += 1;
    if (answer.kind === "taken" && answer.isConfirmed) round.tally.taken += 1;
    if (round.waitingFor.size === 0 || round.isDecided()) round.settle();
  }

  /** Its connection is gone: it will not answer. */
  lost(holder: Holder): void {
    for (const round of this.#rounds.values()) if (round.waitingFor.delete(holder) && round.waitingFor.size === 0) round.settle();
  }

  /** Settles all: what was not granted yet is not. */
  close(): void {
    this.#isClosed = true;
    for (const { settle } of this.#rounds.values()) settle();
    for (const end of this.#pauses) end();
  }

  /** Undefined: there was no majority either way. An owner that was given up is never used again: a late frame would release it. */
  async #attempt(question: ClaimQuestion, deadlineMs: number): Promise<boolean | undefined> {
    const { runtime, relayCount } = this.#options;
    const owner = runtime.randomBytes(OWNER_BYTES);
    const asked = await this.#round("ask", question, owner);
    if (asked.granted >= this.#majority) {
      for (let tries = 0; ; tries += 1) {
        const { granted, taken } = await this.#round("confirm", question, owner);
        if (granted >= this.#majority) {
          this.#hold(question, owner);
          return true;
        }
        // Some may have confirmed whose answer was lost: the same owner asks again, for as long as that can help.
        if (this.#isClosed || taken > relayCount - this.#majority || runtime.monotonicMs() >= deadlineMs) {
          this.#giveUp(question, owner);
          return taken > 0 ? false : undefined;
        }
        await this.#pause(tries);
      }
    }
    this.#giveUp(question, owner);
    return asked.taken > 0 ? false : undefined;
  }

  #round(step: ClaimStep, question: ClaimQuestion, owner: Uint8Array): Promise<Tally> {
    const { runtime, relayCount, answerTimeoutMs } = this.#options;
    const tally: Tally = { granted: 0, taken: 0 };
    const voters = this.#voters();
    if (this.#isClosed || voters.size < this.#majority) return Promise.resolve(tally);
    this.#requestCount += 1;
    const requestId = this.#requestCount;
    return new Promise((resolve) => {
      const settle = (): void => {
        stopTimer();
        this.#rounds.delete(requestId);
        resolve(tally);
      };
      const stopTimer = runtime.setTimer(answerTimeoutMs, settle);
      const isDecided = (): boolean => tally.granted >= this.#majority || tally.taken > relayCount - this.#majority;
      this.#rounds.set(requestId, { tally, waitingFor: new Map(voters), settle, isDecided });
      const frame = encodeClaim({ requestId, step, owner, ...question });
      for (const holder of voters.keys()) holder.send(frame);
    });
  }

  #giveUp(question: ClaimQuestion, owner: Uint8Array): void {
    this.#requestCount += 1;
    const frame = encodeClaim({ requestId: this.#requestCount, step: "release", owner, ...question });
    for (const holder of this.#voters().keys()) holder.send(frame);
  }

  /** One connection to each relay that is there. */
  #voters(): Map<Holder, string> {
    const voters = new Map<Holder, string>();
    const ids = new Set<string>();
    for (const holder of this.#options.holders()) {
      const id = holder.relay?.id;
      if (id === undefined || ids.has(id)) continue;
      ids.add(id);
      voters.set(holder, id);
    }
    return voters;
  }

  #hold({ key, name, untilMs }: ClaimQuestion, owner: Uint8Array): void {
    this.#held.set(placeOf(key, name, untilMs), owner);
    const [oldest] = this.#held.keys();
    if (this.#held.size > HELD_COUNT_MAX && oldest !== undefined) this.#held.delete(oldest);
  }

  /** Exponential with full jitter, so that of two who want the same one comes first. */
  #pause(tries: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const { runtime } = this.#options;
    const [random = 0] = runtime.randomBytes(1);
    const ceilingMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (tries + 1));
    return new Promise((resolve) => {
      const end = (): void => {
        stopTimer();
        this.#pauses.delete(end);
        resolve();
      };
      const stopTimer = runtime.setTimer(1 + (random / 256) * ceilingMs, end);
      this.#pauses.add(end);
    });
  }
}

function placeOf(key: SessionKey, name: string, untilMs: number): string {
  return `${key} ${untilMs} ${name}`;
}
