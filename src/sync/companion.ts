import type { Runtime } from "../engine/index.ts";
import type { AckLedger } from "./ack-ledger.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import { IN_FLIGHT_MS } from "./fingerprints.ts";
import type { Frame } from "./messages/index.ts";
import type { Revoke } from "./messages/revoke.ts";
import type { RelayStatus } from "./messages/status.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { HubPeer, RelayHub } from "./relay-hub.ts";
import type { Member, RelayMembers } from "./relay-members.ts";

export interface CompanionOptions {
  readonly runtime: Runtime;
  readonly hub: RelayHub;
  readonly members: RelayMembers;
  /** Of the other relay, in hex. */
  readonly id: string;
  readonly incarnation: string;
  readonly address: string | undefined;
  /** What each side said of itself in the greeting, if it did: who is dialed says it there. */
  readonly heard?: RelayStatus | undefined;
  readonly told?: RelayStatus | undefined;
  /** This side dialed: it finds out what the two hold differently. */
  readonly isInitiator: boolean;
  /** For the acks of who dialed. */
  readonly ledger?: AckLedger | undefined;
  readonly send: (frame: Uint8Array) => boolean;
  /** For what is small and must not be dropped with the rest. */
  readonly sendControl: (frame: Uint8Array) => void;
  /** Resolves when bulk work may go on. */
  readonly drained: () => Promise<void>;
  /** Ends the connection: what could not be done on it is begun anew on the next one. */
  readonly giveUp: () => void;
}

/**
 * One connection to another relay, whoever dialed it. Relays tell each other everything: first what they hold differently, then what is news.
 */
export class Companion implements HubPeer, Member {
  readonly role = "relay";
  readonly #options: CompanionOptions;
  readonly #exchange: Exchange;
  readonly #metAtMs: number;
  /** The other's registers are here. */
  #hasRegisters = false;
  #wasEqual = false;
  /** When a frame to the other was dropped last; undefined: the two were found equal since. */
  #droppedAtMs: number | undefined;
  /** When what it answered last was asked, by a clock that nobody sets. */
  #askedAtMs: number | undefined;
  #stopTimer: () => void = () => undefined;
  #isClosed = false;

  /** The greeting is over. */
  constructor(options: CompanionOptions) {
    this.#options = options;
    this.#metAtMs = options.runtime.monotonicMs();
    const { runtime, hub, members, heard, told, isInitiator, ledger, sendControl, drained } = options;
    this.#exchange = new Exchange({
      runtime,
      replica: hub.replica,
      counters: hub.counters,
      log: hub.log,
      fingerprints: hub.fingerprints,
      interest: hub.all,
      expected: hub.expected,
      isInitiator,
      ledger,
      send: (frame) => this.send(frame),
      sendControl,
      drained,
      onCompared: (isEqual, hasInFlight) => {
        if (isEqual) this.#compared(hasInFlight);
      },
      revocations: () => hub.registers.sum(),
      onRevocationsDiffer: () => this.#sendRegisters(true),
      wants: () => true,
      passOn: (key, frame) => hub.passOn(key, frame, this),
      passOnTouches: (touches) => hub.passOnTouches(touches, this),
    });
    hub.addRelay(this);
    members.joined(this, told);
    if (heard !== undefined) members.heard(this, heard);
    void hub.registers.read.then(() => this.#sendRegisters(false));
    this.#exchange.repair();
  }

  get relay(): string {
    return this.#options.id;
  }

  get id(): string {
    return this.#options.id;
  }

  get incarnation(): string {
    return this.#options.incarnation;
  }

  get address(): string | undefined {
    return this.#options.address;
  }

  get heardUntilMs(): number {
    const { hub, runtime } = this.#options;
    return this.#askedAtMs === undefined ? 0 : Math.max(0, Math.floor(hub.nowMs() - (runtime.monotonicMs() - this.#askedAtMs)));
  }

  /** What is news here was sent to the other before whatever is sent now. */
  get hasToldAll(): boolean {
    return this.#droppedAtMs === undefined;
  }

  send(frame: Uint8Array): boolean {
    if (this.#isClosed) return false;
    const isSent = this.#options.send(frame);
    if (!isSent) this.#droppedAtMs = this.#options.runtime.monotonicMs();
    return isSent;
  }

  /** It answered what was asked that long ago: what it was told before has come. */
  answered(rttMs: number): void {
    this.#askedAtMs = this.#options.runtime.monotonicMs() - rttMs;
  }

  /** Frames to the other were dropped, and its queue has room again. */
  repair(): void {
    this.#exchange.repair();
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  receive(frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    const { members } = this.#options;
    if (isExchangeFrame(frame)) return this.#exchange.receive(frame, bytes);
    switch (frame.kind) {
      case "revoke":
        return this.#revoke(frame);
      case "status":
        members.heard(this, frame.status);
        return undefined;
      case "drain":
        members.drained(this);
        return undefined;
      case "ack":
        return undefined;
      default:
        throw new ProtocolError("malformed", "a frame came that relays do not send each other");
    }
  }

  /** What the other holds is here, but for what may be on its way: after a while that is none that was on its way before they met. */
  #compared(hasInFlight: boolean): void {
    const { runtime, isInitiator } = this.#options;
    const nowMs = runtime.monotonicMs();
    if (this.#droppedAtMs !== undefined && nowMs >= this.#droppedAtMs + 2 * IN_FLIGHT_MS) this.#droppedAtMs = undefined;
    this.#wasEqual ||= !hasInFlight || nowMs >= this.#metAtMs + 2 * IN_FLIGHT_MS;
    if (this.#wasEqual) this.#equal();
    if (this.#wasEqual && this.hasToldAll) return;
    // Who dialed compares again by itself.
    if (!isInitiator) this.#stopTimer = runtime.setTimer(IN_FLIGHT_MS, () => this.#exchange.repair());
  }

  #equal(): void {
    if (this.#wasEqual && this.#hasRegisters && !this.#isClosed) this.#options.members.equal(this);
  }

  /** One that cannot be stored ends the connection, and comes again on the next one. */
  #revoke({ revocations, asks, isWhole }: Revoke): Promise<void> {
    const { hub, giveUp } = this.#options;
    return this.#exchange.numbered("revoke", revocations[0]?.[0] ?? "", true, async () => {
      try {
        await hub.revoke(revocations, this);
      } catch (error) {
        giveUp();
        throw error;
      }
      if (asks) this.#sendRegisters(false);
      this.#hasRegisters ||= isWhole;
      this.#equal();
      return true;
    });
  }

  #sendRegisters(asks: boolean): void {
    for (const frame of this.#options.hub.registers.frames({ asks, evenIfNone: true })) this.send(frame);
  }

  /** Nothing is taken in or sent from here on; the connection may take a while to go. */
  stop(): void {
    this.#isClosed = true;
    this.#stopTimer();
    this.#exchange.close();
  }

  /** The connection is gone. Idempotent. */
  close(): void {
    this.stop();
    this.#options.hub.removeRelay(this);
    this.#options.members.left(this);
  }
}
