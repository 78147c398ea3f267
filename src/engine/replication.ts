import type { Envelope } from "./envelope.ts";
import type { Change, Epoch, SessionKey, SessionRecord, SubjectKey } from "./record.ts";

/**
 * How the sessions of this process meet those of others. Every implementation passes `replicationContract` of `converge-session/testing`:
 * - RP1 what is sent leaves in the same tick, in the order of the calls, to every holder that is connected.
 * - RP2 after a reconnect all that the two sides hold differently, and every unacknowledged end, is exchanged, both ways.
 * - RP3 `fetch` always settles within its deadline; "absent" only when a holder said so.
 * - RP4 `sendEnd` resolves when every connected holder has acknowledged it, at the latest at its deadline, and says which; it is sent on until acknowledged.
 * - RP5 nothing reaches the replica after `close` has resolved, and no timer or socket is left.
 */
export interface Replication {
  /** Called once, before anything else, by what `EngineOptions.sync` gives. From here on it may call `replica`. */
  start(replica: Replica): void;
  /** How many holders must have what a request wrote before its response goes out. 0: none. */
  readonly acks: number;
  /** What happens to a response whose acks did not come in time: it goes out, or it is an error (`ACKS_MISSING`). */
  readonly degraded: "serve" | "fail";
  /** What happens to sessions from this process's own old store while not all holders could be asked about them. */
  readonly alone: "serve" | "refuse";
  /** Resolves when the first attempt to reach the holders is over, whether or not it succeeded. */
  readonly ready: Promise<void>;
  /** From now on this process holds `key` and wants its changes. */
  watch(key: SessionKey): void;
  unwatch(key: SessionKey): void;
  /** Asks all connected holders at once. `bornAtMs`: the birth time that the id says, where it says one. */
  fetch(key: SessionKey, bornAtMs?: number): Promise<FetchAnswer>;
  /** A session whole: newly created, or rewritten in a way that a change cannot say (a join). */
  sendState(key: SessionKey, record: SessionRecord): void;
  sendChange(key: SessionKey, change: Change): void;
  /** The session was compacted, and says what it said: others may do the same. */
  sendCompaction(key: SessionKey, epoch: Epoch): void;
  /** Coalesced by the implementation; the newest counts. */
  sendTouch(key: SessionKey, touchedAtMs: number): void;
  sendEnd(key: SessionKey, envelope: Envelope): Promise<Delivery>;
  /** Everybody's sessions of `subject` up to `notBeforeMs` are over. Resolves as `sendEnd` does, and is sent on as an end is. */
  sendRevocation(subject: SubjectKey, notBeforeMs: number): Promise<Delivery>;
  /** Resolves when `acks` holders have all that was sent of `key` before the call, at the latest after the ack timeout; says what is known. */
  delivered(key: SessionKey, acks: number): Promise<Delivery>;
  /** What no holder has yet. */
  backlog(): Backlog;
  /**
   * As `SessionStore.claim`, granted by a majority of the configured holders. `bornAtMs`: first birth of the session.
   * @throws SessionError CLAIM_UNAVAILABLE where no majority could be had: never a guess.
   */
  claim(key: SessionKey, name: string, nowMs: number, untilMs: number, bornAtMs: number): Promise<boolean>;
  release(key: SessionKey, name: string, untilMs: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * - found: at least one holder has it; `record` joins all that were found.
 * - absent: a holder that would know it says that there is none (DESIGN section 5, "A miss").
 * - unavailable: nobody who would know it answered in time.
 * `isComplete`: all configured holders answered.
 */
export type FetchAnswer =
  | { readonly kind: "found"; readonly record: SessionRecord; readonly isComplete: boolean }
  | { readonly kind: "absent"; readonly isComplete: boolean }
  | { readonly kind: "unavailable" };

/** What was written here and is on no holder yet: what the loss of this process would lose. */
export interface Backlog {
  readonly sessions: number;
  /** Bytes of the frames that told it, about. */
  readonly bytes: number;
  /** How long the oldest of it waits; 0 for none. */
  readonly ageMs: number;
}

/** What is known of a delivery: `acks` holders have it, of `wanted` that were asked; `durable` when each of those stored it. */
export interface Delivery {
  readonly acks: number;
  readonly wanted: number;
  readonly durable: boolean;
}

/**
 * The engine as replication sees it. Calls for one key take effect in the order in which they are made.
 * Nothing here throws for what a peer sent: hostile or broken input is refused, counted and reported in the answer. What this process cannot
 * do (its store does not answer) rejects.
 */
export interface Replica {
  /** Keys of all sessions held here (live or ended, hot; in a relay also cold). */
  heldKeys(): Iterable<SessionKey>;
  /** Those of one of the `KEY_PARTS` parts that keys fall into. */
  heldKeysIn(part: number): Iterable<SessionKey>;
  /** Whether what is taken in can be kept over a crash of this process (`stored`). */
  readonly durable: boolean;
  /**
   * Names the state that a held session is in; 0 when it is not held. Equal for replicas that hold the same (epoch, version vector, envelope
   * without touches; of an ended session only that it ended), and for two different states equal by chance only (53 bits).
   */
  fingerprint(key: SessionKey): Fingerprint;
  /** `listener` hears of every change of a fingerprint, in the tick in which it happens. One listener; set before anything else. */
  onFingerprint(listener: (key: SessionKey, before: Fingerprint, after: Fingerprint) => void): void;
  /** Resolves when all that is held of the session now is stored; undefined when it is, or the store does not last. Rejects when it failed. */
  stored(key: SessionKey): Promise<void> | undefined;
  /** The registers of `revokeAll`. */
  revocations(): Promise<ReadonlyMap<SubjectKey, number>>;
  /** Resolves when it is stored: true when it was news. */
  receiveRevocation(subject: SubjectKey, notBeforeMs: number): Promise<boolean>;
  /** As `SessionStore.claim` and `release`, in the store of this process: what a holder grants. */
  claim(key: SessionKey, name: string, nowMs: number, untilMs: number): Promise<boolean>;
  release(key: SessionKey, name: string, untilMs: number): Promise<void>;
  /** The session whole, as it is now; undefined when it is not held. */
  record(key: SessionKey): Promise<SessionRecord | undefined>;
  /** `isIdle`: nobody here waits for it, so if it is new it need not be in memory. Default false. */
  receiveState(key: SessionKey, record: SessionRecord, isIdle?: boolean): Promise<StateReceipt>;
  receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt>;
  receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void>;
  /** Somebody compacted the session. True when it is compacted now here, too, to the same; false when it was before, or cannot be. */
  receiveCompaction(key: SessionKey, epoch: Epoch): Promise<boolean>;
  /** An end dominates: whatever was held of the session is dropped. Also for a key that is not held. */
  receiveEnd(key: SessionKey, envelope: Envelope): Promise<void>;
}

/** An integer in [0, 2^53); 0 for a session that is not held. */
export type Fingerprint = number;

/**
 * - merged: this replica's state changed; `ahead` says that it now holds more than the sender, who wants it back.
 * - unchanged: it held all of that already; `ahead` as above.
 * - refused: broken or hostile; nothing changed.
 */
export interface StateReceipt {
  readonly kind: "merged" | "unchanged" | "refused";
  readonly ahead: boolean;
}

/**
 * - applied: as it came, in the same epoch; the change can be passed on as it is.
 * - joined: it came from another epoch and was merged; others need the state, the change alone does not tell it.
 * - duplicate: covered already.
 * - state-needed: something that it depends on is missing here (a gap), or its epoch is higher: ask the sender for the state.
 * - unknown: no such session is held here: ask the sender for the state, or ignore.
 * - ended: the session is over here: tell the sender.
 * - refused: broken or hostile; nothing changed.
 */
export type ChangeReceipt = "applied" | "joined" | "duplicate" | "state-needed" | "unknown" | "ended" | "refused";
