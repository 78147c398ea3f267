import type { EndReason } from "./envelope.ts";
import type { EventHub } from "./event-hub.ts";
import type { Limits } from "./limits.ts";
import type { Registry } from "./registry.ts";
import type { Backlog } from "./replication.ts";

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
  /** What was written here and is on no holder yet; zeros where there are none. */
  readonly unreplicated: Backlog;
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
  /** Commits that had fewer acks in time than they should have had. */
  readonly degraded: number;
  /** Writes that a browser had seen and that could not be had in time. */
  readonly lostWrites: number;
  readonly passivated: number;
  readonly activated: number;
}

/** `counts`: what no event tells. */
export function statsOf(
  registry: Registry,
  events: EventHub,
  limits: Limits,
  counts: Pick<EngineStats, "commits" | "remoteCommits" | "loads" | "unreplicated">,
): EngineStats {
  const ended = (reason: EndReason): number => events.count(reason);
  return {
    ...counts,
    sessions: { ...registry.counts(), limit: limits.sessionCount },
    hotBytes: registry.hotBytes,
    unsavedBytes: registry.unsavedBytes,
    created: events.count("created"),
    ended: { destroyed: ended("destroyed"), rotated: ended("rotated"), expired: ended("expired"), revoked: ended("revoked") },
    idle: events.count("idle"),
    discardedCommits: events.count("commit-discarded"),
    conflicts: events.count("conflict"),
    clockFaults: events.count("clock-fault"),
    refusedInputs: events.count("input-refused"),
    storeFailures: events.count("store-failed"),
    degraded: events.count("degraded"),
    lostWrites: events.count("lost-write"),
    passivated: events.count("passivated"),
    activated: events.count("activated"),
  };
}
