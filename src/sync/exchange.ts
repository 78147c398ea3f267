import type { Replica, Runtime, SessionKey, SessionRecord } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { encodeAck } from "./messages/ack.ts";
import { encodeAskState, type AskState } from "./messages/ask-state.ts";
import type { ChangeMessage } from "./messages/change.ts";
import { encodeEnd, NO_ACK, type EndMessage } from "./messages/end.ts";
import type { Frame } from "./messages/index.ts";
import { encodeState, STATE_ROUND_MAX, type State } from "./messages/state.ts";
import type { Touch, TouchEntry } from "./messages/touch.ts";
import { StateRequests } from "./state-requests.ts";

/** The frames that mean the same to a node and to a relay. */
export type ExchangeFrame = State | ChangeMessage | Touch | EndMessage | AskState;

export function isExchangeFrame(frame: Frame): frame is ExchangeFrame {
  return EXCHANGE_KINDS.has(frame.kind);
}

const EXCHANGE_KINDS = new Set<Frame["kind"]>(["state", "change", "touch", "end", "ask-state"]);

export interface ExchangeOptions {
  readonly runtime: Runtime;
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  /** To the peer that this exchange is with. */
  readonly send: (frame: Uint8Array) => void;
  /** Whether a live session concerns this process: a relay keeps all, a node those that it watches. */
  readonly wants: (key: SessionKey) => boolean;
  /** To everybody else who watches the session; a node has nobody else. */
  readonly passOn: (key: SessionKey, frame: Uint8Array) => void;
  readonly passOnTouches: (touches: readonly TouchEntry[]) => void;
}

/**
 * What two replicas say to each other over one connection: each frame goes to the replica in the tick in which it came, and what its
 * answer asks for goes out as soon as it is there (for a session in memory: in the same tick).
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #requests = new StateRequests();
  #isClosed = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** Nothing is handed to the replica or sent from here on. */
  close(): void {
    this.#isClosed = true;
  }

  /** `bytes` is the frame as it came. Resolves when everything that it led to is sent. Never rejects. */
  async receive(frame: ExchangeFrame, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#dispatch(frame, bytes);
    } catch (error) {
      // A store that does not answer, say. Nothing is lost: the peer has it too, and the next exchange brings it again.
      this.#options.counters.replicaFailures += 1;
      this.#options.log(`a ${frame.kind} could not be taken in: ${error instanceof Error ? error.message : "unknown failure"}`);
    }
  }

  #dispatch(frame: ExchangeFrame, bytes: Uint8Array): Promise<void> {
    switch (frame.kind) {
      case "state":
        return this.#receiveState(frame, bytes);
      case "change":
        return this.#receiveChange(frame, bytes);
      case "touch":
        return this.#receiveTouches(frame);
      case "end":
        return this.#receiveEnd(frame);
      case "ask-state":
        return this.#tellState(frame.key, 0, false);
    }
  }

  async #receiveState({ record, round }: State, bytes: Uint8Array): Promise<void> {
    const { key, ended } = record.envelope;
    if (ended === undefined && !this.#options.wants(key)) return;
    const receipt = await this.#options.replica.receiveState(key, record);
    if (receipt.kind === "refused") this.#options.counters.refusedStates += 1;
    else if (receipt.ahead) await this.#tellState(key, round + 1, receipt.kind === "merged");
    // It says all that there is here, too: the very bytes will do.
    else if (receipt.kind === "merged" && !this.#isClosed) this.#options.passOn(key, bytes);
    if (this.#requests.arrived(key, this.#options.runtime.monotonicMs())) this.#send(encodeAskState({ key }));
  }

  async #receiveChange({ key, change }: ChangeMessage, bytes: Uint8Array): Promise<void> {
    if (!this.#options.wants(key)) return;
    const receipt = await this.#options.replica.receiveChange(key, change);
    switch (receipt) {
      case "applied":
        if (!this.#isClosed) this.#options.passOn(key, bytes);
        return;
      case "joined":
        return this.#tellState(key, 0, true);
      case "state-needed":
      case "unknown":
        if (this.#requests.need(key, this.#options.runtime.monotonicMs())) this.#send(encodeAskState({ key }));
        return;
      case "ended":
        return this.#tellEnd(key);
      case "refused":
        this.#options.counters.refusedStates += 1;
        return;
      case "duplicate":
        return;
    }
  }

  async #receiveTouches({ touches }: Touch): Promise<void> {
    const wanted = touches.filter(([key]) => this.#options.wants(key));
    const received = wanted.map(([key, touchedAtMs]) => this.#options.replica.receiveTouch(key, touchedAtMs));
    // Each replica judges by its own clock, so a touch is passed on whatever this one makes of it.
    this.#options.passOnTouches(wanted);
    await Promise.all(received);
  }

  async #receiveEnd({ ackId, envelope }: EndMessage): Promise<void> {
    const { replica } = this.#options;
    // Read before it takes effect. What cannot be loaded can be ended all the same.
    const reading = this.#record(envelope.key).catch(() => undefined);
    const [before] = await Promise.all([reading, replica.receiveEnd(envelope.key, envelope)]);
    if (this.#isClosed) return;
    // First to the queues of everybody it concerns, then the ack: what was acked has left this process (DESIGN section 5). Only what is
    // news goes on: relays would tell each other of it for ever.
    if (before?.envelope.ended === undefined) this.#options.passOn(envelope.key, encodeEnd({ ackId: NO_ACK, envelope }));
    if (ackId !== NO_ACK) this.#send(encodeAck({ ackId, durable: false }));
  }

  async #tellState(key: SessionKey, round: number, isNews: boolean): Promise<void> {
    const record = await this.#record(key);
    if (record === undefined || this.#isClosed) return;
    if (round <= STATE_ROUND_MAX) this.#send(encodeState({ round, record }));
    if (isNews) this.#options.passOn(key, encodeState({ round: 0, record }));
  }

  async #tellEnd(key: SessionKey): Promise<void> {
    const record = await this.#record(key);
    if (record?.envelope.ended !== undefined) this.#send(encodeEnd({ ackId: NO_ACK, envelope: record.envelope }));
  }

  async #record(key: SessionKey): Promise<SessionRecord | undefined> {
    return this.#isClosed ? undefined : this.#options.replica.record(key);
  }

  #send(frame: Uint8Array): void {
    if (!this.#isClosed) this.#options.send(frame);
  }
}
