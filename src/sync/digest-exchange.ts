import type { Runtime } from "../engine/index.ts";
import type { Fingerprints, Interest } from "./fingerprints.ts";
import { DIGEST_GROUP_BUCKETS, DIGEST_LIST_MAX, encodeDigest, type Digest, type DigestGroup, type DigestLevel } from "./messages/digest.ts";
import type { KeyState } from "./messages/fingerprints.ts";
import { nextTurn } from "./state-queue.ts";

/** How often a link compares what its two sides hold. */
export const DIGEST_INTERVAL_MS = 1_000;
/** The same while comparing leads to nothing: a busy link is never equal for long. */
const DIGEST_INTERVAL_MAX_MS = 10_000;
/** Buckets that one comparison looks into: on a busy link nearly all differ for a moment. */
const LIST_COUNT_MAX = 8;
const GROUP_COUNT_MAX = LIST_COUNT_MAX;
/** A comparison that brings nothing for so long was lost on the way: another begins. */
const SILENCE_MS = 2_000;

/** What comparing a list with what is held here led to. */
export interface Comparison {
  /** States that were sent or asked for, of sessions that had time enough to get there by themselves. */
  readonly repairs: number;
  /** For how long the youngest of the other differences may still be on its way; undefined when there was none. */
  readonly inFlightMs: number | undefined;
}

export interface DigestExchangeOptions {
  readonly runtime: Runtime;
  readonly fingerprints: Fingerprints;
  readonly interest: Interest;
  /** Compares again and again; the other side only answers. The side that dialed. */
  readonly isInitiator: boolean;
  readonly send: (frame: Uint8Array) => void;
  readonly drained: () => Promise<void>;
  /** Sends what the other side lacks, and asks for what this one lacks. `bucket`: what is held of it and not listed is lacking there. */
  readonly compare: (sessions: readonly KeyState[], isRepair: boolean, bucket: number) => Comparison;
  /** Sums up the registers of `revokeAll`; undefined: 0. */
  readonly revocations?: (() => number) | undefined;
  readonly onRevocationsDiffer?: (() => void) | undefined;
  /** Sessions are on their way as a whole: what differs will be equal without being looked for. */
  readonly isBusy: () => boolean;
  /** A comparison that this side began is over. `isEqual`: nothing differed, but for what may still be on its way (`hasInFlight`). */
  readonly onCompared?: ((isEqual: boolean, hasInFlight: boolean) => void) | undefined;
}

/**
 * Finds out what the two sides of a link hold differently, by sums over buckets: what was lost on the way, however that came, is there
 * soon after. While both are equal it costs a root of 17 bytes and its answer a second.
 */
export class DigestExchange {
  readonly #options: DigestExchangeOptions;
  #stopTimer: () => void = () => undefined;
  /** Leave nothing out, again and again, until nothing differs that had time to get there. */
  #needsRepair = false;
  /** What the comparison under way found so far. */
  #repairs = 0;
  #inFlightMs: number | undefined;
  #isPartial = false;
  /** When the comparison under way brought something last; undefined when there is none. */
  #heardAtMs: number | undefined;
  /** Comparisons in a row that found a difference. */
  #differCount = 0;
  #isClosed = false;

  constructor(options: DigestExchangeOptions) {
    this.#options = options;
  }

