import type { ChangeReceipt, Replica, Runtime, SessionKey, SessionRecord, StateReceipt } from "../engine/index.ts";
import type { AckLedger } from "./ack-ledger.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import type { ExpectedStates } from "./expected-states.ts";
import { type Comparison, DigestExchange } from "./digest-exchange.ts";
import { IN_FLIGHT_MS, type Fingerprints, type Interest } from "./fingerprints.ts";
import { ASK_STATE_COUNT_MAX, encodeAskState, type AskState } from "./messages/ask-state.ts";
import type { ChangeMessage } from "./messages/change.ts";
import { encodeCompaction, type Compaction } from "./messages/compaction.ts";
import type { Digest } from "./messages/digest.ts";
import { encodeEnd, type EndMessage } from "./messages/end.ts";
import type { KeyState } from "./messages/fingerprints.ts";
import type { Frame } from "./messages/index.ts";
import { encodeState, STATE_ROUND_MAX, type State } from "./messages/state.ts";
import type { Touch, TouchEntry } from "./messages/touch.ts";
import { WATCH_COUNT_MAX, type Watch } from "./messages/watch.ts";
import { StateQueue } from "./state-queue.ts";
import { StateRequests } from "./state-requests.ts";

/** The frames that mean the same to a node and to a relay. */
export type ExchangeFrame = State | ChangeMessage | Touch | EndMessage | AskState | Watch | Digest | Compaction;

export function isExchangeFrame(frame: Frame): frame is ExchangeFrame {
  return EXCHANGE_KINDS.has(frame.kind);
}

const EXCHANGE_KINDS = new Set<Frame["kind"]>(["state", "change", "touch", "end", "ask-state", "watch", "digest", "compaction"]);

/** So many states are sent at once; more go through the queue. */
const ANSWERED_AT_ONCE_MAX = 8;

export interface ExchangeOptions {
  readonly runtime: Runtime;
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  readonly fingerprints: Fingerprints;
  /** What digests are about: the sessions that both sides hold or want. */
  readonly interest: Interest;
  /** This side dialed: it begins the digests. */
  readonly isInitiator: boolean;
  /** To the peer that this exchange is with; false when the frame was dropped. */
  readonly send: (frame: Uint8Array) => boolean;
  /** As `send`, for what is small and must not be dropped with the rest. */
  readonly sendControl: (frame: Uint8Array) => void;
  /** Resolves when the peer has read enough for bulk work. */
  readonly drained: () => Promise<void>;
  /** A numbered frame about this session left, or was dropped. Only where acks of the peer are waited for. */
  readonly onTold?: ((key: SessionKey, isSent: boolean) => void) | undefined;
  /** It was to be sent, and is not held any more. */
  readonly onGone?: ((key: SessionKey) => void) | undefined;
  /** What is asked of the peer in bulk; on relays. */
  readonly expected?: ExpectedStates | undefined;
  /** Numbered frames of the peer, where it waits for acks. */
  readonly ledger?: AckLedger | undefined;
  /** Whether a live session concerns this process: a relay keeps all, a node those that it watches. */
  readonly wants: (key: SessionKey) => boolean;
  /** The peer thinks that this side wants to hear of a session. */
  readonly onUnwanted?: ((key: SessionKey) => void) | undefined;
  /** To everybody else who watches the session; a node has nobody else. */
  readonly passOn: (key: SessionKey, frame: Uint8Array) => void;
  readonly passOnTouches: (touches: readonly TouchEntry[]) => void;
  /** Sums up the registers of `revokeAll`; undefined: none. */
  readonly revocations?: (() => number) | undefined;
  readonly onRevocationsDiffer?: (() => void) | undefined;
  /** A comparison that this side began is over: the peer has taken note of all that was sent before. */
  readonly onCompared?: ((isEqual: boolean, hasInFlight: boolean) => void) | undefined;
}

