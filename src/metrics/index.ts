export { collectMetrics } from "./collector.ts";
export type { MetricsOptions, StatsSource } from "./collector.ts";