  /** Compares after this delay, and from then on again and again. */
  start(delayMs: number): void {
    if (this.#options.isInitiator) this.#arm(delayMs);
  }

  /** Compares now, and leaves nothing out: frames were dropped on the way to the other side. */
  repair(): void {
    this.#needsRepair = true;
    this.#differCount = 0;
    this.#tick();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer();
  }

  receive(digest: Digest): void {
    const { isRepair } = digest;
    switch (digest.level) {
      case "root":
        return this.#receiveRoot(digest.sessions, digest.revocations, isRepair);
      case "groups":
        return this.#receiveGroups(digest.groups, isRepair);
      case "buckets":
        return void this.#receiveBuckets(digest.groups, isRepair);
      case "list": {
        this.#heardAtMs = this.#options.runtime.monotonicMs();
        const { repairs, inFlightMs } = this.#options.compare(digest.sessions, isRepair, digest.bucket);
        this.#repairs += repairs;
        if (inFlightMs !== undefined) this.#inFlightMs = Math.max(this.#inFlightMs ?? 0, inFlightMs);
        return;
      }
      case "done":
        return this.#compared(isRepair, digest.isPartial || this.#isPartial);
    }
  }

  #receiveRoot(sessions: number, revocations: number, isRepair: boolean): void {
    const { interest, isBusy, onRevocationsDiffer } = this.#options;
    const { tree } = interest;
    if (revocations !== (this.#options.revocations?.() ?? 0)) onRevocationsDiffer?.();
    if (tree.root() === sessions) this.#send({ level: "done", isPartial: false }, isRepair);
    else if (isBusy()) this.#send({ level: "done", isPartial: true }, isRepair);
    else this.#send({ level: "groups", groups: tree.groups() }, isRepair);
  }

  #receiveGroups(theirs: readonly number[], isRepair: boolean): void {
    const { tree } = this.#options.interest;
    const differing = theirs.flatMap((sum, group) => (tree.group(group) === sum ? [] : [group]));
    const groups = (isRepair ? differing : this.#some(differing, GROUP_COUNT_MAX)).map((group) => ({
      group,
      buckets: tree.bucketsOf(group),
    }));
    this.#isPartial = groups.length < differing.length;
    this.#send({ level: "buckets", groups }, isRepair);
  }

  async #receiveBuckets(theirs: readonly DigestGroup[], isRepair: boolean): Promise<void> {
    const { runtime, interest, drained } = this.#options;
    const differing = theirs.flatMap(({ group, buckets }) =>
      buckets.flatMap((sum, index) => {
        const bucket = group * DIGEST_GROUP_BUCKETS + index;
        return interest.tree.bucket(bucket) === sum ? [] : [bucket];
      }),
    );
    const buckets = isRepair ? differing : this.#some(differing, LIST_COUNT_MAX);
    for (const [index, bucket] of buckets.entries()) {
      if (index > 0) await nextTurn(runtime);
      await drained();
      if (this.#isClosed) return;
      this.#send({ level: "list", bucket, sessions: this.#list(bucket) }, isRepair);
    }
    this.#send({ level: "done", isPartial: buckets.length < differing.length }, isRepair);
  }

  #list(bucket: number): KeyState[] {
    const { fingerprints, interest } = this.#options;
    const sessions: KeyState[] = [];
    for (const key of interest.heldIn(bucket)) {
      sessions.push({ key, fingerprint: fingerprints.of(key), isRecent: fingerprints.inFlightMs(key) > 0 });
      if (sessions.length === DIGEST_LIST_MAX) break;
    }
    return sessions;
  }

  /** Not always the first ones, so that each has its turn; in the order in which they come, as a frame names its groups in order. */
  #some(items: readonly number[], countMax: number): readonly number[] {
    if (items.length <= countMax) return items;
    const [random = 0] = this.#options.runtime.randomBytes(1);
    const from = Math.floor((random / 256) * items.length);
    return [...items.slice(from), ...items.slice(0, from)].slice(0, countMax).sort((left, right) => left - right);
  }

  #tick(): void {
    const { runtime, isInitiator, isBusy } = this.#options;
    if (!isInitiator && !this.#needsRepair) return;
    const nowMs = runtime.monotonicMs();
    const isComparing = this.#heardAtMs !== undefined && nowMs < this.#heardAtMs + SILENCE_MS;
    if (!isComparing && !isBusy()) {
      this.#heardAtMs = nowMs;
      this.#repairs = 0;
      this.#inFlightMs = undefined;
      this.#isPartial = false;
      this.#sendRoot(this.#needsRepair);
    }
    // Moved when the answer says more.
    this.#arm(this.#backOff());
  }

  #compared(isRepair: boolean, isPartial: boolean): void {
    this.#heardAtMs = undefined;
    const isEqual = this.#repairs === 0 && !isPartial;
    if (isRepair && isEqual) this.#needsRepair = false;
    const inFlightMs = this.#inFlightMs;
    this.#differCount = isEqual && inFlightMs === undefined ? 0 : this.#differCount + 1;
    // The first time it pays to look again as soon as what was left alone had time enough.
    const isWorthWaiting = isEqual && inFlightMs !== undefined && this.#differCount <= 2;
    this.#arm(isWorthWaiting ? inFlightMs : this.#backOff());
    this.#options.onCompared?.(isEqual, inFlightMs !== undefined);
  }

  /** 1 s, then 2, 4, 8 and 10 s while comparing finds differences that stay. */
  #backOff(): number {
    return Math.min(DIGEST_INTERVAL_MAX_MS, DIGEST_INTERVAL_MS * 2 ** Math.max(0, Math.min(this.#differCount, 8) - 1));
  }

  #arm(delayMs: number): void {
    this.#stopTimer();
    if (!this.#isClosed) this.#stopTimer = this.#options.runtime.setTimer(Math.ceil(delayMs), () => this.#tick());
  }

  #sendRoot(isRepair: boolean): void {
    const sessions = this.#options.interest.tree.root();
    this.#send({ level: "root", sessions, revocations: this.#options.revocations?.() ?? 0 }, isRepair);
  }

  #send(level: DigestLevel, isRepair: boolean): void {
    if (!this.#isClosed) this.#options.send(encodeDigest({ ...level, isRepair }));
  }
}
