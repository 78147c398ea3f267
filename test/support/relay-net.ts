import type { PeerClock } from "../../src/engine/index.ts";
import { newCounters } from "../../src/sync/counters.ts";
import { credentialsOf } from "../../src/sync/credentials.ts";
import { decodeFrame, type Frame } from "../../src/sync/messages/index.ts";
import { RelayCore } from "../../src/sync/relay-core.ts";
import { type RelaysOptions, replicatorOptions } from "../../src/sync/relays.ts";
import { Replicator } from "../../src/sync/replicator.ts";
import type { Connection, ConnectionListener, Dial } from "../../src/sync/transport.ts";
import { ManualRuntime, settle } from "./manual-runtime.ts";
import { TEST_SECRET } from "./relay-holder.ts";
import { SetReplica } from "./set-replica.ts";

/** What somebody handed to a connection. */
export interface Handed {
  readonly from: string;
  readonly to: string;
  readonly kind: Frame["kind"];
}

/** One end of a connection: what is sent arrives in a later microtask, or when the way is not held any more. */
class End implements Connection {
  isOpen = false;
  readonly #net: RelayNet;
  readonly #queue: Uint8Array[] = [];
  other: End | undefined;

  readonly from: string;
  readonly to: string;
  readonly listener: ConnectionListener;

  constructor(net: RelayNet, from: string, to: string, listener: ConnectionListener) {
    this.#net = net;
    this.from = from;
    this.to = to;
    this.listener = listener;
  }

  get queuedBytes(): number {
    return this.#queue.reduce((sum, { length }) => sum + length, 0);
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#net.handed.push({ from: this.from, to: this.to, kind: decodeFrame(bytes).kind });
    this.#queue.push(bytes);
    this.pump();
  }

  pump(): void {
    void Promise.resolve().then(() => {
      while (this.#queue.length > 0 && !this.#net.isHeld(this.from, this.to)) {
        const bytes = this.#queue.shift() ?? new Uint8Array();
        if (this.other?.isOpen === true) this.other.listener.onMessage(bytes);
      }
    });
  }

  pause(): void {}

  resume(): void {}

  close(code: number): void {
    void Promise.resolve().then(() => this.#end(code));
  }

  cut(): void {
    this.#end(undefined);
  }

  /** Nobody hears of it through a way that is held. */
  #end(code: number | undefined): void {
    for (const end of this.#net.isHeld(this.from, this.to) ? [this] : [this, this.other]) {
      if (end?.isOpen !== true) continue;
      end.isOpen = false;
      void Promise.resolve().then(() => end.listener.onClose(code));
    }
  }
}

/** Relays and nodes of one process, by a clock that the test moves. Each has the name by which it is dialed: `ws://<name>/`. */
export class RelayNet {
  readonly runtime = new ManualRuntime();
  /** In the order in which it was handed over. */
  readonly handed: Handed[] = [];
  readonly replicas = new Map<string, SetReplica>();
  readonly #relays = new Map<string, RelayCore>();
  readonly #nodes: Replicator[] = [];
  readonly #ends: End[] = [];
  readonly #held = new Set<string>();

  relay(name: string, peers: readonly string[] = [], clock?: PeerClock): RelayCore {
    const { runtime } = this;
    const core = new RelayCore({
      runtime,
      clock,
      replica: this.#replica(name),
      counters: newCounters(),
      credentials: credentialsOf({ secret: TEST_SECRET }),
      log: () => undefined,
      dial: this.#dial(name),
      peers: peers.map(addressOf),
    });
    this.#relays.set(name, core);
    return core;
  }

  node(name: string, relays: readonly string[], options: Partial<RelaysOptions> = {}, clock?: PeerClock): Replicator {
    const node = new Replicator({
      ...replicatorOptions(relays.map(addressOf), { secret: TEST_SECRET, alone: "serve", ...options }),
      runtime: this.runtime,
      clock,
      clockErrorMs: 2_000,
      emit: () => undefined,
      dial: this.#dial(name),
    });
    this.#nodes.push(node);
    node.start(this.#replica(name));
    return node;
  }

  /** Nothing passes between the two any more, and nobody says so. */
  hold(one: string, other: string): void {
    this.#held.add(`${one} ${other}`).add(`${other} ${one}`);
  }

  isHeld(from: string, to: string): boolean {
    return this.#held.has(`${from} ${to}`);
  }

  /** Moves the clock in small steps, and lets everything happen that follows. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    await settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.runtime.advance(Math.min(stepMs, ms - passed));
      await settle();
    }
  }

  async close(): Promise<void> {
    this.#held.clear();
    const closed = [...this.#nodes.map((node) => node.close()), ...[...this.#relays.values()].map((relay) => relay.close())];
    await this.pass(2_000, 100);
    await Promise.all(closed);
  }

  #replica(name: string): SetReplica {
    const replica = new SetReplica();
    this.replicas.set(name, replica);
    return replica;
  }

  #dial(from: string): Dial {
    return (address, listener) => {
      const to = new URL(address).hostname;
      const near = new End(this, from, to, listener);
      this.#ends.push(near);
      void Promise.resolve().then(() => {
        const relay = this.#relays.get(to);
        if (relay === undefined || this.isHeld(from, to)) return listener.onClose(undefined);
        relay.accept(
          (accepted) => {
            const far = new End(this, to, from, accepted);
            this.#ends.push(far);
            [near.other, far.other] = [far, near];
            far.isOpen = true;
            return far;
          },
          () => undefined,
        );
        near.isOpen = true;
        near.listener.onOpen();
      });
      return near;
    };
  }
}

function addressOf(name: string): string {
  return `ws://${name}/`;
}
