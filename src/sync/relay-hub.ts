import type { PeerClock, Replica, Runtime, SessionKey } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { ExpectedStates } from "./expected-states.ts";
import { AllSessions, Fingerprints, type WatchedSessions } from "./fingerprints.ts";
import { encodeRevoke, type RevokeEntry } from "./messages/revoke.ts";
import { encodeTouch, type TouchEntry } from "./messages/touch.ts";
import { RevocationRegisters } from "./revocation-registers.ts";

/** Sessions whose newest touch is remembered, so that relays do not tell each other of it for ever. Forgotten ones are told once more. */
const TOUCHES_PASSED_MAX = 100_000;

/** Where frames of a relay can go, or come from. */
export interface HubPeer {
  /** The id of the relay at the other end; undefined for a node. */
  readonly relay: string | undefined;
  /** False: it was dropped; what it told is repaired later. */
  send(frame: Uint8Array): boolean;
}

/** A node. */
export interface WatchingPeer extends HubPeer {
  /** The sessions that it holds. */
  readonly watched: WatchedSessions;
}

/** Which node holds which session, which relays there are, and how what one says reaches the others. */
export class RelayHub {
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  /** Tells and hears what time it is. */
  readonly clock: PeerClock | undefined;
  /** What was asked for in bulk and is not here yet. */
  readonly expected: ExpectedStates;
  readonly fingerprints: Fingerprints;
  /** Everything that is held. */
  readonly all: AllSessions;
  readonly registers: RevocationRegisters;
  readonly #nodes = new Set<HubPeer>();
  /** Most sessions are watched by one: a set for each would take more memory than all else that is kept of a session at rest. */
  readonly #watchers = new Map<SessionKey, WatchingPeer | Set<WatchingPeer>>();
  /** By id: two relays that dial each other have two connections, and use the one that was there first. */
  readonly #relays = new Map<string, Set<HubPeer>>();
  readonly #touchesPassed = new Map<SessionKey, number>();

  readonly #runtime: Runtime;

  constructor(replica: Replica, runtime: Runtime, counters: SyncCounters, log: SyncLog, clock?: PeerClock) {
    this.#runtime = runtime;
    this.clock = clock;
    this.expected = new ExpectedStates(runtime);
    this.replica = replica;
    this.counters = counters;
    this.log = log;
    this.fingerprints = new Fingerprints(replica, runtime);
    this.all = new AllSessions(this.fingerprints);
    this.registers = new RevocationRegisters(replica, runtime, counters, log);
    this.fingerprints.listen((key, before, after) => {
      for (const peer of this.#watchersOf(key)) peer.watched.changed(key, before, after);
    });
  }

  /** The time that relays and nodes go by, milliseconds since the epoch. */
  nowMs(): number {
    return this.clock?.nowMs() ?? this.#runtime.nowMs();
  }

  /** Sessions that somebody watches. */
  get watchedCount(): number {
    return this.#watchers.size;
  }

  watch(key: SessionKey, peer: WatchingPeer): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) this.#watchers.set(key, peer);
    else if (watchers instanceof Set) watchers.add(peer);
    else if (watchers !== peer) this.#watchers.set(key, new Set([watchers, peer]));
  }

  unwatch(key: SessionKey, peer: WatchingPeer): void {
    const watchers = this.#watchers.get(key);
    if (watchers === peer) this.#watchers.delete(key);
    if (!(watchers instanceof Set) || !watchers.delete(peer)) return;
    const [only] = watchers;
    if (only !== undefined && watchers.size === 1) this.#watchers.set(key, only);
  }

  /** From here on it gets what is news here and concerns everybody. */
  addNode(peer: WatchingPeer): void {
    this.#nodes.add(peer);
  }

  removeNode(peer: WatchingPeer): void {
    this.#nodes.delete(peer);
  }

  /** From here on it gets what is news here, whatever session it is of. */
  addRelay(peer: HubPeer & { readonly relay: string }): void {
    const connections = this.#relays.get(peer.relay);
    if (connections === undefined) this.#relays.set(peer.relay, new Set([peer]));
    else connections.add(peer);
  }

  removeRelay(peer: HubPeer & { readonly relay: string }): void {
    const connections = this.#relays.get(peer.relay);
    connections?.delete(peer);
    if (connections?.size === 0) this.#relays.delete(peer.relay);
  }

  /**
   * What is news here: the same bytes to everybody who watches `key`, and to every other relay, but not back to `from`. What is no news
   * to another relay goes no further, so it ends after one round.
   */
  passOn(key: SessionKey, frame: Uint8Array, from: HubPeer): void {
    for (const peer of this.#watchersOf(key)) if (peer !== from) peer.send(frame);
    for (const relay of this.#otherRelays(from)) relay.send(frame);
  }

  /** Takes registers in; what is news goes to everybody else. Rejects when they could not be stored. */
  async revoke(revocations: readonly RevokeEntry[], from: HubPeer): Promise<void> {
    const news = await this.registers.receive(revocations);
    if (news.length === 0) return;
    const frame = encodeRevoke({ asks: false, isWhole: false, revocations: news });
    for (const peer of this.#nodes) if (peer !== from) peer.send(frame);
    for (const relay of this.#otherRelays(from)) relay.send(frame);
  }

  /** The replica failed: its store did not answer, say. */
  failed(what: string, error: unknown): void {
    this.counters.replicaFailures += 1;
    this.log(`${what}: ${error instanceof Error ? error.message : "unknown failure"}`);
  }

  /** To each node the touches of the sessions that it watches, in one frame; to each relay those that are news. */
  passOnTouches(touches: readonly TouchEntry[], from: HubPeer): void {
    const batches = new Map<HubPeer, TouchEntry[]>();
    for (const touch of touches) {
      for (const peer of this.#watchersOf(touch[0])) {
        const batch = batches.get(peer);
        if (peer === from) continue;
        if (batch === undefined) batches.set(peer, [touch]);
        else batch.push(touch);
      }
    }
    for (const [peer, batch] of batches) peer.send(encodeTouch({ touches: batch }));
    const relays = [...this.#otherRelays(from)];
    if (relays.length === 0) return;
    const news = touches.filter((touch) => this.#isNews(touch));
    if (news.length === 0) return;
    const frame = encodeTouch({ touches: news });
    for (const relay of relays) relay.send(frame);
  }

  #watchersOf(key: SessionKey): Iterable<WatchingPeer> {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) return NOBODY;
    return watchers instanceof Set ? watchers : [watchers];
  }

  /** A touch changes no fingerprint, so what is news is remembered apart. */
  #isNews([key, touchedAtMs]: TouchEntry): boolean {
    if (touchedAtMs <= (this.#touchesPassed.get(key) ?? -1)) return false;
    // Deleted first, so that the first entry is always the one told longest ago.
    this.#touchesPassed.delete(key);
    this.#touchesPassed.set(key, touchedAtMs);
    const [oldest] = this.#touchesPassed.keys();
    if (this.#touchesPassed.size > TOUCHES_PASSED_MAX && oldest !== undefined) this.#touchesPassed.delete(oldest);
    return true;
  }

  *#otherRelays(from: HubPeer): Iterable<HubPeer> {
    for (const [id, [connection]] of this.#relays) if (id !== from.relay && connection !== undefined) yield connection;
  }
}

const NOBODY: readonly WatchingPeer[] = [];
