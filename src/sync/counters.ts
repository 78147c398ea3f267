/** What happened on this side's connections since its start. Figures only: nothing here tells one session or peer from another. */
export interface SyncCounters {
  /** Frames that the protocol does not have, or not at that point. Each closed its connection. */
  malformedFrames: number;
  /** Connections that ended before both sides knew each other: wrong secret, domain or version, too slow, too large, no node at all. */
  refusedGreetings: number;
  /** How often a peer took so little of what was queued for it that frames were dropped, and repaired once it had caught up. */
  queueOverflows: number;
  /** Frames not sent because they exceed what a peer accepts. */
  oversizeFrames: number;
  /** States and changes that the replica refused as broken or hostile. */
  refusedStates: number;
  /** Frames that could not be taken in because the replica failed (its store did not answer, say). */
  replicaFailures: number;
  /** Ends that were forgotten before they were acknowledged, because too many were waiting. */
  forgottenEnds: number;
}

export function newCounters(): SyncCounters {
  return {
    malformedFrames: 0,
    refusedGreetings: 0,
    queueOverflows: 0,
    oversizeFrames: 0,
    refusedStates: 0,
    replicaFailures: 0,
    forgottenEnds: 0,
  };
}

/** One line for an operator. Never holds a session's id, key or value, nor a secret. */
export type SyncLog = (line: string) => void;
