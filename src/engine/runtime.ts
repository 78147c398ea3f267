import type { SessionKey } from "./record.ts";

/** What the engine does that is worth a span: waits, and the writes of a request. */
export type SpanName = "session.load" | "session.commit" | "session.store" | "session.end";

/**
 * What the engine needs from the machine it runs on. `src/runtime` gives Node's; a simulation gives its own.
 * The engine itself never reads a clock, arms a timer, draws a random number or hashes on its own.
 */
export interface Runtime {
  /** Wall clock, milliseconds since the epoch. May step; `EngineClock` takes care of that. */
  nowMs(): number;
  /** A clock that only runs forwards, milliseconds with fractions from an unknown origin; stands still while the machine is suspended. */
  monotonicMs(): number;
  /** Runs `run` once after `delayMs` (0 … 24 h). Never keeps the process alive. Returns a function that cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
  /** `byteCount` bytes from a cryptographically strong source. Throws when the source fails: never a weaker one. */
  randomBytes(byteCount: number): Uint8Array;
  /** SHA-256 of bytes, or of the UTF-8 of a text; 32 bytes. */
  sha256(data: Uint8Array | string): Uint8Array;
  /** Begins a span of a trace, and returns what ends it; undefined where nobody traces. `key` names the session to those who correlate. */
  readonly span?: ((name: SpanName, key: SessionKey) => (error?: unknown) => void) | undefined;
}
