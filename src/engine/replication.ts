import type { Envelope } from "./envelope.ts";
import type { Change, SessionKey, SessionRecord } from "./record.ts";

/**
 * How the sessions of this process meet those of others. Every implementation passes test/contract/replication.contract.ts:
 * - RP1 what is sent leaves in the same tick, in the order of the calls, to every holder that is connected.
 * - RP2 after a reconnect every held session and every unacknowledged end is exchanged whole, both ways.
 * - RP3 `fetch` always settles within its deadline; "absent" only when a holder said so.
 * - RP4 `sendEnd` resolves when every connected holder has acknowledged it, at the latest at its deadline, and says which; it is sent on until acknowledged.
 * - RP5 nothing reaches the replica after `close` has resolved, and no timer or socket is left.
 */
export interface Replication {
  /** Called once, before anything else, by what `EngineOptions.sync` gives. From here on it may call `replica`. */
  start(replica: Replica): void;
  /** Resolves when the first attempt to reach the holders is over, whether or not it succeeded. */
  readonly ready: Promise<void>;
  /** From now on this process holds `key` and wants its changes. */
  watch(key: SessionKey): void;
  unwatch(key: SessionKey): void;
  /** Asks the holders for a session that is not held here. */
  fetch(key: SessionKey): Promise<FetchAnswer>;
  /** A session whole: newly created, or rewritten in a way that a change cannot say (compaction, join). */
  sendState(key: SessionKey, record: SessionRecord): void;
  sendChange(key: SessionKey, change: Change): void;
  /** Coalesced by the implementation; the newest counts. */
  sendTouch(key: SessionKey, touchedAtMs: number): void;
  sendEnd(key: SessionKey, envelope: Envelope): Promise<Delivery>;
  close(): Promise<void>;
}

export type FetchAnswer =
  | { readonly kind: "found"; readonly record: SessionRecord }
  | { readonly kind: "absent" }
  | { readonly kind: "unavailable" };

/** What is known of a delivery: `acks` holders have it, of `wanted` that were asked; `durable` when each of those stored it. */
export interface Delivery {
  readonly acks: number;
  readonly wanted: number;
  readonly durable: boolean;
}

/**
 * The engine as replication sees it. Calls for one key take effect in the order in which they are made.
 * Nothing here throws for what a peer sent: hostile or broken input is refused, counted and reported in the answer.
 */
export interface Replica {
  /** Keys of all sessions held here (live or ended, hot; in a relay also cold). */
  heldKeys(): Iterable<SessionKey>;
  /** The session whole, as it is now; undefined when it is not held. */
  record(key: SessionKey): Promise<SessionRecord | undefined>;
  receiveState(key: SessionKey, record: SessionRecord): Promise<StateReceipt>;
  receiveChange(key: SessionKey, change: Change): Promise<ChangeReceipt>;
  receiveTouch(key: SessionKey, touchedAtMs: number): Promise<void>;
  /** An end dominates: whatever was held of the session is dropped. Also for a key that is not held. */
  receiveEnd(key: SessionKey, envelope: Envelope): Promise<void>;
}

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
