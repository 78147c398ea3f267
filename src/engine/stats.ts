import type { EndReason } from "./envelope.ts";

/** What an engine holds now, and what it did since it was made. Counters only grow. Reading it costs a few microseconds. */
export interface EngineStats {
  readonly sessions: {
    /** Live documents, ended sessions not among them. */
    readonly hot: number;
    /** At rest, and still this process's own. */
    readonly cold: number;
    /** Ends that are remembered. */
    readonly ended: number;
    readonly limit: number;
  };
  /** Encoded size of the hot documents, about. */
  readonly hotBytes: number;
  /** What a crash of this process would lose: bytes that no durable store has yet. 0 where the store is not durable. */
  readonly unsavedBytes: number;
  readonly created: number;
  readonly ended: Readonly<Record<EndReason, number>>;
  /** Evicted because nobody used them; no end was written. */
  readonly idle: number;
  readonly commits: number;
  readonly discardedCommits: number;
  readonly remoteCommits: number;
  readonly conflicts: number;
  readonly clockFaults: number;
  readonly refusedInputs: number;
  readonly loads: number;
  readonly storeFailures: number;
  readonly passivated: number;
  readonly activated: number;
}
