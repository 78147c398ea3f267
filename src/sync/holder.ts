import type { Envelope, Replica, Runtime, SessionKey } from "../engine/index.ts";
import type { Credentials } from "./credentials.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import { hexOf } from "./hex.ts";
import { Link } from "./link.ts";
import { encodeAskState } from "./messages/ask-state.ts";
import type { Claimed } from "./messages/claimed.ts";
import { encodeDrain } from "./messages/drain.ts";
import { encodeEnd } from "./messages/end.ts";
import type { Fetched } from "./messages/fetched.ts";
import type { Dialer } from "./messages/hello.ts";
import type { Frame } from "./messages/index.ts";
import { encodeState } from "./messages/state.ts";
import type { RelayStatus } from "./messages/status.ts";
import { encodeWatch } from "./messages/watch.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Dial } from "./transport.ts";

/** Ends that wait for one relay's ack. An end forgotten here still travels with its session's state for as long as that is held. */
const UNACKNOWLEDGED_ENDS_MAX = 100_000;
/** Sessions that a resync sends before it lets requests have a turn. */
const RESYNC_SLICE = 64;

export interface HolderOptions {
  readonly runtime: Runtime;
  readonly dial: Dial;
  readonly address: string;
  readonly credentials: Credentials;
  /** This process. */
  readonly dialer: Dialer;
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  readonly wants: (key: SessionKey) => boolean;
  readonly watchedKeys: () => Iterable<SessionKey>;
  /** A live session turned out to be held: what comes for it is wanted. */
  readonly onHeld: (key: SessionKey) => void;
  readonly onFetched: (holder: Holder, fetched: Fetched) => void;
  readonly onClaimed: (holder: Holder, claimed: Claimed) => void;
  readonly onUp: (holder: Holder) => void;
  /** `isDrained`: it said that it stops. */
  readonly onDown: (holder: Holder, isDrained: boolean) => void;
  readonly onSettled: () => void;
}

/** One relay as a node sees it: the link, what is exchanged over it, and what it has yet to acknowledge. */
export class Holder {
  readonly #options: HolderOptions;
  readonly #link: Link;
  readonly #unacknowledgedEnds = new Map<number, UnacknowledgedEnd>();
  #exchange: Exchange | undefined;
  #ackCount = 0;
  #relay: ConnectedRelay | undefined;
  #isDrained = false;

  constructor(options: HolderOptions) {
    this.#options = options;
    const { runtime, dial, address, credentials, dialer, counters, log, onSettled } = options;
    this.#link = new Link({
      runtime,
      dial,
      address,
      credentials,
      dialer,
      counters,
      log,
      onSettled,
      onUp: ({ relayId, status }) => {
        this.#relay = { id: hexOf(relayId), status };
        this.#isDrained = false;
        this.#up();
      },
      onFrame: (frame, bytes) => this.#receive(frame, bytes),
      onDown: () => this.#down(),
    });
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  get address(): string {
    return this.#options.address;
  }

  /** Who is connected; undefined while nobody is. */
  get relay(): ConnectedRelay | undefined {
    return this.isUp ? this.#relay : undefined;
  }

  get isFirstDial(): boolean {
    return this.#link.isFirstDial;
  }

  dial(): void {
    this.#link.dial();
  }

  /** In this tick, if the relay is connected; else not at all, for the reconnect exchanges everything. */
  send(frame: Uint8Array): void {
    this.#link.send(frame);
  }

  /** Sent now if connected, and after every reconnect until it is acknowledged. */
  sendEnd(envelope: Envelope, onAcknowledged: (durable: boolean) => void): void {
    this.#ackCount += 1;
    this.#unacknowledgedEnds.set(this.#ackCount, { envelope, onAcknowledged });
    const [oldest] = this.#unacknowledgedEnds.keys();
    if (this.#unacknowledgedEnds.size > UNACKNOWLEDGED_ENDS_MAX && oldest !== undefined) {
      this.#unacknowledgedEnds.delete(oldest);
      this.#options.counters.forgottenEnds += 1;
    }
    this.send(encodeEnd({ ackId: this.#ackCount, envelope }));
  }

  /** Resolves when the socket is gone. Nothing reaches the replica from the moment of the call. */
  close(): Promise<void> {
    this.#exchange?.close();
    this.send(encodeDrain());
    return this.#link.close();
  }

  #up(): void {
    const { runtime, replica, counters, log, wants, onUp } = this.#options;
    const exchange = new Exchange({
      runtime,
      replica,
      counters,
      log,
      wants,
      send: (frame) => this.send(frame),
      passOn: () => undefined,
      passOnTouches: () => undefined,
    });
    this.#exchange = exchange;
    for (const [ackId, { envelope }] of this.#unacknowledgedEnds) this.send(encodeEnd({ ackId, envelope }));
    onUp(this);
    void this.#resync(exchange);
  }

  #down(): void {
    this.#exchange?.close();
    this.#exchange = undefined;
    this.#relay = undefined;
    this.#options.onDown(this, this.#isDrained);
  }

  #receive(frame: Frame, bytes: Uint8Array): void {
    if (isExchangeFrame(frame)) void this.#exchange?.receive(frame, bytes);
    else if (frame.kind === "fetched") this.#options.onFetched(this, frame);
    else if (frame.kind === "claimed") this.#options.onClaimed(this, frame);
    else if (frame.kind === "status") {
      if (this.#relay !== undefined) this.#relay = { ...this.#relay, status: frame.status };
    } else if (frame.kind === "drain") this.#isDrained = true;
    else if (frame.kind === "ack") {
      const end = this.#unacknowledgedEnds.get(frame.ackId);
      this.#unacknowledgedEnds.delete(frame.ackId);
      end?.onAcknowledged(frame.durable);
    } else throw new ProtocolError("malformed", "a frame came that only nodes send");
  }

  /**
   * Everything that is held here, whole; what the relay holds more of comes back. In slices and never faster than the relay reads,
   * so that requests and changes go between, and the queue keeps room for them.
   */
  async #resync(exchange: Exchange): Promise<void> {
    const { runtime, replica, wants, watchedKeys, onHeld, log } = this.#options;
    try {
      // A copy: the replica's own order changes with every request.
      const held = new Set(replica.heldKeys());
      let sent = 0;
      for (const key of new Set([...held, ...watchedKeys()])) {
        const record = held.has(key) ? await replica.record(key) : undefined;
        if (this.#exchange !== exchange) return;
        if (record === undefined && !wants(key)) continue;
        if (record?.envelope.ended === undefined) {
          if (record !== undefined) onHeld(key);
          this.send(encodeWatch({ key }));
        }
        this.send(record === undefined ? encodeAskState({ key }) : encodeState({ round: 0, record }));
        sent += 1;
        if (sent % RESYNC_SLICE === 0) await nextTurn(runtime);
        await this.#link.drained();
        if (this.#exchange !== exchange) return;
      }
    } catch (error) {
      this.#options.counters.replicaFailures += 1;
      log(`a resync stopped, and goes on with the next reconnect: ${error instanceof Error ? error.message : "unknown failure"}`);
    }
  }
}

/** Lets whatever waits for the event loop go first. */
function nextTurn(runtime: Runtime): Promise<void> {
  return new Promise((resolve) => void runtime.setTimer(0, resolve));
}

/** The relay at the other end. */
export interface ConnectedRelay {
  /** Of its process start, in hex: two addresses may lead to one relay. */
  readonly id: string;
  /** What its "there is none" is worth. */
  readonly status: RelayStatus;
}

interface UnacknowledgedEnd {
  readonly envelope: Envelope;
  readonly onAcknowledged: (durable: boolean) => void;
}
