import { lastLineOf, rounded } from "./measure.ts";

const SESSIONS = 1_000_000;
const TIMEOUT_MS = 30 * 60_000;

interface Million {
  readonly rssBytes: number;
  readonly peakRss: number;
  readonly loadSeconds: number;
  readonly sweepMaxTickMs: number;
  readonly idleCount: number;
}

/** A million sessions in one process: made, at rest, and evicted; the longest turn of the event loop while the sweep runs. */
export function benchMillion(): object {
  const { rssBytes, peakRss, loadSeconds, sweepMaxTickMs, idleCount } = JSON.parse(
    lastLineOf("./million-side.ts", "", TIMEOUT_MS),
  ) as Million;
  if (idleCount !== SESSIONS) throw new Error(`${idleCount} of ${SESSIONS} sessions were told to be idle`);
  console.error(`highest RSS while they were made: ${Math.round(peakRss / 1e6)} MB`);
  return { sessions: SESSIONS, rssBytes, loadSeconds: rounded(loadSeconds, 1), sweepMaxTickMs: rounded(sweepMaxTickMs) };
}
