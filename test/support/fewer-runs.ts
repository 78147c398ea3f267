import { readConfigureGlobal } from "fast-check";

/** Runs for a property whose single run is that many times dearer than others; PROPERTY_RUNS still counts. */
export function fewerRuns(times: number): { readonly numRuns: number } {
  return { numRuns: Math.ceil((readConfigureGlobal().numRuns ?? 1_000) / times) };
}
