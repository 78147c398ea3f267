import type { Replica, SessionKey } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { encodeTouch, type TouchEntry } from "./messages/touch.ts";

/** Sessions whose newest touch is remembered, so that relays do not tell each other of it for ever. Forgotten ones are told once more. */
const TOUCHES_PASSED_MAX = 100_000;

/** Where frames of a relay can go, or come from. */
export interface HubPeer {
  /** The id of the relay at the other end; undefined for a node. */
  readonly relay: string | undefined;
  send(frame: Uint8Array): void;
}

/** Which node holds which session, which relays there are, and how what one says reaches the others. */
export class RelayHub {
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  readonly #watchers = new Map<SessionKey, Set<HubPeer>>();
  /** By id: two relays that dial each other have two connections, and use the one that was there first. */
  readonly #relays = new Map<string, Set<HubPeer>>();
  readonly #touchesPassed = new Map<SessionKey, number>();

  constructor(replica: Replica, counters: SyncCounters, log: SyncLog) {
    this.replica = replica;
    this.counters = counters;
    this.log = log;
  }

  /** Sessions that somebody watches. */
  get watchedCount(): number {
    return this.#watchers.size;
  }

  watch(key: SessionKey, peer: HubPeer): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) this.#watchers.set(key, new Set([peer]));
    else watchers.add(peer);
  }

  unwatch(key: SessionKey, peer: HubPeer): void {
    const watchers = this.#watchers.get(key);
    watchers?.delete(peer);
    if (watchers?.size === 0) this.#watchers.delete(key);
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
    for (const peer of this.#watchers.get(key) ?? []) if (peer !== from) peer.send(frame);
    for (const relay of this.#otherRelays(from)) relay.send(frame);
  }

  /** To each node the touches of the sessions that it watches, in one frame; to each relay those that are news. */
  passOnTouches(touches: readonly TouchEntry[], from: HubPeer): void {
    const batches = new Map<HubPeer, TouchEntry[]>();
    for (const touch of touches) {
      for (const peer of this.#watchers.get(touch[0]) ?? []) {
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
