import type { VersionVector } from "./cells.ts";
import { ColdTable } from "./cold-table.ts";
import { contextFor, type SessionDocument } from "./document.ts";
import { endEnvelope, type Envelope, sameEnvelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import { HeldFingerprints } from "./held-fingerprints.ts";
import { HotSessions } from "./hot-sessions.ts";
import { inTime } from "./in-time.ts";
import { KEY_PARTS } from "./key-table.ts";
import { LiveSession, mergeTrusted } from "./live-session.ts";
import type { DocumentRecord, Dot, SessionKey, SessionRecord } from "./record.ts";
import type { RegistryOptions } from "./registry-options.ts";
import { RegistrySweep } from "./registry-sweep.ts";
import { Room } from "./room.ts";
import { SessionLoader } from "./session-loader.ts";
import { SessionSaver } from "./session-saver.ts";
import { discardAtMs, fateOf } from "./session-times.ts";
import { Tombstones } from "./tombstones.ts";
import { readVector } from "./update-reader.ts";

/** How many sessions that cannot go to rest at once are passed over for one that can. */
const COOL_TRIES = 8;
/** How long closing waits for a store, at each of its two steps. */
const CLOSE_TIMEOUT_MS = 5_000;

/**
 * Hot, cold, gone: the one place that makes live sessions of records and sends them to rest. Hot sessions are live documents, the
 * least recently used go cold; cold ones rest in the store and are remembered here; of ended ones a tombstone is kept, from which
 * they are answered; the others are gone.
 */
export class Registry {
  /** What may be taken of a record that a peer sent; undefined when it is broken. Set by whoever lets peers in. */
  check: (record: SessionRecord) => SessionRecord | undefined = (record) => record;
  /** Takes in what a peer has of a session, as `Replica.receiveState`. Set with `check`. */
  receive: (key: SessionKey, record: SessionRecord) => Promise<unknown> = () => Promise.resolve();
  readonly fingerprints: HeldFingerprints;
  readonly loader: SessionLoader;
  readonly #options: RegistryOptions;
  readonly #hot: HotSessions;
  /** Sessions that rest in the store but still belong to this process. */
  readonly #cold = new ColdTable();
  readonly #ended = new Tombstones();
  readonly #room: Room;
  readonly #saver: SessionSaver;
  readonly #sweep: RegistrySweep;
  #isClosed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.#hot = new HotSessions(options.limits, options.store.durable);
    this.fingerprints = new HeldFingerprints(this.#hot, this.#cold, this.#ended);
    this.#room = new Room(options.limits, options.onEvent);
    this.#saver = new SessionSaver({
      ...options,
      onStored: (session) => {
        this.#weigh(session);
        this.#sweep.stored();
      },
      onMerged: (session) => this.#merged(session),
    });
    const parts = {
      registry: this,
      saver: this.#saver,
      hot: this.#hot,
      cold: this.#cold,
      ended: this.#ended,
      current: (key: SessionKey) => this.#current(key),
      insert: (session: LiveSession) => this.#insert(session),
      weigh: (session: LiveSession) => this.#weigh(session),
      toRest: (session: LiveSession) => this.#toRest(session),
      bury: (session: LiveSession) => this.#bury(session),
      endRotated: (session: LiveSession) => this.#endRotated(session),
      forget: (key: SessionKey, own: Dot | undefined) => this.#forget(key, own),
    };
    this.#sweep = new RegistrySweep(options, parts);
    this.loader = new SessionLoader(options, parts);
  }

  /** Live sessions; those that ended are not among them. */
  get sessionCount(): number {
    return this.#hot.size - this.#hot.endedCount + this.#cold.size;
  }

  counts(): { readonly hot: number; readonly cold: number; readonly ended: number } {
    const { endedCount } = this.#hot;
    return { hot: this.#hot.size - endedCount, cold: this.#cold.size, ended: this.#ended.size + endedCount };
  }

  /** Encoded bytes of the hot documents, about. */
  get hotBytes(): number {
    return this.#hot.bytes;
  }

  /** Of those, what a store that lasts does not have yet. */
  get unsavedBytes(): number {
    return this.#hot.unsavedBytes;
  }

  get hotSessions(): Iterable<LiveSession> {
    return this.#hot.values();
  }

  *heldKeys(): Iterable<SessionKey> {
    yield* this.#hot.keys();
    for (let part = 0; part < KEY_PARTS; part++) {
      yield* this.#cold.keysIn(part);
      yield* this.#ended.keysIn(part);
    }
  }

  /** Those of one of the `KEY_PARTS` parts. */
  *heldKeysIn(part: number): Iterable<SessionKey> {
    this.#hot.keepParts();
    yield* this.#hot.keysIn(part);
    yield* this.#cold.keysIn(part);
    yield* this.#ended.keysIn(part);
  }

  isHot(key: SessionKey): boolean {
    return this.#hot.get(key) !== undefined;
  }

  /** The session if it is in memory; marks it as used. One that ended is made of its tombstone. */
  hot(key: SessionKey): LiveSession | undefined {
    return this.#hot.use(key, this.#sweep.roundAtMs) ?? this.#endedSession(key);
  }

  /**
   * Runs `run` on the session that this process holds, if it does, in one go: during the wait for a load it may have come in another
   * way, or have gone cold again.
   */
  async use<T>(key: SessionKey, run: (session: LiveSession | undefined) => T): Promise<T> {
    const loaded = this.#current(key) !== undefined || !this.#cold.has(key) ? undefined : await this.loader.load(key);
    return run(this.#current(key) ?? (loaded === undefined ? undefined : this.reattach(loaded)));
  }

  /**
   * Takes in a session that is new here. An ended one always finds room: forgetting an end would revive the session.
   * @throws SessionError TOO_MANY_SESSIONS
   */
  add(envelope: Envelope, document: SessionDocument | undefined): LiveSession {
    if (document !== undefined) this.#room.check(this.sessionCount, this.unsavedBytes, this.#options.unreplicatedBytes?.() ?? 0);
    const session = new LiveSession(envelope, document);
    this.#insert(session);
    return session;
  }

  /**
   * Takes over a session that rests in the store, from an earlier process: no document is made of it, and nothing is stored. True when it is
   * held from now on, and was not before. What is past its discard time is not.
   * @throws SessionError RECORD_CORRUPT, as far as that is seen without making the document; `load` sees the rest.
   */
  restore(record: SessionRecord, vectorOf: (document: DocumentRecord) => VersionVector = ({ bytes }) => readVector(bytes)): boolean {
    const { clock, context, epsilonMs, onHold } = this.#options;
    const { envelope, document } = record;
    const { key, touchedAtMs, ended } = envelope;
    const atMs = discardAtMs(envelope, epsilonMs);
    if (this.#isClosed || atMs <= clock.nowMs() || this.#current(key) !== undefined || this.#cold.has(key)) return false;
    const fingerprint = this.fingerprints.ofRecord(record, vectorOf);
    if (ended !== undefined) this.#ended.set(envelope, atMs);
    else if (document !== undefined) {
      // This process never wrote to it.
      const own: Dot = [contextFor(context, envelope).writer(), 0];
      this.#cold.lay(key, { own, discardAtMs: atMs, touchedAtMs, fate: fateOf(envelope, epsilonMs), fingerprint });
    }
    this.fingerprints.restored(key, fingerprint);
    onHold(key);
    return true;
  }

  /**
   * Takes in a session that is new here and that nobody here waits for: it rests from the beginning, and no document is made of it. False where
   * that cannot be, or this process wrote to it once: then `add` it.
   * @throws SessionError TOO_MANY_SESSIONS
   */
  addAtRest(record: SessionRecord, vector: VersionVector): boolean {
    const { store, context, epsilonMs, onEvent } = this.#options;
    const { envelope } = record;
    if (store.appendNow === undefined || envelope.ended !== undefined || envelope.successor !== undefined) return false;
    if (vector.has(context.writer())) return false;
    this.#room.check(this.sessionCount, this.unsavedBytes, this.#options.unreplicatedBytes?.() ?? 0);
    try {
      store.appendNow(envelope.key, record, discardAtMs(envelope, epsilonMs));
    } catch (error) {
      onEvent({ type: "store-failed", error });
      return false;
    }
    return this.restore(record, () => vector);
  }

  /** A session that went cold while somebody still had it: it comes back as it is, unless it came in anew after it was forgotten. */
  reattach(session: LiveSession): LiveSession {
    if (session.isHeld) return session;
    const current = this.#current(session.key);
    if (current !== undefined) return current;
    const resting = this.#cold.session(session.key);
    if (resting !== undefined && resting !== session) return this.reattach(resting);
    const cold = this.#cold.get(session.key);
    if (cold !== undefined) session.document?.continueFrom(cold.own);
    // What the store has of it may be gone.
    if (cold === undefined || cold.discardAtMs <= this.#options.clock.nowMs()) session.version++;
    this.#insert(session);
    this.#options.onEvent({ type: "activated", key: session.key });
    return session;
  }

  /** Must be called after every change of a session. Resolves, and never rejects, when a store that lasts has it or has failed. */
  changed(session: LiveSession, origin: "local" | "remote" = "remote"): Promise<void> | undefined {
    if (!session.isHeld) {
      const tombstone = this.#ended.get(session.key);
      if (tombstone !== undefined) {
        session.takeIn({ envelope: tombstone.envelope, document: undefined }, () => false);
        if (sameEnvelope(session.envelope, tombstone.envelope)) return undefined;
      }
      const current = this.#hot.get(session.key);
      if (current !== undefined) {
        current.takeIn(session.record(), this.#merge);
        return this.changed(current, origin);
      }
      if (this.#isClosed) return undefined;
      this.#insert(session);
    }
    session.version++;
    this.#weigh(session);
    this.fingerprints.changed(session);
    this.#options.onChange?.(session, origin);
    if (session.envelope.ended !== undefined) return this.#bury(session);
    const storing = this.#options.store.durable ? this.store(session).catch(() => undefined) : undefined;
    this.#cool();
    return storing;
  }

  /** Resolves when all that the session holds now is stored. Appends of one session never overlap. */
  store(session: LiveSession): Promise<void> {
    return this.#saver.store(session);
  }

  /** As `store`, by key, for what is in memory; undefined where nothing is to be stored. */
  stored(key: SessionKey): Promise<void> | undefined {
    const session = this.#hot.get(key);
    return session === undefined || session.isStored ? undefined : this.store(session);
  }

  /** Whether another process that shares the store has written to this session since: `SessionLoader.refresh` it before it is served. */
  isStale(session: LiveSession): boolean {
    return this.#saver.isStale(session);
  }

  /** Stores what is not stored. Resolves when every append has settled, or the store took too long. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweep.stop();
    const { runtime, store } = this.#options;
    await inTime(runtime, CLOSE_TIMEOUT_MS, this.loader.close());
    if (store.durable) {
      const unsaved = [...this.#hot.values()].filter((session) => !session.isStored);
      await inTime(runtime, CLOSE_TIMEOUT_MS, Promise.allSettled(unsaved.map((session) => this.store(session))));
    }
    this.#hot.clear();
    this.#cold.clear();
    this.#ended.clear();
  }

  readonly #merge = (ours: SessionDocument, theirs: DocumentRecord): boolean => mergeTrusted(ours, theirs, this.#options.context);

  /** A session changed by what another process had stored. */
  #merged(session: LiveSession): void {
    this.#weigh(session);
    this.fingerprints.changed(session);
    this.#options.onChange?.(session, "remote");
    if (session.envelope.ended !== undefined) void this.#bury(session);
  }

  #current(key: SessionKey): LiveSession | undefined {
    return this.#hot.get(key) ?? this.#endedSession(key);
  }

  #endedSession(key: SessionKey): LiveSession | undefined {
    const tombstone = this.#ended.size === 0 ? undefined : this.#ended.get(key);
    if (tombstone === undefined) return undefined;
    const session = new LiveSession(tombstone.envelope, undefined);
    session.isHeld = false;
    session.isEndTold = true;
    return session;
  }

  #insert(session: LiveSession): void {
    const { key } = session;
    if (this.#hot.get(key) !== undefined) throw new SessionError("INVARIANT_BROKEN", "There is one live session a key at any time.");
    const before = this.fingerprints.resting(key);
    const isNew = !this.#cold.delete(key) && !this.#ended.delete(key);
    session.isHeld = true;
    this.#hot.insert(session, this.#sweep.roundAtMs);
    this.fingerprints.inserted(session, before);
    this.#options.onInsert?.(session);
    if (isNew) this.#options.onHold(key);
    this.#cool();
  }

  /** Sends the least recently used sessions to rest. They stay hot until they are stored: nothing unsaved is evicted. */
  #cool(): void {
    let session = this.#hot.oldest;
    for (let tries = 0; session !== undefined && session !== this.#hot.latest && tries < COOL_TRIES && this.#hot.isCrowded;) {
      const { newer } = session;
      if (!this.#toRest(session)) tries++;
      session = newer;
    }
  }

  /** Sends a session to rest, now where that is possible: true then. Otherwise as soon as it is stored, unless it is used meanwhile. */
  #toRest(session: LiveSession): boolean {
    if (session.storing !== undefined) return false;
    if (this.#saver.storeNow(session) || session.isAllStored) return this.#rest(session);
    // Its last touch is not stored.
    if (session.isStored) session.version++;
    this.store(session).then(
      () => {
        const isMeant = this.#hot.isCrowded ? session !== this.#hot.latest : this.#sweep.isUnused(session);
        if (isMeant && this.#rest(session)) this.#cool();
      },
      () => undefined,
    );
    return false;
  }

  #rest(session: LiveSession): boolean {
    const { key, envelope, document } = session;
    if (!session.isAllStored || this.#hot.get(key) !== session) return false;
    if (document === undefined) return this.#lay(session);
    this.#sweep.tellTouch(session);
    this.#hot.delete(session);
    session.isHeld = false;
    session.local = undefined;
    const { epsilonMs } = this.#options;
    this.#cold.set(session, {
      own: document.own,
      discardAtMs: discardAtMs(envelope, epsilonMs),
      touchedAtMs: envelope.touchedAtMs,
      fate: fateOf(envelope, epsilonMs),
      fingerprint: session.fingerprint,
    });
    session.rest(contextFor(this.#options.context, envelope));
    this.#options.onEvent({ type: "passivated", key });
    return true;
  }

  /** Of a session that ended a tombstone is left, as soon as the end is stored. Resolves as `changed` does. */
  #bury(session: LiveSession): Promise<void> | undefined {
    if (this.#saver.storeNow(session)) {
      this.#lay(session);
      return undefined;
    }
    const stored = this.store(session).then(
      () => void this.#lay(session),
      () => undefined,
    );
    return this.#options.store.durable ? stored : undefined;
  }

  /** Every replica that heard of the rotation writes the same end, so none of them has news for another. */
  #endRotated(session: LiveSession): void {
    const { envelope } = session;
    if (envelope.successor === undefined) return;
    session.envelope = endEnvelope(envelope, envelope.ended ?? { reason: "rotated", atMs: envelope.successor.atMs });
    session.document = undefined;
    void this.changed(session);
  }

  #lay(session: LiveSession): boolean {
    if (session.envelope.ended === undefined || !session.isStored || !this.#hot.delete(session)) return false;
    session.isHeld = false;
    this.#ended.set(session.envelope, discardAtMs(session.envelope, this.#options.epsilonMs));
    return true;
  }

  /**
   * Nothing is known of the session from here on. It may come back from a peer that never heard what this process wrote last, so
   * what is written to sessions that come in from now on is written under another writer id.
   */
  #forget(key: SessionKey, own: Dot | undefined): void {
    const { context, onRelease } = this.#options;
    if (own !== undefined && own[1] > 0 && own[0] === context.writer()) context.newWriter();
    const before = this.fingerprints.of(key);
    const session = this.#hot.get(key);
    if (session !== undefined) session.isHeld = false;
    const wasHot = session !== undefined && this.#hot.delete(session);
    const wasCold = this.#cold.delete(key);
    const wasEnded = this.#ended.delete(key);
    this.fingerprints.forgotten(key, before);
    if (wasHot || wasCold || wasEnded) onRelease(key);
  }

  #weigh(session: LiveSession): void {
    this.#hot.weigh(session);
    this.#room.unsaved(this.#hot.unsavedBytes);
  }
}
