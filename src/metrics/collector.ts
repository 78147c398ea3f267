import { Counter, Gauge, register as globalRegistry } from "prom-client";
import type { OpenMetricsContentType, Registry } from "prom-client";
import { SessionError } from "../engine/index.ts";
import type { EngineStats } from "../engine/index.ts";
import { METRICS, type MetricDefinition } from "./metric-table.ts";

export interface MetricsOptions {
  /** Where the metrics are registered. Default: prom-client's global registry. */
  readonly register?: Registry | Registry<OpenMetricsContentType>;
  /** Before every name. Default `converge_session_`. Two engines on one registry need two prefixes. */
  readonly prefix?: string;
  /** On every series, as `{ service: "shop" }`: what tells deployments apart, never what tells sessions apart. Default none. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What the collector reads: a `SessionEngine` is one. */
export interface StatsSource {
  stats(): EngineStats;
}

type AnyMetric = Counter | Gauge;

/**
 * Exposes `engine.stats()` to Prometheus by way of prom-client 15 (docs/operation.md lists the names). All figures of a scrape are of one
 * instant; nothing is done between scrapes. Returns what takes the metrics off the registry again; call it where the engine is closed.
 * @throws SessionError OPTION_INVALID when the registry has metrics of these names, and for names that Prometheus does not take;
 * the registry is as it was then.
 */
export function collectMetrics(engine: StatsSource, options: MetricsOptions = {}): () => void {
  const { register = globalRegistry, prefix = "converge_session_", labels = {} } = options;
  checkNames(prefix, Object.keys(labels));
  if (METRICS.some(({ name }) => register.getSingleMetric(prefix + name) !== undefined)) {
    const next = "call what the first collectMetrics returned, or set another prefix";
    throw new SessionError("OPTION_INVALID", `The registry already has metrics with the prefix "${prefix}": ${next}.`);
  }
  const stats = oncePerTick(() => engine.stats());
  const registered = new Map<string, AnyMetric>();
  for (const definition of METRICS) {
    const name = prefix + definition.name;
    registered.set(name, newMetric(definition, name, register, labels, stats));
  }
  return () => {
    for (const [name, metric] of registered) if (register.getSingleMetric(name) === metric) register.removeSingleMetric(name);
  };
}

function newMetric(
  definition: MetricDefinition,
  name: string,
  register: Registry | Registry<OpenMetricsContentType>,
  labels: Readonly<Record<string, string>>,
  stats: () => EngineStats,
): AnyMetric {
  const { type, help, label, read } = definition;
  const labelNames = label === undefined ? Object.keys(labels) : [...Object.keys(labels), label];
  // Anew at each scrape: prom-client can add to a counter and not set it, and what is not in the figures any more must not stay.
  const collect = (metric: AnyMetric): void => {
    const value = read(stats());
    metric.reset();
    if (typeof value === "number") metric.inc(labels, value);
    else for (const [key, each] of Object.entries(value)) metric.inc(label === undefined ? labels : { ...labels, [label]: key }, each);
  };
  const config = {
    name,
    help,
    labelNames,
    registers: [register],
    collect(this: AnyMetric) {
      collect(this);
    },
  };
  return type === "counter" ? new Counter(config) : new Gauge(config);
}

/** A scrape asks all metrics in one tick. */
function oncePerTick<T>(read: () => T): () => T {
  let current: { readonly value: T } | undefined;
  return () => {
    if (current === undefined) {
      current = { value: read() };
      queueMicrotask(() => (current = undefined));
    }
    return current.value;
  };
}

/** Prometheus, "Metric names and labels"; a double underscore in front is Prometheus' own. */
const METRIC_NAME_START = /^[a-zA-Z_:][\w:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_]\w*$/;

function checkNames(prefix: string, labelNames: readonly string[]): void {
  if (!METRIC_NAME_START.test(prefix)) {
    throw new SessionError("OPTION_INVALID", 'prefix holds letters, digits, "_" and ":" only, and begins with no digit.');
  }
  const ours = METRICS.map(({ label }) => label);
  for (const name of labelNames) {
    if (LABEL_NAME.test(name) && !ours.some((label) => label === name)) continue;
    throw new SessionError(
      "OPTION_INVALID",
      `labels holds a name that cannot be used: letters, digits and "_" make one, and reason and state are taken.`,
    );
  }
}
