import type { Runtime } from "../engine/index.ts";
import { Exchange, isExchangeFrame } from "./exchange.ts";
import type { Frame } from "./messages/index.ts";
import { encodeState } from "./messages/state.ts";
import type { RelayStatus } from "./messages/status.ts";
import { encodeTold } from "./messages/told.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { HubPeer, RelayHub } from "./relay-hub.ts";
import type { Member, RelayMembers } from "./relay-members.ts";

/** Sessions that are told before others have a turn. */
const TELL_SLICE = 64;

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
  readonly send: (frame: Uint8Array) => void;
  /** Resolves when bulk work may go on. */
  readonly drained: () => Promise<void>;
}

/**
 * One connection to another relay, whoever dialed it. Relays tell each other everything: first all that they hold, then what is news.
 */
export class Companion implements HubPeer, Member {
  readonly role = "relay";
  readonly #options: CompanionOptions;
  readonly #exchange: Exchange;
  readonly #working = new Set<Promise<void>>();
  #isClosed = false;

  /** The greeting is over. */
  constructor(options: CompanionOptions) {
    this.#options = options;
    const { runtime, hub, members, heard, told } = options;
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
    hub.addRelay(this);
    members.joined(this, told);
    if (heard !== undefined) members.heard(this, heard);
    void this.#tellAll();
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

  send(frame: Uint8Array): void {
    if (!this.#isClosed) this.#options.send(frame);
  }

  /** What goes on after this tick; undefined when nothing does. Its promise never rejects. */
  receive(frame: Frame, bytes: Uint8Array): Promise<void> | undefined {
    const { members } = this.#options;
    if (isExchangeFrame(frame)) {
      const work = this.#exchange.receive(frame, bytes);
      this.#working.add(work);
      void work.finally(() => this.#working.delete(work));
      return work;
    }
    switch (frame.kind) {
      case "status":
        members.heard(this, frame.status);
        return undefined;
      case "told":
        return this.#heardAll();
      case "drain":
        members.drained(this);
        return undefined;
      case "ack":
        return undefined;
      default:
        throw new ProtocolError("malformed", "a frame came that relays do not send each other");
    }
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

  /** Everything that the other held when we met is on its way into the replica: once that is done, nothing of it is missing here. */
  async #heardAll(): Promise<void> {
    await Promise.all(this.#working);
    if (!this.#isClosed) this.#options.members.equal(this);
  }

  /** In slices and never faster than the other reads, so that changes go between. */
  async #tellAll(): Promise<void> {
    const { runtime, hub, drained } = this.#options;
    const { replica } = hub;
    try {
      let sent = 0;
      // A copy: the replica's own order changes with every request.
      for (const key of new Set(replica.heldKeys())) {
        const record = await replica.record(key);
        if (this.#isClosed) return;
        if (record === undefined) continue;
        this.send(encodeState({ round: 0, record }));
        sent += 1;
        if (sent % TELL_SLICE === 0) await new Promise<void>((resolve) => void runtime.setTimer(0, resolve));
        await drained();
        if (this.#isClosed) return;
      }
      this.send(encodeTold());
    } catch (error) {
      hub.counters.replicaFailures += 1;
      hub.log(`a join stopped, and goes on with the next reconnect: ${error instanceof Error ? error.message : "unknown failure"}`);
    }
  }
}
