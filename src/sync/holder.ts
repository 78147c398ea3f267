import type { Replica, Runtime, SessionKey } from "../engine/index.ts";
import { AckWindow } from "./ack-window.ts";
import type { Credentials } from "./credentials.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { DIGEST_INTERVAL_MS } from "./digest-exchange.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import type { Fingerprints, WatchedSessions } from "./fingerprints.ts";
import { hexOf } from "./hex.ts";
import { Link } from "./link.ts";
import type { Ack } from "./messages/ack.ts";
import type { Claimed } from "./messages/claimed.ts";
import { encodeDrain } from "./messages/drain.ts";
import type { Fetched } from "./messages/fetched.ts";
import type { Dialer } from "./messages/hello.ts";
import type { Frame } from "./messages/index.ts";
import type { Revoke } from "./messages/revoke.ts";
import type { RelayStatus } from "./messages/status.ts";
import { encodeUnwatch } from "./messages/unwatch.ts";
import { encodeWatch, WATCH_COUNT_MAX } from "./messages/watch.ts";
import type { KeyState } from "./messages/fingerprints.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { RevocationRegisters } from "./revocation-registers.ts";
import { nextTurn } from "./state-queue.ts";
import type { Dial } from "./transport.ts";

/** Ends that wait for one relay's ack. An end forgotten here still travels with its session's state for as long as that is held. */
const KEPT_COUNT_MAX = 100_000;

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
  readonly fingerprints: Fingerprints;
  readonly watched: WatchedSessions;
  readonly registers: RevocationRegisters;
  readonly wants: (key: SessionKey) => boolean;
  /** What this process answers a ping with. */
  readonly nowMs: () => number;
  readonly onPong?: ((holder: Holder, theirMs: number, rttMs: number) => void) | undefined;
  readonly onFetched: (holder: Holder, fetched: Fetched) => void;
  readonly onClaimed: (holder: Holder, claimed: Claimed) => void;
  /** Ids whose newest writes it does not have, although they were sent: they go out first. */
  readonly unacknowledged: () => Iterable<SessionKey>;
  /** A numbered frame that tells `id` left. */
  readonly onSent: (holder: Holder, id: string, number: number) => void;
  readonly onAcked: (holder: Holder, ack: Ack, ids: readonly string[]) => void;
  /** It was to be told, and is not held any more. */
  readonly onGone: (key: SessionKey) => void;
  /** It has everything that is not under way. */
  readonly onSynced: (holder: Holder) => void;
  readonly onUp: (holder: Holder) => void;
  /** `isDrained`: it said that it stops. */
  readonly onDown: (holder: Holder, isDrained: boolean) => void;
  readonly onSettled: () => void;
}

/** One relay as a node sees it: the link, what is exchanged over it, and what it has yet to acknowledge. */
export class Holder {
  readonly #options: HolderOptions;
  readonly #link: Link;
  readonly #window = new AckWindow();
  /** Frames that it did not acknowledge, whatever connection they were sent over: ends. */
  readonly #kept = new Map<string, Uint8Array>();
  #exchange: Exchange | undefined;
  /** All that is held was compared with what it holds, on this connection. */
  #isSynced = false;
  #isDurable = false;
  #relay: ConnectedRelay | undefined;
  #isDrained = false;

