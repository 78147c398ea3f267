import type { SessionKey } from "./record.ts";

/**
 * What an operator may want to know. Given to the option `onEvent`; a listener that throws harms nobody.
 * Never carries ids, values or contents.
 */
export type SessionEvent =
  /** A request wrote to a session that had ended meanwhile: its writes went nowhere. */
  | { readonly type: "commit-discarded"; readonly key: SessionKey }
  /** A stamp or touch came from a clock that is more than ε ahead of this one. Data is taken all the same, touches are not. */
  | { readonly type: "clock-fault"; readonly key: SessionKey; readonly aheadMs: number }
  /** More than 256 processes have written one session: its version vector grows by about 13 bytes for each. */
  | { readonly type: "many-writers"; readonly key: SessionKey; readonly writerCount: number }
  /** Something broken or hostile came from a peer; nothing changed. */
  | { readonly type: "input-refused"; readonly key: SessionKey; readonly error: unknown }
  /** The store failed; what is not stored is kept and tried again. */
  | { readonly type: "store-failed"; readonly error: unknown }
  /** Alive sessions reached 80 % of `limits.sessionCount`. */
  | { readonly type: "sessions-near-limit"; readonly sessionCount: number; readonly limit: number };

export type EventListener = (event: SessionEvent) => void;

/** A listener that cannot throw into the engine. */
export function harmless(listener: EventListener | undefined): EventListener {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // The listener's own affair: nothing that it does may change what happens to sessions.
    }
  };
}
