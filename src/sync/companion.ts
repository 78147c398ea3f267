import type { Runtime, SessionKey } from "../engine/index.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import type { KeyState } from "./messages/fingerprints.ts";
import type { Frame } from "./messages/index.ts";
import type { Revoke } from "./messages/revoke.ts";
import type { RelayStatus } from "./messages/status.ts";
import { encodeTold, type ToldStep } from "./messages/told.ts";
import { encodeWatch, WATCH_COUNT_MAX } from "./messages/watch.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { HubPeer, RelayHub } from "./relay-hub.ts";
import type { Member, RelayMembers } from "./relay-members.ts";
import { nextTurn } from "./state-queue.ts";

export interface CompanionOptions {
  readonly runtime: Runtime;
  readonly hub: RelayHub;
  readonly members: RelayMembers;
  /** Of the other relay, in hex. */
  readonly id: string;
  readonly incarnation: string;
  readonly address: string | undefined;
  /** This side dialed. */
  readonly isInitiator: boolean;
  /** What each side said of itself in the greeting, if it did: who is dialed says it there. */
  readonly heard?: RelayStatus | undefined;
  readonly told?: RelayStatus | undefined;
  /** False when the frame was dropped. */
  readonly send: (frame: Uint8Array) => boolean;
  readonly sendControl: (frame: Uint8Array) => void;
  /** Resolves when bulk work may go on. */
  readonly drained: () => Promise<void>;
  /** Ends the connection: what could not be done on it begins anew on the next one. */
  readonly giveUp: () => void;
}

/**
 * One connection to another relay, whoever dialed it. Each names all that it holds, by key and state, and gets what it lacks; from the
 * beginning each also tells what is news. When that is done they were equal once (`told`), and digests see to it that they stay so.
 */
export class Companion implements HubPeer, Member {
  readonly role = "relay";
  readonly #options: CompanionOptions;
  readonly #exchange: Exchange;
  /** What came, and is not taken in yet. */
  readonly #working = new Set<Promise<void>>();
  /** What this side has yet to send and to get before it and the other were equal. */
  readonly #joining = new Set<"theirs" | "ours">(["theirs", "ours"]);
  #isClosed = false;

  /** The greeting is over. */
  constructor(options: CompanionOptions) {
    this.#options = options;
    const { runtime, hub, members, heard, told, isInitiator, sendControl, drained } = options;
    this.#exchange = new Exchange({
      runtime,
      replica: hub.replica,
      counters: hub.counters,
      log: hub.log,
      fingerprints: hub.fingerprints,
      interest: hub.all,
      isInitiator,
      send: (frame) => this.send(frame),
      sendControl,
      drained,
      wants: () => true,
      passOn: (key, frame) => hub.passOn(key, frame, this),
      passOnTouches: (touches) => hub.passOnTouches(touches, this),
      revocations: () => hub.registers.sum(),
      onRevocationsDiffer: () => this.#sendAll(hub.registers.frames(true)),
    });
    hub.addRelay(this);
    members.joined(this, told);
    if (heard !== undefined) members.heard(this, heard);
    void this.#nameAll();
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

  /** False: it was dropped. Digests repair that, but not before the two were equal once. */
  send(frame: Uint8Array): boolean {
    if (this.#isClosed) return false;
    const isSent = this.#options.send(frame);
    if (!isSent && this.#joining.size > 0) this.#options.giveUp();
    return isSent;
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  receive(frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    const { members } = this.#options;
    if (isExchangeFrame(frame)) return this.#track(this.#exchange.receive(frame, bytes));
    switch (frame.kind) {
      case "revoke":
        return this.#track(this.#revoke(frame));
      case "status":
        members.heard(this, frame.status);
        return undefined;
      case "told":
        return void this.#told(frame.step);
      case "drain":
        members.drained(this);
        return undefined;
      default:
        throw new ProtocolError("malformed", "a frame came that relays do not send each other");
    }
  }

  /** Frames to the other relay were dropped, and its queue has room again. */
  repair(): void {
    this.#exchange.repair();
  }

  /** Nothing is taken in or sent from here on; the connection may take a while to go. */
  stop(): void {
    this.#isClosed = true;
    this.#exchange.close();
  }

  /** The connection is gone. Idempotent. */
  close(): void {
    this.stop();
    this.#options.hub.removeRelay(this);
    this.#options.members.left(this);
  }

  #track(work: Promise<void> | undefined): Promise<void> | undefined {
    if (work === undefined) return undefined;
    this.#working.add(work);
    void work.finally(() => this.#working.delete(work));
    return work;
  }

  async #revoke({ revocations, asks }: Revoke): Promise<void> {
    const { hub, giveUp } = this.#options;
    try {
      await hub.revoke(revocations, this);
      if (asks) this.#sendAll(hub.registers.frames());
    } catch (error) {
      hub.failed("a revocation could not be stored", error);
      giveUp();
    }
  }

  async #told(step: ToldStep): Promise<void> {
    switch (step) {
      case "named":
        // Of what it named, the states that are held here are on their way, and what is not was asked for.
        await this.#settled();
        return this.#say("asked");
      case "asked":
        await this.#settled();
        return this.#say("answered");
      case "answered":
        await Promise.all(this.#working);
        this.#joining.delete("theirs");
        if (!this.#isClosed) this.#options.members.equal(this);
    }
  }

  /** What came before is taken in, and what it led to is sent. */
  async #settled(): Promise<void> {
    await Promise.all(this.#working);
    await this.#exchange.idle();
  }

  #say(step: ToldStep): void {
    if (this.#isClosed) return;
    this.send(encodeTold({ step }));
    if (step === "answered") this.#joining.delete("ours");
  }

  /** In slices and never faster than the other reads, so that changes go between. */
  async #nameAll(): Promise<void> {
    const { runtime, hub, drained } = this.#options;
    await hub.registers.read;
    this.#sendAll(hub.registers.frames());
    // A copy: the replica's own order changes with every request.
    const keys: SessionKey[] = [...new Set(hub.replica.heldKeys())];
    for (let from = 0; from < keys.length; from += WATCH_COUNT_MAX) {
      const sessions: KeyState[] = keys
        .slice(from, from + WATCH_COUNT_MAX)
        .map((key) => ({ key, fingerprint: hub.fingerprints.of(key), isRecent: false }));
      this.send(encodeWatch({ sessions }));
      await nextTurn(runtime);
      await drained();
      if (this.#isClosed) return;
    }
    this.#say("named");
    if (!this.#isClosed) this.#exchange.compare();
  }

  #sendAll(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.send(frame);
  }
}
