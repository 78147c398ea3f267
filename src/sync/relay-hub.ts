import type { Replica, Runtime, SessionKey } from "../engine/index.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { Fingerprints } from "./fingerprints.ts";
import { encodeTouch, type TouchEntry } from "./messages/touch.ts";
import type { RelayPeer } from "./relay-peer.ts";

/** Which node holds which session, and how what one says reaches the others. */
export class RelayHub {
  readonly replica: Replica;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  readonly fingerprints: Fingerprints;
  readonly #watchers = new Map<SessionKey, Set<RelayPeer>>();

  constructor(replica: Replica, runtime: Runtime, counters: SyncCounters, log: SyncLog) {
    this.replica = replica;
    this.counters = counters;
    this.log = log;
    this.fingerprints = new Fingerprints(replica, runtime);
    this.fingerprints.listen((key, before, after) => {
      for (const peer of this.#watchers.get(key) ?? []) peer.watched.changed(key, before, after);
    });
  }

  /** Sessions that somebody watches. */
  get watchedCount(): number {
    return this.#watchers.size;
  }

  watch(key: SessionKey, peer: RelayPeer): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) this.#watchers.set(key, new Set([peer]));
    else watchers.add(peer);
  }

  unwatch(key: SessionKey, peer: RelayPeer): void {
    const watchers = this.#watchers.get(key);
    watchers?.delete(peer);
    if (watchers?.size === 0) this.#watchers.delete(key);
  }

  /** The same bytes to everybody who watches `key`, but not back to `from`. */
  passOn(key: SessionKey, frame: Uint8Array, from: RelayPeer): void {
    for (const peer of this.#watchers.get(key) ?? []) if (peer !== from) peer.send(frame);
  }

  /** To each node the touches of the sessions that it watches, in one frame. */
  passOnTouches(touches: readonly TouchEntry[], from: RelayPeer): void {
    const batches = new Map<RelayPeer, TouchEntry[]>();
    for (const touch of touches) {
      for (const peer of this.#watchers.get(touch[0]) ?? []) {
        const batch = batches.get(peer);
        if (peer === from) continue;
        if (batch === undefined) batches.set(peer, [touch]);
        else batch.push(touch);
      }
    }
    for (const [peer, batch] of batches) peer.send(encodeTouch({ touches: batch }));
  }
}
