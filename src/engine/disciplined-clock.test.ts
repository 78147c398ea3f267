import { describe, expect, test } from "vitest";
import { type ClockState, firstClock, nextClock, nextVote, RTT_MAX_MS, type Vote } from "./disciplined-clock.ts";

const NOBODY: ReadonlyMap<string, Vote> = new Map();

function votes(...offsetsMs: readonly number[]): Map<string, Vote> {
  return new Map(offsetsMs.map((offsetMs, index) => [String(index), { offsetMs, bestRttMs: 1, isAgreed: false }]));
}

describe("a vote", () => {
  test("[K9] that took more than a second, or is no number, does not count", () => {
    const vote = nextVote(undefined, 5, 10, true);
    for (const [offsetMs, rttMs] of [
      [6, RTT_MAX_MS + 1],
      [6, -1],
      [6, Number.NaN],
      [Number.NaN, 1],
      [Number.NEGATIVE_INFINITY, 1],
    ] as const) {
      expect(nextVote(undefined, offsetMs, rttMs, true)).toBeUndefined();
      expect(nextVote(vote, offsetMs, rttMs, true)).toBe(vote);
    }
  });

  test("[K9] counts less the longer it took, and not at all beyond four times the best", () => {
    const vote = nextVote(undefined, 0, 29, true);
    expect(nextVote(vote, 100, 29, true)?.offsetMs).toBe(100);
    expect(nextVote(vote, 100, 59, true)?.offsetMs).toBe(50);
    expect(nextVote(vote, 100, 117, true)?.offsetMs).toBe(0);
    expect(nextVote(nextVote(undefined, 0, 0, true), 100, 19, true)?.offsetMs).toBe(10);
  });

  test("[K9] of a path that became slow is believed again after a while", () => {
    let vote = nextVote(undefined, 0, 1, true);
    let left = 0;
    while (vote?.offsetMs === 0 && left < 100) {
      vote = nextVote(vote, 100, 400, true);
      left++;
    }
    expect(left).toBeGreaterThan(5);
    expect(left).toBeLessThan(25);
  });

  test("of a clock that was set counts whole", () => {
    expect(nextVote(nextVote(undefined, 0, 1, true), 3_600_000, 15, true)?.offsetMs).toBe(3_600_000);
  });
});

describe("the clock's state", () => {
  test("[K3] goes to its target by 500 ppm of the time that passed", () => {
    let state = firstClock(1_000_000, 0);
    state = nextClock(state, 1_000_000, 0, votes(1_000_600, 1_000_600));
    expect(state.offsetMs).toBe(1_000_000);
    state = nextClock(state, 1_100_000, 100_000, votes(1_000_600, 1_000_600));
    expect(state.offsetMs).toBe(1_000_050);
    state = nextClock(state, 4_000_000, 3_000_000, votes(1_000_600, 1_000_600));
    expect(state.offsetMs).toBe(1_000_600);
  });

  test("[K2] is the middle of an odd number; of an even number the nearer one in the middle", () => {
    const state: ClockState = { ...firstClock(0, 0), offsetMs: 40 };
    expect(nextClock(state, 0, 0, votes(-9_000, 7)).targetMs).toBe(0);
    expect(nextClock(state, 0, 0, votes(5, 7)).targetMs).toBe(5);
    expect(nextClock(state, 0, 0, votes(-3, 70, 9_000)).targetMs).toBe(70);
    expect(nextClock(state, 0, 0, votes(-3, 90, 9_000)).targetMs).toBe(0);
  });

  test("[K4] a clock that drifts for an hour in which nobody looks did not jump", () => {
    const hourMs = 3_600_000;
    const state = nextClock(firstClock(0, 0), hourMs + 700, hourMs, NOBODY);
    expect(state.believedAtMs).toBe(Infinity);
    expect(state.targetMs).toBe(700);
  });

  test("the monotonic clock going back, which it does not, changes nothing by itself", () => {
    const state = nextClock(firstClock(1_000, 500), 1_000, 400, NOBODY);
    expect(state.offsetMs).toBe(500);
  });
});
