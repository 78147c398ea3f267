import { alternating, ratios, rounded, spreadOf } from "./measure.ts";

const SESSIONS = 100_000;
const ROUNDS = 5;

/** Memory of an idle session of 0.4 KB, ours beside express-session's MemoryStore, as the process grows (RSS). */
export function benchMemory(): object {
  const results = alternating("./memory-side.ts", ["ours", "peer"], ROUNDS);
  const ratio = ratios(results, "ours", "peer");
  console.error(`ours / MemoryStore  ${rounded(ratio.median)} (${rounded(ratio.min)} … ${rounded(ratio.max)})`);
  return {
    sessions: SESSIONS,
    bytesPerSession: Math.round(spreadOf(results.get("ours") ?? []).median),
    memoryStoreBytesPerSession: Math.round(spreadOf(results.get("peer") ?? []).median),
    ratio: rounded(ratio.median),
  };
}
