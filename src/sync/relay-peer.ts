import type { Runtime, SessionKey } from "../engine/index.ts";
import { AckLedger } from "./ack-ledger.ts";
import type { Credentials } from "./credentials.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import { WatchedSessions } from "./fingerprints.ts";
import { FrameSocket } from "./frame-socket.ts";
import { RelayGreeting } from "./greeting.ts";
import { DEAD_AFTER_MS } from "./link-state.ts";
import { NONCE_BYTES } from "./messages/challenge.ts";
import type { CloseReason } from "./messages/close-codes.ts";
import type { Fetch } from "./messages/fetch.ts";
import { encodeFetched } from "./messages/fetched.ts";
import type { Frame } from "./messages/index.ts";
import { encodePong } from "./messages/pong.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { RelayHub } from "./relay-hub.ts";
import type { Accept } from "./transport.ts";

/** Frames whose effect the replica has not finished. Beyond, the relay reads no more from this node until some are done. */
const PENDING_COUNT_MAX = 256;
/** A replica that finishes nothing for so long will not finish any more: its node has dialed again long since. */
const STUCK_AFTER_MS = 60_000;
/** Sessions that one node may watch: as many as an engine holds by default. */
const WATCHED_COUNT_MAX = 1_000_000;

export interface RelayPeerOptions {
  readonly runtime: Runtime;
  readonly hub: RelayHub;
  readonly credentials: Credentials;
  readonly relayId: Uint8Array;
  /** The node showed that it knows the secret. */
  readonly onGreeted: () => void;
  readonly onClosed: (peer: RelayPeer) => void;
}

/** One node as the relay sees it, from its connection to its end. */
export class RelayPeer {
  /** The sessions that the node holds. */
  readonly watched: WatchedSessions;
  readonly #options: RelayPeerOptions;
  readonly #socket: FrameSocket;
  readonly #greeting: RelayGreeting;
  readonly #exchange: Exchange;
  #isGreeted = false;
  #isPaused = false;
  #pendingCount = 0;
  #heardAtMs: number;

  /** Sends the challenge. */
  constructor(connect: Accept, options: RelayPeerOptions) {
    this.#options = options;
    const { runtime, hub, credentials, relayId } = options;
    this.#heardAtMs = runtime.monotonicMs();
    this.#socket = new FrameSocket(connect, {
      counters: hub.counters,
      log: hub.log,
      onFrame: (frame, bytes) => this.#receive(frame, bytes),
      onCaughtUp: () => this.#exchange.repair(),
      onClosed: () => this.#closed(),
    });
    this.watched = new WatchedSessions(hub.fingerprints, (key) => {
      if (this.watched.size >= WATCHED_COUNT_MAX) throw new ProtocolError("overloaded", "a node watches more sessions than one may");
      hub.watch(key, this);
    });
    const sendControl = (frame: Uint8Array): void => this.#socket.sendControl(frame);
    this.#exchange = new Exchange({
      runtime,
      replica: hub.replica,
      counters: hub.counters,
      log: hub.log,
      fingerprints: hub.fingerprints,
      interest: this.watched,
      isInitiator: false,
      send: (frame) => this.send(frame),
      sendControl,
      drained: () => this.#socket.drained(),
      ledger: new AckLedger({ runtime, isPrompt: true, isDurable: () => hub.replica.durable, send: sendControl }),
      wants: () => true,
      passOn: (key, frame) => hub.passOn(key, frame, this),
      passOnTouches: (touches) => hub.passOnTouches(touches, this),
    });
    this.#greeting = new RelayGreeting(credentials, relayId, runtime.randomBytes(NONCE_BYTES));
    this.#socket.send(this.#greeting.challenge);
  }

  /** False: it was dropped; what it told is repaired once the node has caught up. */
  send(frame: Uint8Array): boolean {
    return this.#socket.send(frame);
  }

  end(reason: CloseReason): void {
    this.#exchange.close();
    this.#socket.end(reason);
  }

  /** A node pings every two seconds. While this side does not read, its silence says less. */
  endIfSilent(nowMs: number): void {
    if (nowMs - this.#heardAtMs < (this.#isPaused ? STUCK_AFTER_MS : DEAD_AFTER_MS)) return;
    this.#exchange.close();
    this.#socket.cut("silent");
  }

  #receive(frame: Frame, bytes: Uint8Array): void {
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    if (!this.#isGreeted) return this.#greet(frame);
    const work = this.#work(frame, bytes);
    if (work === undefined) return;
    this.#pendingCount += 1;
    void work.finally(() => {
      this.#pendingCount -= 1;
      this.#resumeIfIdle();
    });
    this.#pauseIfBusy();
  }

  #greet(frame: Frame): void {
    const { reply } = this.#greeting.receive(frame);
    this.#isGreeted = true;
    this.#socket.greeted();
    this.#options.onGreeted();
    if (reply !== undefined) this.send(reply);
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  #work(frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    if (isExchangeFrame(frame)) return this.#exchange.receive(frame, bytes);
    switch (frame.kind) {
      case "ping":
        this.#socket.sendControl(encodePong({ token: frame.token, nowMs: this.#options.runtime.nowMs() }));
        return undefined;
      case "pong":
        return undefined;
      case "unwatch":
        this.#unwatch(frame.key);
        return undefined;
      case "fetch":
        return this.#fetch(frame);
      default:
        throw new ProtocolError("malformed", "a frame came that only relays send");
    }
  }

  #unwatch(key: SessionKey): void {
    this.watched.delete(key);
    this.#options.hub.unwatch(key, this);
  }

  /** Watches before it reads: what others write from here on reaches the asker, before or after the answer. */
  async #fetch({ requestId, key }: Fetch): Promise<void> {
    const { hub } = this.#options;
    const wasWatching = this.watched.has(key);
    this.watched.add(key);
    try {
      const record = await hub.replica.record(key);
      this.send(encodeFetched({ requestId, answer: record === undefined ? { kind: "absent" } : { kind: "found", record } }));
      if (record !== undefined && record.envelope.ended === undefined) return;
    } catch {
      hub.counters.replicaFailures += 1;
      this.send(encodeFetched({ requestId, answer: { kind: "unknown" } }));
    }
    if (!wasWatching) this.#unwatch(key);
  }

  #pauseIfBusy(): void {
    if (this.#isPaused || this.#pendingCount < PENDING_COUNT_MAX) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #resumeIfIdle(): void {
    if (!this.#isPaused || this.#pendingCount >= PENDING_COUNT_MAX) return;
    this.#isPaused = false;
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    this.#socket.resume();
  }

  #closed(): void {
    this.#exchange.close();
    for (const key of this.watched.keys()) this.#options.hub.unwatch(key, this);
    this.#options.onClosed(this);
  }
}
