import type { Runtime, SessionKey } from "../engine/index.ts";
import type { Credentials } from "./credentials.ts";
import type { ClaimGrants } from "./claim-grants.ts";
import { Companion } from "./companion.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import { FrameSocket } from "./frame-socket.ts";
import { RelayGreeting } from "./greeting.ts";
import { hexOf } from "./hex.ts";
import { DEAD_AFTER_MS } from "./link-state.ts";
import { NONCE_BYTES } from "./messages/challenge.ts";
import type { CloseReason } from "./messages/close-codes.ts";
import type { Claim } from "./messages/claim.ts";
import { encodeClaimed } from "./messages/claimed.ts";
import { encodeDrain } from "./messages/drain.ts";
import type { Fetch } from "./messages/fetch.ts";
import { encodeFetched } from "./messages/fetched.ts";
import type { Frame } from "./messages/index.ts";
import { encodePong } from "./messages/pong.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Versions } from "./protocol-version.ts";
import type { HubPeer, RelayHub } from "./relay-hub.ts";
import type { Member, RelayMembers } from "./relay-members.ts";
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
  readonly members: RelayMembers;
  readonly grants: ClaimGrants;
  readonly credentials: Credentials;
  readonly relayId: Uint8Array;
  /** What this relay keeps. */
  readonly incarnation: Uint8Array;
  readonly versions: Versions;
  /** The node showed that it knows the secret. */
  readonly onGreeted: () => void;
  readonly onClosed: (peer: RelayPeer) => void;
}

/** A connection that somebody else dialed, as the relay sees it, to its end: a node's, or another relay's. */
export class RelayPeer implements HubPeer {
  readonly relay = undefined;
  readonly #options: RelayPeerOptions;
  readonly #socket: FrameSocket;
  readonly #greeting: RelayGreeting;
  readonly #exchange: Exchange;
  readonly #watched = new Set<SessionKey>();
  /** Undefined before the greeting; what a node is to the others, or all that another relay is. */
  #known: Member | Companion | undefined;
  #isPaused = false;
  #pendingCount = 0;
  #heardAtMs: number;

