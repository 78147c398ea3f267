import type { PeerClock, Replica, Runtime } from "../engine/index.ts";
import { ClaimGrants } from "./claim-grants.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import type { Credentials } from "./credentials.ts";
import { Membership } from "./membership.ts";
import { INCARNATION_BYTES, PEER_ID_BYTES } from "./messages/challenge.ts";
import type { RelayStatus } from "./messages/status.ts";
import { SPOKEN_VERSIONS, type Versions } from "./protocol-version.ts";
import { RelayHub } from "./relay-hub.ts";
import { RelayLink } from "./relay-link.ts";
import { type MemberInfo, RelayMembers } from "./relay-members.ts";
import { RelayPeer } from "./relay-peer.ts";
import type { Accept, Dial } from "./transport.ts";

const SWEEP_INTERVAL_MS = 1_000;
/** How far the clocks of nodes and relays may be apart (ε in SPEC.md). */
const CLOCK_ERROR_MS = 2_000;
/** As long as a session lives that nobody uses, by default: what lives was used since, on a node that told the relays. */
export const FORGET_LOSS_AFTER_MS = 30 * 60_000;

/** What a relay keeps beyond its process, where it does: of what it holds, whose name it is and since when it knows all. */
export interface KeptIncarnation {
  /** 16 bytes, drawn when the folder was begun. */
  readonly id: Uint8Array;
  /** When the folder was begun, milliseconds since the epoch: its record of claims goes back to there. Default: this start. */
  readonly begunAtMs?: number | undefined;
  /** What was kept last; undefined for a folder that was begun now. */
  readonly completeSinceMs: number | undefined;
  /** Keeps it for the next start. Called at once, and whenever it changes. */
  readonly keep: (completeSinceMs: number) => void;
}

export interface RelayCoreOptions {
  readonly replica: Replica;
  /** Clock, timers and randomness. */
  readonly runtime: Runtime;
  /** Tells and hears what time it is; expects peers. Default: the runtime's clock is told, and nobody hears. */
  readonly clock?: PeerClock | undefined;
  readonly credentials: Credentials;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  /** Opens connections to `peers`; needed where there are any. */
  readonly dial?: Dial | undefined;
  /** Addresses of the other relays, valid URLs; its own may be among them. */
  readonly peers?: readonly string[] | undefined;
  /** Undefined: everything is in memory. */
  readonly incarnation?: KeptIncarnation | undefined;
  /** Default 30 min, see `RelaysOptions.forgetLossAfterMs`. */
  readonly forgetLossAfterMs?: number | undefined;
  /** Default: what this release speaks. */
  readonly versions?: Versions | undefined;
}

/** A relay without its sockets: who is connected, and what they say to each other. */
export class RelayCore {
  readonly #options: RelayCoreOptions;
  readonly #hub: RelayHub;
  readonly #members: RelayMembers;
  readonly #grants: ClaimGrants;
  readonly #relayId: Uint8Array;
  readonly #incarnation: Uint8Array;
  readonly #peers = new Set<RelayPeer>();
  readonly #links: readonly RelayLink[];
  #stopSweep: () => void = () => undefined;

  /** Dials its peers. */
  constructor(options: RelayCoreOptions) {
    this.#options = options;
    const { replica, runtime, clock, credentials, counters, log, dial, peers = [], incarnation } = options;
    this.#relayId = runtime.randomBytes(PEER_ID_BYTES);
    this.#incarnation = incarnation?.id ?? runtime.randomBytes(INCARNATION_BYTES);
    this.#hub = new RelayHub(replica, runtime, counters, log, clock);
    const nowMs = (): number => this.#hub.nowMs();
    const startedAtMs = nowMs();
    const membership = new Membership({
      nowMs: startedAtMs,
      keptSinceMs: incarnation?.completeSinceMs,
      addresses: peers,
      forgetLossAfterMs: options.forgetLossAfterMs ?? FORGET_LOSS_AFTER_MS,
    });
    this.#grants = new ClaimGrants({
      runtime,
      replica,
      nowMs,
      recordSinceMs: incarnation?.begunAtMs ?? startedAtMs,
      clockErrorMs: CLOCK_ERROR_MS,
    });
    this.#members = new RelayMembers(nowMs, membership, log, (sinceMs) => incarnation?.keep(sinceMs));
    const dialer = { role: "relay", id: this.#relayId, incarnation: this.#incarnation, wantsPromptAcks: false } as const;
    this.#links =
      dial === undefined
        ? []
        : peers.map((address) => new RelayLink({ runtime, hub: this.#hub, members: this.#members, dial, address, credentials, dialer }));
    this.#armSweep();
    const monotonicMs = runtime.monotonicMs();
    void clock?.settled?.then(() => {
      // All that was dated so far was by a wall clock that nobody had confirmed.
      const byMs = nowMs() - startedAtMs - Math.floor(runtime.monotonicMs() - monotonicMs);
      membership.clockSet(byMs);
      if (incarnation?.begunAtMs === undefined) this.#grants.clockSet(byMs);
      this.#members.tell();
    });
  }

  /** Connections that others dialed, strangers included. */
  get connectionCount(): number {
    return this.#peers.size;
  }

  /** What its answers are worth. */
  get status(): RelayStatus {
    return this.#members.status();
  }

  /** Nodes and relays that are connected; a relay twice where both dialed. */
  members(): MemberInfo[] {
    return this.#members.list();
  }

  /** Takes over a connection that is open. `onGreeted`: whoever dialed showed that it knows the secret. */
  accept(connect: Accept, onGreeted: () => void): void {
    const { runtime, credentials, versions = SPOKEN_VERSIONS } = this.#options;
    const peer = new RelayPeer(connect, {
      runtime,
      hub: this.#hub,
      members: this.#members,
      grants: this.#grants,
      credentials,
      relayId: this.#relayId,
      incarnation: this.#incarnation,
      versions,
      onGreeted,
      onClosed: (closed) => this.#peers.delete(closed),
    });
    this.#peers.add(peer);
  }

  /** Tells whoever is connected that it stops. Resolves when the connections that it dialed are gone. */
  async close(): Promise<void> {
    this.#stopSweep();
    for (const peer of this.#peers) peer.drain();
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #armSweep(): void {
    const { runtime } = this.#options;
    this.#stopSweep = runtime.setTimer(SWEEP_INTERVAL_MS, () => {
      const nowMs = runtime.monotonicMs();
      for (const peer of this.#peers) peer.look(nowMs);
      // A loss may be forgotten by now.
      this.#members.tell();
      this.#armSweep();
    });
  }
}
