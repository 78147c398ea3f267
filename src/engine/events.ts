import type { EndReason } from "./envelope.ts";
import type { SessionKey } from "./record.ts";

/**
 * What an application or an operator may want to know: `engine.on(type, listener)`, or all of them by the option `onEvent`. A listener
 * that throws harms nobody. Never carries ids, values or contents.
 */
export type SessionEvent =
  /** A session began, here. */
  | { readonly type: "created"; readonly key: SessionKey }
  /** An attribute was written, by this process (`local`) or elsewhere. `removed` also when its time to live ran out and somebody wrote since. */
  | {
      readonly type: "attribute";
      readonly key: SessionKey;
      readonly change: "added" | "replaced" | "removed";
      readonly name: string;
      readonly origin: "local" | "remote";
    }
  /** `regenerate`: what was `key` goes on as `nextKey`. */
  | { readonly type: "id-changed"; readonly key: SessionKey; readonly nextKey: SessionKey }
  /**
   * A session that nobody used was evicted. No end was written: on another node it may be in use. Told at least once in each process that held
   * it; `dedupeKey` is the same in all of them.
   */
  | { readonly type: "idle"; readonly key: SessionKey; readonly dedupeKey: string }
  /** A session is over, here or elsewhere. Once in each process that holds it. */
  | { readonly type: "ended"; readonly key: SessionKey; readonly reason: EndReason }
  /** A live document went to rest, or came back. */
  | { readonly type: "passivated"; readonly key: SessionKey }
  | { readonly type: "activated"; readonly key: SessionKey }
  /** Of two values written at the same time one was discarded: the attribute may want a declaration. Stamps are milliseconds since birth. */
  | {
      readonly type: "conflict";
      readonly key: SessionKey;
      readonly name: string;
      readonly keptAtMs: number;
      readonly discardedAtMs: number;
    }
  /** A request wrote to a session that had ended meanwhile: its writes went nowhere. */
  | { readonly type: "commit-discarded"; readonly key: SessionKey }
  /**
   * A stamp or touch came from a clock that is more than ε ahead of this one (with `key`; data is taken all the same, touches are not), or
   * this machine's own clock is off those of the others (without): synchronize it. Negative where it is behind.
   */
  | { readonly type: "clock-fault"; readonly key: SessionKey | undefined; readonly aheadMs: number }
  /** A holder can be reached, or not any more; `isDrained`: it said that it stops. */
  | { readonly type: "member-joined"; readonly member: string }
  | { readonly type: "member-left"; readonly member: string; readonly isDrained: boolean }
  /** A response went out, or failed (`degraded`), without the acks that it should have had. */
  | { readonly type: "degraded"; readonly key: SessionKey; readonly acks: number; readonly wanted: number }
  /** A browser had seen a write that nobody knows who could be asked in time. */
  | { readonly type: "lost-write"; readonly key: SessionKey }
  /** More than 256 processes have written one session: its version vector grows by about 13 bytes for each. */
  | { readonly type: "many-writers"; readonly key: SessionKey; readonly writerCount: number }
  /** Something broken or hostile came from a peer, of a session or (without `key`) of a subject; nothing changed. */
  | { readonly type: "input-refused"; readonly key: SessionKey | undefined; readonly error: unknown }
  /** The store failed; what is not stored is kept and tried again. */
  | { readonly type: "store-failed"; readonly error: unknown }
  /** Alive sessions reached 80 % of `limits.sessionCount`. */
  | { readonly type: "sessions-near-limit"; readonly sessionCount: number; readonly limit: number }
  /** What is not stored yet reached 80 % of `limits.unsavedBytes`. */
  | { readonly type: "unsaved-near-limit"; readonly unsavedBytes: number; readonly limit: number };

export type EventListener = (event: SessionEvent) => void;

/**
 * Runs what an application gave to be called. What comes of it, at once or later, is its own affair: nothing that it does may change what
 * happens to sessions, or end the process.
 */
export function calmly(call: () => unknown): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(() => undefined);
  } catch {
    // See above.
  }
}
