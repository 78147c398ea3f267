import type { EngineStats } from "../engine/index.ts";

/** One metric of the exposition. `read` gives its value, or one value for each value of `label`. */
export interface MetricDefinition {
  /** Counters are totals since the engine was made. */
  readonly type: "counter" | "gauge";
  /** Without prefix. Counters end in `_total`, sizes in `_bytes`. */
  readonly name: string;
  readonly help: string;
  readonly label?: "reason" | "state";
  readonly read: (stats: EngineStats) => number | Readonly<Record<string, number>>;
}

/**
 * What each figure of `engine.stats()` is called in Prometheus; a figure without a row does not compile. Values of labels come from
 * closed lists in our own code: a key, an id or an attribute's name would be a series for every session.
 */
const METRICS_OF: Readonly<Record<keyof EngineStats, readonly MetricDefinition[]>> = {
  sessions: [
    {
      type: "gauge",
      name: "sessions",
      help: "Sessions that this process holds: hot is a live document, cold is at rest.",
      label: "state",
      read: ({ sessions }) => ({ hot: sessions.hot, cold: sessions.cold }),
    },
    {
      type: "gauge",
      name: "remembered_ends",
      help: "Ended sessions that are remembered, so that none comes back.",
      read: ({ sessions }) => sessions.ended,
    },
    {
      type: "gauge",
      name: "sessions_limit",
      help: "Sessions beyond which new ones are refused (limits.sessionCount).",
      read: ({ sessions }) => sessions.limit,
    },
  ],
  hotBytes: [{ type: "gauge", name: "hot_bytes", help: "Encoded size of the hot documents, about.", read: (stats) => stats.hotBytes }],
  unsavedBytes: [
    {
      type: "gauge",
      name: "unsaved_bytes",
      help: "What a crash of this process would lose: bytes that no durable store has yet.",
      read: (stats) => stats.unsavedBytes,
    },
  ],
  unreplicated: [
    {
      type: "gauge",
      name: "unreplicated_sessions",
      help: "Sessions of which something was written here that no holder has yet.",
      read: ({ unreplicated }) => unreplicated.sessions,
    },
    {
      type: "gauge",
      name: "unreplicated_bytes",
      help: "What the loss of this process would lose although it has holders: bytes that none of them has yet.",
      read: ({ unreplicated }) => unreplicated.bytes,
    },
    {
      type: "gauge",
      name: "unreplicated_age_seconds",
      help: "How long the oldest of that waits.",
      read: ({ unreplicated }) => unreplicated.ageMs / 1_000,
    },
  ],
  created: [{ type: "counter", name: "sessions_created_total", help: "Sessions that began here.", read: (stats) => stats.created }],
  ended: [
    {
      type: "counter",
      name: "sessions_ended_total",
      help: "Sessions that ended, by reason.",
      label: "reason",
      read: (stats) => stats.ended,
    },
  ],
  idle: [
    {
      type: "counter",
      name: "sessions_idle_total",
      help: "Sessions that were evicted because nobody used them.",
      read: (stats) => stats.idle,
    },
  ],
  commits: [{ type: "counter", name: "commits_total", help: "Commits that this process made.", read: (stats) => stats.commits }],
  discardedCommits: [
    {
      type: "counter",
      name: "discarded_commits_total",
      help: "Commits that went nowhere because their session had ended meanwhile.",
      read: (stats) => stats.discardedCommits,
    },
  ],
  remoteCommits: [
    {
      type: "counter",
      name: "remote_commits_total",
      help: "Commits of other processes that were taken in.",
      read: (stats) => stats.remoteCommits,
    },
  ],
  conflicts: [
    {
      type: "counter",
      name: "conflicts_total",
      help: "Values that lost to another one written at the same time.",
      read: (stats) => stats.conflicts,
    },
  ],
  clockFaults: [
    {
      type: "counter",
      name: "clock_faults_total",
      help: "Stamps and touches from a clock too far ahead of this one; and how often this machine's own clock went wrong against the others.",
      read: (stats) => stats.clockFaults,
    },
  ],
  refusedInputs: [
    {
      type: "counter",
      name: "refused_inputs_total",
      help: "Broken or hostile inputs of peers that were refused.",
      read: (stats) => stats.refusedInputs,
    },
  ],
  loads: [{ type: "counter", name: "loads_total", help: "Sessions that had to be loaded.", read: (stats) => stats.loads }],
  storeFailures: [
    { type: "counter", name: "store_failures_total", help: "Calls of the store that failed.", read: (stats) => stats.storeFailures },
  ],
  degraded: [
    {
      type: "counter",
      name: "degraded_total",
      help: "Commits that had fewer acks in time than they should have had.",
      read: (stats) => stats.degraded,
    },
  ],
  lostWrites: [
    {
      type: "counter",
      name: "lost_writes_total",
      help: "Writes that a browser had seen and that could not be had in time.",
      read: (stats) => stats.lostWrites,
    },
  ],
  passivated: [
    { type: "counter", name: "passivations_total", help: "Live documents that went to rest.", read: (stats) => stats.passivated },
  ],
  activated: [{ type: "counter", name: "activations_total", help: "Sessions that came back from rest.", read: (stats) => stats.activated }],
};

export const METRICS: readonly MetricDefinition[] = Object.values(METRICS_OF).flat();
