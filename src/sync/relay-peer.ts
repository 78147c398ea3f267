import type { Runtime, SessionKey } from "../engine/index.ts";
import { AckLedger } from "./ack-ledger.ts";
import type { Credentials } from "./credentials.ts";
import type { ClaimGrants } from "./claim-grants.ts";
import { Companion } from "./companion.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import { WatchedSessions } from "./fingerprints.ts";
import { FrameSocket } from "./frame-socket.ts";
import { RelayGreeting } from "./greeting.ts";
import { hexOf } from "./hex.ts";
import { DEAD_AFTER_MS, HEARTBEAT_MS } from "./link-state.ts";
import { NONCE_BYTES } from "./messages/challenge.ts";
import type { CloseReason } from "./messages/close-codes.ts";
import type { Claim } from "./messages/claim.ts";
import { encodeClaimed } from "./messages/claimed.ts";
import { encodeDrain } from "./messages/drain.ts";
import type { Fetch } from "./messages/fetch.ts";
import { encodeFetched, type FetchedAnswer } from "./messages/fetched.ts";
import type { Frame } from "./messages/index.ts";
import { encodePing, type Ping } from "./messages/ping.ts";
import { encodePong, type Pong } from "./messages/pong.ts";
import type { Revoke } from "./messages/revoke.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Versions } from "./protocol-version.ts";
import type { RelayHub, WatchingPeer } from "./relay-hub.ts";
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
export class RelayPeer implements WatchingPeer {
  readonly relay = undefined;
  readonly watched: WatchedSessions;
  readonly #options: RelayPeerOptions;
  readonly #socket: FrameSocket;
  readonly #greeting: RelayGreeting;
  /** Undefined before the greeting; what a node is to the others, or all that another relay is. */
  #known: Member | Companion | undefined;
  /** With a node. */
  #exchange: Exchange | undefined;
  #isPaused = false;
  #pendingCount = 0;
  #heardAtMs: number;
  /** Of another relay: who is dialed asks, too, for each of two connections may be the one over which it hears what is news. */
  #pingCount = 0;
  #pingedAtMs = 0;

