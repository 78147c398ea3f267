export { collectMetrics } from "./collector.ts";
export type { MetricsOptions } from "./collector.ts";