/**
 * What two replicas say to each other over one connection: each frame goes to the replica in the tick in which it came, and what its
 * answer asks for goes out as soon as it is there (for a session in memory: in the same tick).
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #requests = new StateRequests();
  readonly #states: StateQueue;
  readonly #digests: DigestExchange;
  #isClosed = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { runtime, replica, fingerprints, interest, isInitiator, sendControl, drained, onGone, revocations, onRevocationsDiffer } =
      options;
    this.#states = new StateQueue({
      runtime,
      replica,
      drained,
      send: (key, record) => this.#sendState(key, record, 0),
      onGone: (key) => onGone?.(key),
      onFailure: (error) => this.#failed("a state could not be sent", error),
    });
    this.#digests = new DigestExchange({
      runtime,
      fingerprints,
      interest,
      isInitiator,
      drained,
      revocations,
      onRevocationsDiffer,
      send: sendControl,
      compare: (sessions, isRepair, bucket) => this.#compareBucket(sessions, isRepair, bucket),
      isBusy: () => this.#states.isBusy,
      onCompared: options.onCompared,
    });
  }

  /** From here on the two sides compare what they hold; the first time after this delay. */
  compare(delayMs = 0): void {
    this.#digests.start(delayMs);
  }

  /** Frames to the peer were dropped and its queue has room again, or nothing of what it holds is known to be here: compares, and leaves nothing out. */
  repair(): void {
    this.#digests.repair();
  }

  /** Nothing is handed to the replica or sent from here on. */
  close(): void {
    this.#isClosed = true;
    this.#states.close();
    this.#digests.close();
    this.#options.ledger?.close();
    this.#options.expected?.lost(this);
  }

  askNow(key: SessionKey): void {
    this.#ask([key]);
  }

  /** A numbered frame that tells this session. */
  tell(key: SessionKey, frame: Uint8Array): void {
    if (this.#isClosed) return;
    const isSent = this.#options.send(frame);
    this.#options.onTold?.(key, isSent);
  }

  /** Sends the session whole as soon as there is room for bulk work. */
  queueState(key: SessionKey): void {
    this.#states.add(key);
  }

  /** `bytes` is the frame as it came. What it gives resolves when all that it led to is done; undefined when it is. Never rejects. */
  receive(frame: ExchangeFrame, bytes: Uint8Array): Promise<void> | undefined {
    if (this.#isClosed) return undefined;
    switch (frame.kind) {
      case "state":
        return this.#receiveState(frame, bytes);
      case "change":
        return this.#receiveChange(frame, bytes);
      case "end":
        return this.#receiveEnd(frame, bytes);
      case "touch":
        return this.#receiveTouches(frame);
      case "ask-state":
        return this.#tellStates(frame.keys);
      case "watch":
        this.#receiveWatch(frame);
        return undefined;
      case "compaction":
        return this.#receiveCompaction(frame);
      case "digest":
        // A node compares when it has said what it holds.
        this.#options.expected?.told(this);
        this.#digests.receive(frame);
        return undefined;
    }
  }

  /**
   * Takes in a numbered frame: `take` says whether it worked, and the ack waits for `stored`. Also for kinds that others handle (`revoke`):
   * whoever receives such a frame must call it, in the order in which they came, for both sides count them.
   */
  numbered(kind: Frame["kind"], key: SessionKey, isUrgent: boolean, take: () => Promise<boolean>): Promise<void> {
    const { ledger } = this.#options;
    const number = ledger?.begin(isUrgent) ?? 0;
    return take().then(
      (isTaken) => {
        if (ledger === undefined) return undefined;
        if (!isTaken) return ledger.missed(number, key);
        const storing = this.#options.replica.stored(key);
        if (storing === undefined) return ledger.done(number, key);
        return storing.then(
          () => ledger.done(number, key),
          (error: unknown) => {
            this.#failed(`a ${kind} could not be stored`, error);
            ledger.missed(number, key);
          },
        );
      },
      (error: unknown) => {
        // A store that does not answer, say. Nothing is lost: the peer has it too, and the next exchange brings it again.
        this.#failed(`a ${kind} could not be taken in`, error);
        ledger?.missed(number, key);
      },
    );
  }

  #receiveState({ record, round }: State, bytes: Uint8Array): Promise<void> | undefined {
    const { key, ended } = record.envelope;
    const { replica, wants, interest, expected } = this.#options;
    if (ended === undefined && !wants(key)) return this.#leave(key);
    // Whoever sends a living session holds it.
    if (ended === undefined) interest.add(key);
    return this.numbered("state", key, false, () =>
      replica.receiveState(key, record, expected?.isIdle(key)).then((receipt) => this.#stateReceived(key, round, receipt, bytes)),
    );
  }

  async #stateReceived(key: SessionKey, round: number, receipt: StateReceipt, bytes: Uint8Array): Promise<boolean> {
    const { counters, passOn, runtime } = this.#options;
    this.#options.expected?.arrived(key);
    if (receipt.kind === "refused") counters.refusedStates += 1;
    else if (receipt.ahead) await this.#tellState(key, round + 1, receipt.kind === "merged");
    // It says all that there is here, too: the very bytes will do.
    else if (receipt.kind === "merged" && !this.#isClosed) passOn(key, bytes);
    if (this.#requests.arrived(key, runtime.monotonicMs())) this.#ask([key]);
    return receipt.kind !== "refused";
  }

  #receiveChange({ key, change }: ChangeMessage, bytes: Uint8Array): Promise<void> | undefined {
    const { replica, wants } = this.#options;
    if (!wants(key)) return this.#leave(key);
    return this.numbered("change", key, false, () =>
      replica.receiveChange(key, change).then((receipt) => this.#changeReceived(key, receipt, bytes)),
    );
  }

  #changeReceived(key: SessionKey, receipt: ChangeReceipt, bytes: Uint8Array): boolean | Promise<boolean> {
    switch (receipt) {
      case "applied":
        if (!this.#isClosed) this.#options.passOn(key, bytes);
        return true;
      case "joined":
        return this.#tellState(key, 0, true).then(() => true);
      case "state-needed":
      case "unknown":
        if (this.#requests.need(key, this.#options.runtime.monotonicMs())) this.#ask([key]);
        return false;
      case "ended":
        return this.#tellEnd(key).then(() => true);
      case "refused":
        this.#options.counters.refusedStates += 1;
        return false;
      case "duplicate":
        return true;
    }
  }

  #receiveEnd({ envelope }: EndMessage, bytes: Uint8Array): Promise<void> {
    const { key } = envelope;
    const { replica, fingerprints, passOn } = this.#options;
    return this.numbered("end", key, true, () => {
      const before = fingerprints.of(key);
      return replica.receiveEnd(key, envelope).then(() => {
        // What was known is told to nobody: among relays it would go round for ever.
        if (!this.#isClosed && fingerprints.of(key) !== before) passOn(key, bytes);
        return true;
      });
    });
  }

  /** A numbered frame that does not concern this side. */
  #leave(key: SessionKey): undefined {
    const { ledger, onUnwanted } = this.#options;
    ledger?.done(ledger.begin());
    onUnwanted?.(key);
  }

  #receiveCompaction({ key, epoch }: Compaction): Promise<void> | undefined {
    const { replica, wants, passOn } = this.#options;
    if (!wants(key)) return undefined;
    return replica.receiveCompaction(key, epoch).then((isNews) => {
      if (isNews && !this.#isClosed) passOn(key, encodeCompaction({ key, epoch }));
    });
  }

  #receiveTouches({ touches }: Touch): Promise<void> {
    const { replica, wants, passOnTouches } = this.#options;
    const wanted = touches.filter(([key]) => wants(key));
    const received = wanted.map(([key, touchedAtMs]) => replica.receiveTouch(key, touchedAtMs));
    // Each replica judges by its own clock, so a touch is passed on whatever this one makes of it.
    passOnTouches(wanted);
    return Promise.all(received).then(
      () => undefined,
      (error: unknown) => this.#failed("a touch could not be taken in", error),
    );
  }

  #receiveWatch({ sessions }: Watch): void {
    // More than go into one frame: it goes on, until the node compares.
    if (sessions.length === WATCH_COUNT_MAX) this.#options.expected?.telling(this);
    for (const { key } of sessions) this.#options.interest.add(key);
    this.#compare(sessions, true);
  }

  #compareBucket(sessions: readonly KeyState[], isRepair: boolean, bucket: number): Comparison {
    const { interest } = this.#options;
    const listed = new Set(sessions.map(({ key }) => key));
    const lacking: KeyState[] = [];
    for (const key of interest.heldIn(bucket)) if (!listed.has(key)) lacking.push({ key, fingerprint: 0, isRecent: false });
    return this.#compare([...sessions, ...lacking], isRepair);
  }

  /** Of what differs: sends the state where one is held here, else asks for it. Whoever gets a state and holds more sends that back. */
  #compare(sessions: readonly KeyState[], isRepair: boolean): Comparison {
    const { fingerprints, wants, interest, onUnwanted } = this.#options;
    let repairs = 0;
    let inFlightMs: number | undefined;
    let asked: SessionKey[] = [];
    for (const { key, fingerprint, isRecent } of sessions) {
      const ours = fingerprints.of(key);
      if (ours === fingerprint && interest.has(key)) continue;
      if (!wants(key)) {
        onUnwanted?.(key);
        continue;
      }
      interest.add(key);
      if (ours === fingerprint) continue;
      const oursInFlightMs = fingerprints.inFlightMs(key);
      if (isRecent || oursInFlightMs > 0) {
        inFlightMs = Math.max(inFlightMs ?? 0, oursInFlightMs || IN_FLIGHT_MS / 2);
        if (!isRepair) continue;
      } else repairs += 1;
      if (ours !== 0) this.#states.add(key);
      else {
        asked.push(key);
        this.#options.expected?.add(key, this);
        if (asked.length < ASK_STATE_COUNT_MAX) continue;
        this.#ask(asked);
        asked = [];
      }
    }
    if (asked.length > 0) this.#ask(asked);
    return { repairs, inFlightMs };
  }

  #tellStates(keys: readonly SessionKey[]): Promise<void> | undefined {
    if (keys.length > ANSWERED_AT_ONCE_MAX) {
      for (const key of keys) this.#states.add(key);
      return undefined;
    }
    return Promise.all(keys.map((key) => this.#tellState(key, 0, false))).then(
      () => undefined,
      (error: unknown) => this.#failed("a state could not be sent", error),
    );
  }

  async #tellState(key: SessionKey, round: number, isNews: boolean): Promise<void> {
    const record = await this.#record(key);
    if (this.#isClosed) return;
    if (record === undefined) return this.#options.onGone?.(key);
    if (round <= STATE_ROUND_MAX) this.#sendState(key, record, round);
    if (isNews) this.#options.passOn(key, encodeState({ round: 0, record }));
  }

  async #tellEnd(key: SessionKey): Promise<void> {
    const record = await this.#record(key);
    if (record?.envelope.ended !== undefined) this.tell(key, encodeEnd({ envelope: record.envelope }));
  }

  async #record(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#isClosed ? undefined : this.#options.replica.record(key);
  }

  #sendState(key: SessionKey, record: SessionRecord, round: number): void {
    this.tell(key, encodeState({ round, record }));
  }

  #ask(keys: readonly SessionKey[]): void {
    if (!this.#isClosed) this.#options.send(encodeAskState({ keys }));
  }

  #failed(what: string, error: unknown): void {
    this.#options.counters.replicaFailures += 1;
    this.#options.log(`${what}: ${error instanceof Error ? error.message : "unknown failure"}`);
  }
}
