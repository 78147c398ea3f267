import { Counter, Gauge, Registry } from "prom-client";
import type { SyncCounters } from "../sync/index.ts";
import { collectMetrics, type StatsSource } from "../metrics/index.ts";
import type { RelayFigures } from "./relay-figures.ts";

/** One metric of a relay. `read` gives its value, or one value for each value of `label`. */
export interface RelayMetric {
  readonly type: "counter" | "gauge";
  /** Without prefix. */
  readonly name: string;
  readonly help: string;
  readonly label?: "direction";
  readonly read: (figures: RelayFigures) => number | Readonly<Record<string, number>>;
}

const RELAY_METRICS_PREFIX = "converge_session_";

/** A counter without a row does not compile. */
const COUNTERS: Readonly<Record<keyof SyncCounters, Omit<RelayMetric, "type" | "read">>> = {
  malformedFrames: {
    name: "relay_malformed_frames_total",
    help: "Frames that the protocol does not have, or not at that point; each closed its connection.",
  },
  refusedGreetings: {
    name: "relay_refused_greetings_total",
    help: "Connections that ended before both sides knew each other: wrong secret, domain or version, too slow, or no node at all.",
  },
  queueOverflows: { name: "relay_queue_overflows_total", help: "How often a peer did not take what was queued for it." },
  oversizeFrames: { name: "relay_oversize_frames_total", help: "Frames not sent because they exceed what a peer accepts." },
  refusedStates: { name: "relay_refused_states_total", help: "States and changes that were refused as broken or hostile." },
  replicaFailures: { name: "relay_replica_failures_total", help: "Frames that could not be taken in, because the store failed, say." },
  forgottenEnds: { name: "relay_forgotten_ends_total", help: "Ends that were forgotten before they were acknowledged." },
};

export const RELAY_METRICS: readonly RelayMetric[] = [
  {
    type: "gauge",
    name: "relay_connections",
    help: "Open connections, strangers included.",
    read: ({ traffic }) => traffic.connectionCount,
  },
  { type: "gauge", name: "relay_nodes", help: "Nodes that are connected.", read: ({ nodeCount }) => nodeCount },
  {
    type: "gauge",
    name: "relay_members",
    help: "Relays whose news reaches this one, itself included.",
    read: ({ memberCount }) => memberCount,
  },
  {
    type: "gauge",
    name: "relay_ready",
    help: "1 when this relay is past its join barrier and not about to stop.",
    read: ({ isReady }) => Number(isReady),
  },
  {
    type: "gauge",
    name: "relay_complete",
    help: "1 when this relay may say that there is no such session.",
    read: ({ isComplete }) => Number(isComplete),
  },
  {
    type: "gauge",
    name: "relay_complete_since_seconds",
    help: "This relay knows every session born since then (seconds since 1970).",
    read: ({ completeSinceMs }) => completeSinceMs / 1000,
  },
  {
    type: "gauge",
    name: "relay_queued_bytes",
    help: "Bytes that peers have not taken yet.",
    read: ({ traffic }) => traffic.queuedBytes,
  },
  {
    type: "counter",
    name: "relay_frames_total",
    help: "Frames received and sent, heartbeats included.",
    label: "direction",
    read: ({ traffic }) => ({ in: traffic.framesIn, out: traffic.framesOut }),
  },
  {
    type: "counter",
    name: "relay_bytes_total",
    help: "Bytes of these frames.",
    label: "direction",
    read: ({ traffic }) => ({ in: traffic.bytesIn, out: traffic.bytesOut }),
  },
  ...Object.entries(COUNTERS).map(([counter, metric]): RelayMetric => ({
    type: "counter",
    ...metric,
    read: ({ counters }) => counters[counter as keyof SyncCounters],
  })),
  {
    type: "counter",
    name: "relay_cpu_seconds_total",
    help: "CPU time of this process.",
    read: () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000_000,
  },
  { type: "gauge", name: "relay_resident_bytes", help: "Memory of this process.", read: () => process.memoryUsage.rss() },
];

export interface Exposition {
  readonly contentType: string;
  /** All figures as they are now. */
  text(): Promise<string>;
}

/** What `/metrics` answers: the engine's figures (docs/operation.md) and the relay's own. Nothing is done between scrapes. */
export function relayExposition(engine: StatsSource, read: () => RelayFigures): Exposition {
  const register = new Registry();
  collectMetrics(engine, { register, prefix: RELAY_METRICS_PREFIX });
  const metrics = RELAY_METRICS.map((definition) => ({ ...definition, metric: newMetric(definition, register) }));
  return {
    contentType: register.contentType,
    text: () => {
      const figures = read();
      for (const { metric, label, read: valueOf } of metrics) {
        // Anew at each scrape: prom-client can add to a counter and not set it.
        metric.reset();
        const value = valueOf(figures);
        if (typeof value === "number") metric.inc(value);
        else for (const [key, each] of Object.entries(value)) metric.inc({ [label ?? ""]: key }, each);
      }
      return register.metrics();
    },
  };
}

function newMetric({ type, name, help, label }: RelayMetric, register: Registry): Counter | Gauge {
  const config = { name: RELAY_METRICS_PREFIX + name, help, registers: [register], labelNames: label === undefined ? [] : [label] };
  return type === "counter" ? new Counter(config) : new Gauge(config);
}