  /** Sends the challenge. */
  constructor(connect: Accept, options: RelayPeerOptions) {
    this.#options = options;
    const { runtime, hub, credentials, relayId, versions } = options;
    this.#heardAtMs = runtime.monotonicMs();
    this.#socket = new FrameSocket(connect, {
      counters: hub.counters,
      log: hub.log,
      onFrame: (frame, bytes) => this.#receive(frame, bytes),
      onCaughtUp: () => (this.#known instanceof Companion ? this.#known : this.#exchange)?.repair(),
      onClosed: () => this.#closed(),
    });
    this.watched = new WatchedSessions(hub.fingerprints, (key) => {
      if (this.watched.size >= WATCHED_COUNT_MAX) throw new ProtocolError("overloaded", "a node watches more sessions than one may");
      hub.watch(key, this);
    });
    this.#greeting = new RelayGreeting(credentials, relayId, runtime.randomBytes(NONCE_BYTES), versions);
    this.#socket.send(this.#greeting.challenge);
  }

  /** False: it was dropped; what it told is repaired once the node has caught up. */
  send(frame: Uint8Array): boolean {
    return this.#socket.send(frame);
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

  /** To be called every second. A node pings every two seconds. While this side does not read, its silence says less. */
  look(nowMs: number): void {
    if (this.#known instanceof Companion && nowMs - this.#pingedAtMs >= HEARTBEAT_MS) this.#ping();
    if (nowMs - this.#heardAtMs < (this.#isPaused ? STUCK_AFTER_MS : DEAD_AFTER_MS)) return;
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
    const send = (bytes: Uint8Array): boolean => this.send(bytes);
    const sendControl = (bytes: Uint8Array): void => this.#socket.sendControl(bytes);
    const drained = (): Promise<void> => this.#socket.drained();
    const ledger = new AckLedger({
      runtime,
      isPrompt: peer.wantsPromptAcks,
      isDurable: () => hub.replica.durable,
      send: sendControl,
    });
    if (peer.role === "relay") {
      this.#known = new Companion({
        ...said,
        runtime,
        hub,
        members,
        told,
        isInitiator: false,
        ledger,
        send,
        sendControl,
        drained,
        giveUp: () => this.end("internalError"),
      });
      this.#ping();
    } else {
      this.#exchange = new Exchange({
        runtime,
        replica: hub.replica,
        counters: hub.counters,
        log: hub.log,
        fingerprints: hub.fingerprints,
        interest: this.watched,
        expected: hub.expected,
        isInitiator: false,
        ledger,
        send,
        sendControl,
        drained,
        wants: () => true,
        passOn: (key, bytes) => hub.passOn(key, bytes, this),
        passOnTouches: (touches) => hub.passOnTouches(touches, this),
        revocations: () => hub.registers.sum(),
        onRevocationsDiffer: () => this.#sendRegisters(true),
      });
      this.#known = { ...said, send };
      hub.addNode(this);
      members.joined(this.#known, told);
      void hub.registers.read.then(() => this.#sendRegisters(false));
    }
  }

  #relayWork(companion: Companion, frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    if (frame.kind === "ping") this.#pong(companion, frame);
    else if (frame.kind === "pong") this.#ponged(companion, frame);
    else return companion.receive(frame, bytes);
    return undefined;
  }

  #ping(): void {
    const { runtime, hub } = this.#options;
    this.#pingCount += 1;
    this.#pingedAtMs = runtime.monotonicMs();
    this.#socket.sendControl(encodePing({ token: this.#pingCount, nowMs: hub.clock?.ownMs() ?? runtime.nowMs(), rttMs: 0 }));
  }

  #ponged(companion: Companion, { token, hasToldAll }: Pong): void {
    if (token === this.#pingCount && hasToldAll) companion.answered(this.#options.runtime.monotonicMs() - this.#pingedAtMs);
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  #work(node: Member, frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    if (isExchangeFrame(frame)) return this.#exchange?.receive(frame, bytes);
    switch (frame.kind) {
      case "ping":
        this.#pong(node, frame);
        return undefined;
      case "pong":
        return undefined;
      case "unwatch":
        this.#options.hub.expected.arrived(frame.key);
        this.#unwatch(frame.key);
        return undefined;
      case "fetch":
        return this.#fetch(frame);
      case "revoke":
        return this.#revoke(frame);
      case "claim":
        return this.#claim(frame);
      case "drain":
        this.#options.members.drained(node);
        return undefined;
      default:
        throw new ProtocolError("malformed", "a frame came that only relays send");
    }
  }

  #pong(from: Member, { token, nowMs, rttMs }: Ping): void {
    const { runtime, hub } = this.#options;
    if (rttMs > 0) hub.clock?.heard(from.id, nowMs, rttMs, false);
    const answerMs = from.role === "relay" ? hub.clock?.ownMs() : hub.clock?.agreedMs();
    const hasToldAll = !(from instanceof Companion) || from.hasToldAll;
    this.#socket.sendControl(encodePong({ token, nowMs: answerMs ?? runtime.nowMs(), hasToldAll }));
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
      // While this relay joins: what a peer holds comes before the rest, and there is no "there is none" meanwhile.
      await hub.expected.wait(key, hub.fingerprints.of(key) !== 0, this.#exchange);
      const absent: FetchedAnswer = { kind: "absent", heardUntilMs: this.#options.members.heardUntilMs() };
      const record = await hub.replica.record(key);
      this.send(encodeFetched({ requestId, answer: record === undefined ? absent : { kind: "found", record } }));
      if (record !== undefined && record.envelope.ended === undefined) return;
    } catch {
      hub.counters.replicaFailures += 1;
      this.send(encodeFetched({ requestId, answer: { kind: "unknown" } }));
    }
    if (!wasWatching) this.#unwatch(key);
  }

  /** Acknowledged as a session's frame is; one that cannot be stored ends the connection, and comes again on the next one. */
  #revoke({ revocations, asks }: Revoke): Promise<void> | undefined {
    const { hub } = this.#options;
    return this.#exchange?.numbered("revoke", revocations[0]?.[0] ?? "", true, async () => {
      try {
        await hub.revoke(revocations, this);
        if (asks) this.#sendRegisters(false);
        return true;
      } catch (error) {
        this.end("internalError");
        throw error;
      }
    });
  }

  #sendRegisters(asks: boolean): void {
    for (const frame of this.#options.hub.registers.frames({ asks })) this.send(frame);
  }

  async #claim(claim: Claim): Promise<void> {
    const answer = await this.#options.grants.answer(claim);
    this.send(encodeClaimed({ requestId: claim.requestId, answer }));
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

  /** Nothing that came over this connection reaches the replica from here on. */
  #closeExchange(): void {
    this.#exchange?.close();
    if (this.#known instanceof Companion) this.#known.stop();
  }

  #closed(): void {
    this.#closeExchange();
    for (const key of this.watched.keys()) this.#options.hub.unwatch(key, this);
    this.#options.hub.removeNode(this);
    if (this.#known !== undefined) this.#options.hub.clock?.lost(this.#known.id);
    if (this.#known instanceof Companion) this.#known.close();
    else if (this.#known !== undefined) this.#options.members.left(this.#known);
    this.#options.onClosed(this);
  }
}
