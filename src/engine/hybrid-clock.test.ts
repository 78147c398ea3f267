import { describe, expect, it } from "vitest";
import { EngineClock, isHostileStamp, nextStamp, stampMs } from "./hybrid-clock.ts";
import type { Runtime } from "./runtime.ts";

function clockOver(times: readonly number[], notBeforeMs?: number): EngineClock {
  const left = [...times];
  const runtime: Runtime = {
    nowMs: () => left.shift() ?? Number.NaN,
    monotonicMs: () => 0,
    setTimer: () => () => undefined,
    randomBytes: (byteCount) => new Uint8Array(byteCount),
    sha256: () => new Uint8Array(32),
  };
  return new EngineClock(runtime, notBeforeMs);
}

describe("EngineClock", () => {
  it("never goes back when the wall clock is set back", () => {
    const clock = clockOver([1_000, 1_500, 200, 1_499, 1_501]);
    expect([clock.nowMs(), clock.nowMs(), clock.nowMs(), clock.nowMs(), clock.nowMs()]).toEqual([1_000, 1_500, 1_500, 1_500, 1_501]);
  });

  it("starts at the stored high-water mark", () => {
    const clock = clockOver([1_000, 3_000], 2_000);
    expect([clock.nowMs(), clock.nowMs()]).toEqual([2_000, 3_000]);
  });

  it("gives whole milliseconds, and the last good one for a clock that gives no number", () => {
    const clock = clockOver([1_000.9]);
    expect([clock.nowMs(), clock.nowMs()]).toEqual([1_000, 1_000]);
  });
});

describe("stamps", () => {
  it("carry the milliseconds since birth", () => {
    expect(stampMs(nextStamp(5_000, 2_000, 0))).toBe(3_000);
  });

  it("are at least 1, also at birth and before it", () => {
    expect([nextStamp(2_000, 2_000, 0), nextStamp(1_000, 2_000, 0)]).toEqual([1, 1]);
  });

  it("are later than every stamp seen, whatever the clock says", () => {
    const fromFastClock = nextStamp(900_000, 0, 0);
    expect(nextStamp(1_000, 0, fromFastClock)).toBe(fromFastClock + 1);
    expect(nextStamp(1_000_000, 0, fromFastClock)).toBe(1_000_000 * 256);
  });

  it("have room for 256 commits in a millisecond, and run ahead after that without standing still", () => {
    let stamp = 0;
    const stamps: number[] = [];
    for (let commit = 0; commit < 300; commit += 1) stamps.push((stamp = nextStamp(10, 0, stamp)));
    expect(new Set(stamps).size).toBe(300);
    expect([stampMs(stamps[255] as number), stampMs(stamps[256] as number)]).toEqual([10, 11]);
  });

  it("stay safe integers for the longest session", () => {
    expect(Number.isSafeInteger(nextStamp(30 * 86_400_000, 0, 0))).toBe(true);
  });

  it("are hostile past the deadline, and when they are none", () => {
    const [createdAtMs, deadlineMs] = [1_000, 5_000];
    expect(isHostileStamp(nextStamp(deadlineMs, createdAtMs, 0), createdAtMs, deadlineMs)).toBe(false);
    expect(isHostileStamp(4_000 * 256 + 255, createdAtMs, deadlineMs)).toBe(false);
    expect(isHostileStamp(nextStamp(deadlineMs + 1, createdAtMs, 0), createdAtMs, deadlineMs)).toBe(true);
    for (const stamp of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(isHostileStamp(stamp, createdAtMs, Number.MAX_SAFE_INTEGER)).toBe(true);
    }
  });
});