  constructor(options: HolderOptions) {
    this.#options = options;
    const { runtime, dial, address, credentials, dialer, counters, log, nowMs, onPong, onSettled } = options;
    this.#link = new Link({
      runtime,
      dial,
      address,
      credentials,
      dialer,
      counters,
      log,
      nowMs,
      onSettled,
      onPong: (theirMs, rttMs) => onPong?.(this, theirMs, rttMs),
      onUp: ({ relayId, status }) => {
        this.#relay = { id: hexOf(relayId), status };
        this.#isDrained = false;
        this.#up();
      },
      onFrame: (frame, bytes) => this.#receive(frame, bytes),
      onCaughtUp: () => this.#caughtUp(),
      onDown: () => this.#down(),
    });
  }

  get address(): string {
    return this.#options.address;
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** Who is connected; undefined while nobody is. */
  get relay(): ConnectedRelay | undefined {
    return this.isUp ? this.#relay : undefined;
  }

  get isFirstDial(): boolean {
    return this.#link.isFirstDial;
  }

  /** What it acknowledged last is stored there. */
  get isDurable(): boolean {
    return this.#isDurable;
  }

  dial(): void {
    this.#link.dial();
  }

  /** In this tick, if the relay is connected; else not at all. For frames that are not numbered. */
  send(frame: Uint8Array): void {
    this.#link.send(frame);
  }

  /** As `send`, for a numbered frame that tells `id`: a session, say. */
  tell(id: string, frame: Uint8Array): void {
    if (this.#exchange !== undefined) this.#exchange.tell(id, frame);
  }

  /** As `tell`, and again after every reconnect until it is acknowledged. `id` is a session's key, or contains a colon. */
  tellUntilAcked(id: string, frame: Uint8Array): void {
    this.#kept.delete(id);
    this.#kept.set(id, frame);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_COUNT_MAX && oldest !== undefined) {
      this.#kept.delete(oldest);
      this.#options.counters.forgottenEnds += 1;
    }
    this.tell(id, frame);
  }

  /** Number of the frame whose ack says that it has all that was written to `id` so far: infinite when that is yet to be sent, undefined when it has it. */
  awaited(id: string): number | undefined {
    if (!this.isUp) return Number.POSITIVE_INFINITY;
    return this.#window.newest(id) ?? (this.#isSynced ? undefined : Number.POSITIVE_INFINITY);
  }

  /** Something of `id` is on its way to it. */
  isOpen(id: string): boolean {
    return this.#window.newest(id) !== undefined;
  }

  /** Resolves when the socket is gone. Nothing reaches the replica from the moment of the call. */
  close(): Promise<void> {
    this.#exchange?.close();
    this.send(encodeDrain());
    return this.#link.close();
  }

  #up(): void {
    const { runtime, replica, counters, log, fingerprints, watched, registers, wants, onUp, onGone } = this.#options;
    const exchange = new Exchange({
      runtime,
      replica,
      counters,
      log,
      fingerprints,
      interest: watched,
      isInitiator: true,
      wants,
      send: (frame) => this.#link.send(frame),
      sendControl: (frame) => this.#link.sendControl(frame),
      drained: () => this.#link.drained(),
      passOn: () => undefined,
      passOnTouches: () => undefined,
      onTold: (id, isSent) => this.#told(id, isSent),
      onGone: (key) => {
        this.#window.forget(key);
        onGone(key);
      },
      onUnwanted: (key) => this.send(encodeUnwatch({ key })),
      onCompared: () => {
        this.#synced();
        this.#tellMissing();
      },
      revocations: () => registers.sum(),
      onRevocationsDiffer: () => this.#sendRegisters(true),
    });
    this.#exchange = exchange;
    for (const [id, frame] of this.#kept) this.tell(id, frame);
    for (const key of this.#options.unacknowledged()) {
      if (this.#kept.has(key)) continue;
      this.#window.missing(key);
      exchange.queueState(key);
    }
    for (const key of replica.heldKeys()) watched.add(key);
    onUp(this);
    void registers.read.then(() => {
      if (this.#exchange === exchange) this.#sendRegisters(false);
    });
    void this.#watchAll(exchange);
  }

  #down(): void {
    this.#exchange?.close();
    this.#exchange = undefined;
    this.#window.reset();
    this.#isSynced = false;
    this.#relay = undefined;
    this.#options.onDown(this, this.#isDrained);
  }

  #receive(frame: Frame, bytes: Uint8Array): void {
    if (isExchangeFrame(frame)) {
      if (frame.kind === "watch") throw new ProtocolError("malformed", "a frame came that only nodes send");
      void this.#exchange?.receive(frame, bytes);
    } else if (frame.kind === "ack") this.#acked(frame);
    else if (frame.kind === "fetched") this.#options.onFetched(this, frame);
    else if (frame.kind === "revoke") void this.#revoke(frame);
    else if (frame.kind === "claimed") this.#options.onClaimed(this, frame);
    else if (frame.kind === "status") {
      if (this.#relay !== undefined) this.#relay = { ...this.#relay, status: frame.status };
    } else if (frame.kind === "drain") this.#isDrained = true;
    else throw new ProtocolError("malformed", "a frame came that only nodes send");
  }

  async #revoke({ revocations, asks }: Revoke): Promise<void> {
    const { registers, counters, log } = this.#options;
    try {
      await registers.receive(revocations);
      if (asks) this.#sendRegisters(false);
    } catch (error) {
      counters.replicaFailures += 1;
      log(`a revocation could not be stored: ${error instanceof Error ? error.message : "unknown failure"}`);
    }
  }

  #sendRegisters(asks: boolean): void {
    for (const [index, frame] of this.#options.registers.frames({ asks }).entries()) this.tellUntilAcked(`revoke:all:${index}`, frame);
  }

  #told(id: string, isSent: boolean): void {
    if (isSent) this.#options.onSent(this, id, this.#window.sent(id));
    else this.#window.missing(id);
  }

  #acked(ack: Ack): void {
    const ids = this.#window.acked(ack.number, new Set(ack.missed));
    this.#isDurable = ack.durable;
    for (const id of ids) this.#kept.delete(id);
    this.#options.onAcked(this, ack, ids);
  }

  /** What was dropped here goes out whole, what the relay dropped is found by the digest. */
  #caughtUp(): void {
    this.#tellMissing();
    this.#exchange?.repair();
  }

  /** What the relay has and could not store is in no difference: it goes out again until it is acknowledged. */
  #tellMissing(): void {
    for (const id of this.#window.missingIds()) {
      const frame = this.#kept.get(id);
      if (frame === undefined) this.#exchange?.queueState(id);
      else this.tell(id, frame);
    }
  }

  #synced(): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#options.onSynced(this);
  }

  /**
   * Tells the relay which sessions are held here, and in which states. In slices and never faster than the relay reads, so that requests and
   * changes go between. What is watched meanwhile says so itself.
   */
  async #watchAll(exchange: Exchange): Promise<void> {
    const { runtime, fingerprints, watched } = this.#options;
    const keys = [...watched.keys()];
    if (keys.length === 0) {
      this.#synced();
      return exchange.compare(DIGEST_INTERVAL_MS);
    }
    for (let from = 0; from < keys.length; from += WATCH_COUNT_MAX) {
      const sessions: KeyState[] = [];
      for (const key of keys.slice(from, from + WATCH_COUNT_MAX)) {
        if (watched.has(key)) sessions.push({ key, fingerprint: fingerprints.of(key), isRecent: false });
      }
      this.send(encodeWatch({ sessions }));
      await nextTurn(runtime);
      await this.#link.drained();
      if (this.#exchange !== exchange) return;
    }
    exchange.compare();
  }
}

/** The relay at the other end. */
export interface ConnectedRelay {
  /** Of its process start, in hex: two addresses may lead to one relay. */
  readonly id: string;
  /** What its "there is none" is worth. */
  readonly status: RelayStatus;
}
