import type { Fingerprint, Replica, Runtime, SessionKey } from "../engine/index.ts";
import { partOf } from "../engine/index.ts";
import { DigestTree } from "./digest-tree.ts";

/** What changed within this time may still be on its way to the other side of a link: no repair is needed for it yet. */
export const IN_FLIGHT_MS = 2_000;

type Listener = (key: SessionKey, before: Fingerprint, after: Fingerprint) => void;

/** The states of a replica's sessions by name, and which of them are fresh. One for each replica: it has one listener. */
export class Fingerprints {
  readonly #replica: Replica;
  readonly #runtime: Runtime;
  readonly #listeners = new Set<Listener>();
  /** When a session changed last, in that order. */
  readonly #changedAtMs = new Map<SessionKey, number>();

  constructor(replica: Replica, runtime: Runtime) {
    this.#replica = replica;
    this.#runtime = runtime;
    replica.onFingerprint((key, before, after) => {
      this.#remember(key);
      for (const listener of this.#listeners) listener(key, before, after);
    });
  }

  of(key: SessionKey): Fingerprint {
    return this.#replica.fingerprint(key);
  }

  heldKeys(): Iterable<SessionKey> {
    return this.#replica.heldKeys();
  }

  heldKeysIn(part: number): Iterable<SessionKey> {
    return this.#replica.heldKeysIn(part);
  }

  /** Called in the tick of every change. Returns a function that stops it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For how long yet a change of this session may be on its way, milliseconds; 0: it is not. */
  inFlightMs(key: SessionKey): number {
    const changedAtMs = this.#changedAtMs.get(key);
    return changedAtMs === undefined ? 0 : Math.max(0, changedAtMs + IN_FLIGHT_MS - this.#runtime.monotonicMs());
  }

  #remember(key: SessionKey): void {
    const nowMs = this.#runtime.monotonicMs();
    this.#changedAtMs.delete(key);
    this.#changedAtMs.set(key, nowMs);
    for (const [oldest, changedAtMs] of this.#changedAtMs) {
      if (changedAtMs + IN_FLIGHT_MS > nowMs) break;
      this.#changedAtMs.delete(oldest);
    }
  }
}

/** The sessions that one connection is about, summed up. */
export interface Interest {
  readonly tree: DigestTree;
  has(key: SessionKey): boolean;
  /** The other side holds it, too, and wants what is written here. */
  add(key: SessionKey): void;
  /** Those of one bucket that are held here. */
  heldIn(bucket: number): Iterable<SessionKey>;
}

/** The sessions that a node watches: on the node itself, and on each relay for each of its nodes. */
export class WatchedSessions implements Interest {
  readonly tree = new DigestTree();
  readonly #fingerprints: Fingerprints;
  readonly #onAdd: (key: SessionKey) => void;
  readonly #keys = new Set<SessionKey>();

  /**
   * Whoever makes it tells it of changes (`changed`): a relay knows at once which of its nodes watch a session. `onAdd` is called before a
   * session is added, and may throw.
   */
  constructor(fingerprints: Fingerprints, onAdd: (key: SessionKey) => void = () => undefined) {
    this.#fingerprints = fingerprints;
    this.#onAdd = onAdd;
  }

  get size(): number {
    return this.#keys.size;
  }

  keys(): Iterable<SessionKey> {
    return this.#keys;
  }

  has(key: SessionKey): boolean {
    return this.#keys.has(key);
  }

  add(key: SessionKey): void {
    if (this.#keys.has(key)) return;
    this.#onAdd(key);
    this.#keys.add(key);
    this.changed(key, 0, this.#fingerprints.of(key));
  }

  /** True when it was watched. */
  delete(key: SessionKey): boolean {
    if (!this.#keys.delete(key)) return false;
    this.changed(key, this.#fingerprints.of(key), 0);
    return true;
  }

  /** One of them is in another state now. */
  changed(key: SessionKey, before: Fingerprint, after: Fingerprint): void {
    if (before !== after) this.tree.change(partOf(key), before, after);
  }

  *heldIn(bucket: number): Iterable<SessionKey> {
    for (const key of this.#fingerprints.heldKeysIn(bucket)) if (this.#keys.has(key)) yield key;
  }
}

/** Everything that is held: between relays. */
export class AllSessions implements Interest {
  readonly tree = new DigestTree();
  readonly #fingerprints: Fingerprints;

  constructor(fingerprints: Fingerprints) {
    this.#fingerprints = fingerprints;
    for (const key of fingerprints.heldKeys()) this.tree.change(partOf(key), 0, fingerprints.of(key));
    fingerprints.listen((key, before, after) => this.tree.change(partOf(key), before, after));
  }

  has(): boolean {
    return true;
  }

  add(): void {}

  heldIn(bucket: number): Iterable<SessionKey> {
    return this.#fingerprints.heldKeysIn(bucket);
  }
}
