import type { Replica, Runtime } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import type { Credentials } from "./credentials.ts";
import { PEER_ID_BYTES } from "./messages/challenge.ts";
import { RelayHub } from "./relay-hub.ts";
import { RelayPeer } from "./relay-peer.ts";
import type { Accept } from "./transport.ts";

const SWEEP_INTERVAL_MS = 1_000;

export interface RelayCoreOptions {
  readonly replica: Replica;
  /** Clock, timers and randomness. */
  readonly runtime: Runtime;
  readonly credentials: Credentials;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
}

/** A relay without its sockets: who is connected, and what they say to each other. */
export class RelayCore {
  readonly #options: RelayCoreOptions;
  readonly #hub: RelayHub;
  readonly #relayId: Uint8Array;
  readonly #peers = new Set<RelayPeer>();
  #stopSweep: () => void = () => undefined;

  constructor(options: RelayCoreOptions) {
    this.#options = options;
    this.#hub = new RelayHub(options.replica, options.runtime, options.counters, options.log);
    this.#relayId = options.runtime.randomBytes(PEER_ID_BYTES);
    this.#armSweep();
  }

  get connectionCount(): number {
    return this.#peers.size;
  }

  /** Takes over a connection that is open. `onGreeted`: whoever dialed showed that it knows the secret. */
  accept(connect: Accept, onGreeted: () => void): void {
    const { runtime, credentials } = this.#options;
    const peer = new RelayPeer(connect, {
      runtime,
      hub: this.#hub,
      credentials,
      relayId: this.#relayId,
      onGreeted,
      onClosed: (closed) => this.#peers.delete(closed),
    });
    this.#peers.add(peer);
  }

  /** Tells whoever is connected. */
  close(): void {
    this.#stopSweep();
    for (const peer of this.#peers) peer.end("goingAway");
  }

  #armSweep(): void {
    const { runtime } = this.#options;
    this.#stopSweep = runtime.setTimer(SWEEP_INTERVAL_MS, () => {
      const nowMs = runtime.monotonicMs();
      for (const peer of this.#peers) peer.endIfSilent(nowMs);
      this.#armSweep();
    });
  }
}