  /** Sends the challenge. */
  constructor(connect: Accept, options: RelayPeerOptions) {
    this.#options = options;
    const { runtime, hub, credentials, relayId, versions } = options;
    this.#heardAtMs = runtime.monotonicMs();
    this.#socket = new FrameSocket(connect, {
      counters: hub.counters,
      log: hub.log,
      onFrame: (frame, bytes) => this.#receive(frame, bytes),
      onClosed: () => this.#closed(),
    });
    this.#exchange = new Exchange({
      runtime,
      replica: hub.replica,
      counters: hub.counters,
      log: hub.log,
      send: (frame) => this.send(frame),
      wants: () => true,
      passOn: (key, frame) => hub.passOn(key, frame, this),
      passOnTouches: (touches) => hub.passOnTouches(touches, this),
    });
    this.#greeting = new RelayGreeting(credentials, relayId, runtime.randomBytes(NONCE_BYTES), versions);
    this.#socket.send(this.#greeting.challenge);
  }

  send(frame: Uint8Array): void {
    this.#socket.send(frame);
  }

  end(reason: CloseReason): void {
    this.#closeExchange();
    this.#socket.end(reason);
  }

  /** Says that this relay stops, after everything that was sent before. */
  drain(): void {
    if (this.#known !== undefined) this.send(encodeDrain());
    this.end("goingAway");
  }

  /** A node pings every two seconds. While this side does not read, its silence says less, unless it does not read either. */
  endIfSilent(nowMs: number): void {
    const isOwnDoing = this.#isPaused && !this.#socket.isBusy;
    if (nowMs - this.#heardAtMs < (isOwnDoing ? STUCK_AFTER_MS : DEAD_AFTER_MS)) return;
    this.#closeExchange();
    this.#socket.cut("silent");
  }

  #receive(frame: Frame, bytes: Uint8Array): void {
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    const known = this.#known;
    if (known === undefined) return this.#greet(frame);
    const work = known instanceof Companion ? this.#relayWork(known, frame, bytes) : this.#work(known, frame, bytes);
    if (work === undefined) return;
    this.#pendingCount += 1;
    void work.finally(() => {
      this.#pendingCount -= 1;
      this.#resumeIfIdle();
    });
    this.#pauseIfBusy();
  }

  #greet(frame: Frame): void {
    const { runtime, hub, members, incarnation } = this.#options;
    const { reply, peer } = this.#greeting.receive(frame, (dialer) => ({
      incarnation,
      status: members.statusFor({ role: dialer.role, incarnation: hexOf(dialer.incarnation) }),
    }));
    if (reply === undefined || peer === undefined) return;
    this.#socket.greeted();
    this.#options.onGreeted();
    this.send(reply);
    const said = { role: peer.role, id: hexOf(peer.id), incarnation: hexOf(peer.incarnation), address: undefined };
    const told = members.statusFor(said);
    const send = (bytes: Uint8Array): void => this.send(bytes);
    if (peer.role === "relay") {
      this.#known = new Companion({ ...said, runtime, hub, members, told, send, drained: () => this.#socket.drained() });
    } else {
      this.#known = { ...said, send };
      members.joined(this.#known, told);
    }
  }

  #relayWork(companion: Companion, frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    if (frame.kind === "ping") this.send(encodePong({ token: frame.token }));
    else if (frame.kind !== "pong") return companion.receive(frame, bytes);
    return undefined;
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  #work(node: Member, frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    if (isExchangeFrame(frame)) return this.#exchange.receive(frame, bytes);
    switch (frame.kind) {
      case "ping":
        this.send(encodePong({ token: frame.token }));
        return undefined;
      case "pong":
        return undefined;
      case "watch":
        this.#watch(frame.key);
        return undefined;
      case "unwatch":
        this.#watched.delete(frame.key);
        this.#options.hub.unwatch(frame.key, this);
        return undefined;
      case "fetch":
        return this.#fetch(frame);
      case "claim":
        return this.#claim(frame);
      case "drain":
        this.#options.members.drained(node);
        return undefined;
      default:
        throw new ProtocolError("malformed", "a frame came that only relays send");
    }
  }

  #watch(key: SessionKey): void {
    if (this.#watched.size >= WATCHED_COUNT_MAX) throw new ProtocolError("overloaded", "a node watches more sessions than one may");
    this.#watched.add(key);
    this.#options.hub.watch(key, this);
  }

  /** Watches before it reads: what others write from here on reaches the asker, before or after the answer. */
  async #fetch({ requestId, key }: Fetch): Promise<void> {
    const { hub } = this.#options;
    const wasWatching = this.#watched.has(key);
    this.#watch(key);
    try {
      const record = await hub.replica.record(key);
      this.send(encodeFetched({ requestId, answer: record === undefined ? { kind: "absent" } : { kind: "found", record } }));
      if (record !== undefined && record.envelope.ended === undefined) return;
    } catch {
      hub.counters.replicaFailures += 1;
      this.send(encodeFetched({ requestId, answer: { kind: "unknown" } }));
    }
    if (wasWatching) return;
    this.#watched.delete(key);
    hub.unwatch(key, this);
  }

  async #claim(claim: Claim): Promise<void> {
    const answer = await this.#options.grants.answer(claim);
    this.send(encodeClaimed({ requestId: claim.requestId, answer }));
  }

  #pauseIfBusy(): void {
    if (this.#isPaused || (this.#pendingCount < PENDING_COUNT_MAX && !this.#socket.isBusy)) return;
    this.#isPaused = true;
    this.#socket.pause();
    void this.#socket.drained().then(() => this.#resumeIfIdle());
  }

  #resumeIfIdle(): void {
    if (!this.#isPaused || this.#pendingCount >= PENDING_COUNT_MAX || this.#socket.isBusy) return;
    this.#isPaused = false;
    this.#heardAtMs = this.#options.runtime.monotonicMs();
    this.#socket.resume();
  }

  /** Nothing that came over this connection reaches the replica from here on. */
  #closeExchange(): void {
    this.#exchange.close();
    if (this.#known instanceof Companion) this.#known.stop();
  }

  #closed(): void {
    this.#closeExchange();
    for (const key of this.#watched) this.#options.hub.unwatch(key, this);
    this.#watched.clear();
    if (this.#known instanceof Companion) this.#known.close();
    else if (this.#known !== undefined) this.#options.members.left(this.#known);
    this.#options.onClosed(this);
  }
}
