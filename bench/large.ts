import { largeFixture } from "./fixture.ts";
import { alternating, rounded, spreadOf } from "./measure.ts";

/** A request that reads one attribute of a hot session of 70 KB: open, read, touch, commit. */
export function benchLarge(): object {
  const results = alternating("./large-side.ts", ["read"], 5);
  const { median, min, max } = spreadOf(results.get("read") ?? []);
  console.error(`read  ${rounded(median)} µs (${rounded(min)} … ${rounded(max)})`);
  return { jsonBytes: JSON.stringify(largeFixture()).length, readUs: rounded(median) };
}
