import { describe, expect, it, test } from "vitest";
import { ManualRuntime } from "../../test/support/manual-runtime.ts";
import type { SessionEvent } from "./events.ts";
import { EngineClock, isHostileStamp, MEETING_TIMEOUT_MS, nextStamp, stampMs } from "./hybrid-clock.ts";

const HOUR_MS = 3_600_000;
const EPSILON_MS = 2_000;

/** A machine, and the engine's clock on it. True time is what the machine's wall clock says until it is stepped. */
class Machine {
  readonly runtime = new ManualRuntime();
  readonly faults: number[] = [];
  readonly clock: EngineClock;
  readonly #startedAtMs = this.runtime.nowMs();

  constructor({ notBeforeMs = 0, hasPeers = false }: { notBeforeMs?: number; hasPeers?: boolean } = {}) {
    this.clock = new EngineClock(this.runtime, notBeforeMs, EPSILON_MS, (event: SessionEvent) => {
      if (event.type === "clock-fault") this.faults.push(event.aheadMs);
    });
    if (hasPeers) this.clock.expectPeers();
  }

  get trueMs(): number {
    return this.#startedAtMs + this.runtime.monotonicMs();
  }

  /** How far the engine's clock is ahead of true time. */
  get aheadMs(): number {
    return this.clock.nowMs() - this.trueMs;
  }

  jump(byMs: number): void {
    this.runtime.stepTo(this.runtime.nowMs() + byMs);
  }

  /** Time passes, and somebody looks at the clock once a second. */
  pass(ms: number): void {
    for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
      this.runtime.advance(Math.min(1_000, leftMs));
      this.clock.nowMs();
    }
  }

  /** A peer says how far its clock is ahead of true time. */
  hear(source: string, aheadMs: number, isAgreed = true, rttMs = 0): void {
    this.clock.heard(source, this.trueMs + aheadMs - rttMs / 2, rttMs, isAgreed);
  }
}

describe("the clock of an engine alone", () => {
  test("[K1] is the wall clock, in whole milliseconds, and never goes back", () => {
    const machine = new Machine();
    machine.pass(1_500.9);
    expect(machine.clock.nowMs()).toBe(Math.floor(machine.runtime.nowMs()));
    const highestMs = machine.clock.nowMs();
    machine.jump(-HOUR_MS);
    for (let second = 0; second < 3_700; second++) {
      const beforeMs = machine.clock.nowMs();
      machine.pass(1_000);
      expect(machine.clock.nowMs()).toBeGreaterThanOrEqual(beforeMs);
    }
    expect(machine.clock.nowMs()).toBeGreaterThan(highestMs);
  });

  test("[K1] [K5] starts at the mark of the process before it, stands still until the time has come, and says so where that is long", () => {
    const near = new Machine({ notBeforeMs: 1_700_000_002_000 });
    expect(near.clock.nowMs()).toBe(1_700_000_002_000);
    near.pass(1_000);
    expect(near.clock.nowMs()).toBe(1_700_000_002_000);
    near.pass(2_000);
    expect(near.clock.nowMs()).toBe(1_700_000_003_000);
    expect(near.faults).toEqual([]);
    expect(new Machine({ notBeforeMs: 1_700_000_000_000 + HOUR_MS }).faults).toEqual([-HOUR_MS]);
  });

  test("[K4] a jump of the wall clock is believed when it has stayed for a minute", () => {
    const machine = new Machine();
    machine.jump(HOUR_MS);
    machine.pass(60_000);
    expect(machine.aheadMs).toBe(0);
    machine.pass(1_000);
    expect(machine.aheadMs).toBe(HOUR_MS);
  });

  test("[K4] a jump that is taken back within the minute was none", () => {
    const machine = new Machine();
    machine.jump(HOUR_MS);
    machine.pass(30_000);
    machine.jump(-HOUR_MS);
    machine.pass(HOUR_MS);
    expect(machine.aheadMs).toBe(0);
  });

  test("[K4] set back, it stands still from then on until the time has come", () => {
    const machine = new Machine();
    machine.jump(-10 * 60_000);
    machine.pass(61_000);
    const stoodAtMs = machine.clock.nowMs();
    machine.pass(9 * 60_000);
    expect(machine.clock.nowMs()).toBe(stoodAtMs);
    machine.pass(5 * 60_000);
    expect(machine.clock.nowMs()).toBe(machine.runtime.nowMs());
  });

  test("[K3] a wall clock that is steered is followed by half a millisecond a second at most", () => {
    const machine = new Machine();
    machine.jump(200);
    for (let second = 1; second <= 300; second++) {
      machine.pass(1_000);
      expect(machine.aheadMs).toBeLessThanOrEqual(0.5 * second);
    }
    machine.pass(200_000);
    expect(machine.aheadMs).toBe(200);
  });

  test("[K1] a wall clock that gives no number changes nothing", () => {
    const machine = new Machine();
    machine.pass(5_000);
    machine.runtime.nowMs = () => Number.NaN;
    machine.pass(5_000);
    expect(machine.aheadMs).toBe(0);
  });
});

describe("the first exchange", () => {
  test("[K6] sets the clock right at once, back too, and once", () => {
    const machine = new Machine({ hasPeers: true });
    machine.jump(HOUR_MS);
    expect(machine.aheadMs).toBe(HOUR_MS);
    expect(machine.clock.isSettled).toBe(false);
    machine.hear("relay", 0);
    expect(machine.clock.isSettled).toBe(true);
    expect(machine.aheadMs).toBe(0);
    machine.pass(1_000);
    machine.hear("relay", -HOUR_MS);
    const beforeMs = machine.clock.nowMs();
    machine.pass(10_000);
    expect(machine.clock.nowMs()).toBe(beforeMs);
  });

  test("[K6] does not go below the mark of the process before", () => {
    const machine = new Machine({ hasPeers: true, notBeforeMs: 1_700_000_001_500 });
    machine.jump(HOUR_MS);
    machine.clock.nowMs();
    machine.hear("relay", 0);
    expect(machine.clock.nowMs()).toBe(1_700_000_001_500);
  });

  test("[K6] is waited for for ten seconds; what the wall clock did meanwhile counts as it is", async () => {
    const machine = new Machine({ hasPeers: true });
    const { settled } = machine.clock;
    machine.jump(-HOUR_MS);
    machine.pass(MEETING_TIMEOUT_MS - 1);
    expect(machine.clock.isSettled).toBe(false);
    machine.jump(2 * HOUR_MS);
    machine.pass(1);
    expect(machine.clock.isSettled).toBe(true);
    await settled;
    expect(machine.aheadMs).toBe(HOUR_MS);
    expect(machine.runtime.timerCount).toBe(0);
  });

  test("[K6] a machine that speaks for itself alone settles nothing, two of them do; nobody is told a time before", () => {
    const machine = new Machine({ hasPeers: true });
    machine.jump(HOUR_MS);
    machine.hear("a", 0, false);
    expect([machine.clock.isSettled, machine.clock.agreedMs()]).toEqual([false, 0]);
    machine.hear("b", 3, false);
    expect([machine.clock.isSettled, machine.clock.agreedMs()]).toEqual([true, machine.trueMs + 3]);
    expect(machine.clock.ownMs()).toBe(machine.trueMs + HOUR_MS);
  });

  test("[K10] one that says the same as this machine settles it at once; one that does not waits for a third, however long it answers", () => {
    const machine = new Machine({ hasPeers: true });
    machine.jump(1_601);
    machine.hear("a", 0, false);
    expect(machine.clock.isSettled).toBe(false);
    machine.jump(-1);
    machine.hear("a", 0, false, 1);
    expect([machine.clock.isSettled, machine.clock.agreedMs()]).toEqual([true, machine.trueMs + 1_600]);
  });

  test("[K6] closing ends the wait and leaves no timer", async () => {
    const machine = new Machine({ hasPeers: true });
    const { settled } = machine.clock;
    machine.clock.close();
    await settled;
    expect(machine.runtime.timerCount).toBe(0);
  });
});

describe("with peers", () => {
  test("[K2] the middle of all counts, this machine's being one of them", () => {
    const machine = new Machine();
    for (const [source, aheadMs] of [
      ["a", -HOUR_MS],
      ["b", 500],
      ["c", HOUR_MS],
      ["d", 700],
    ] as const)
      machine.hear(source, aheadMs, false);
    machine.pass(HOUR_MS);
    expect(machine.aheadMs).toBe(500);
  });

  test("[K2] a relay that speaks for others counts where it is the only one; a single machine does not", () => {
    const [node, relay] = [new Machine(), new Machine()];
    node.hear("relay", 900);
    relay.hear("node", 900, false);
    node.pass(HOUR_MS);
    relay.pass(HOUR_MS);
    expect([node.aheadMs, relay.aheadMs]).toEqual([900, 0]);
  });

  test("[K2] a tie changes nothing", () => {
    const machine = new Machine();
    for (const source of ["a", "b"]) machine.hear(source, 0, false);
    machine.jump(HOUR_MS);
    machine.pass(10_000);
    machine.clock.lost("a");
    machine.pass(HOUR_MS);
    expect(machine.aheadMs).toBe(0);
  });

  test("[K3] less than a second is steered, more is set forwards at once and backwards by standing still", () => {
    const machine = new Machine();
    machine.hear("relay", 900);
    machine.pass(10_000);
    expect(machine.aheadMs).toBeLessThanOrEqual(5);
    machine.hear("relay", HOUR_MS);
    machine.pass(1_000);
    expect(machine.aheadMs).toBe(HOUR_MS);
    machine.hear("relay", 0);
    machine.pass(1_000);
    expect(machine.aheadMs).toBe(HOUR_MS - 1_000);
    expect(machine.clock.agreedMs()).toBe(machine.trueMs);
  });

  test("[K4] a jump of the wall clock is believed when the others say so, too, and never otherwise", () => {
    const machine = new Machine();
    for (const source of ["a", "b"]) machine.hear(source, 0, false);
    machine.jump(HOUR_MS);
    machine.pass(2 * HOUR_MS);
    expect(machine.aheadMs).toBe(0);
    // The machine slept: its monotonic clock stood still.
    for (const source of ["a", "b"]) machine.hear(source, HOUR_MS, false);
    machine.pass(1_000);
    expect(machine.aheadMs).toBe(HOUR_MS);
  });

  test("[K8] who loses its peers goes on from where they left it, by how its wall clock goes", () => {
    const machine = new Machine({ hasPeers: true });
    machine.jump(HOUR_MS);
    machine.hear("relay", 0);
    machine.pass(10_000);
    machine.clock.lost("relay");
    machine.pass(12 * HOUR_MS);
    expect(machine.aheadMs).toBe(0);
    // Somebody puts it right.
    machine.jump(-HOUR_MS);
    machine.pass(HOUR_MS);
    expect(machine.aheadMs).toBe(0);
  });

  test("[K8] a suspended machine whose peers are gone believes its wall clock after a minute", () => {
    const machine = new Machine();
    machine.hear("relay", 0);
    machine.pass(10_000);
    machine.jump(HOUR_MS);
    machine.pass(6_000);
    machine.clock.lost("relay");
    expect(machine.aheadMs).toBe(0);
    machine.pass(60_000);
    expect(machine.aheadMs).toBe(HOUR_MS);
  });

  test("[K4] [K8] a jump that the peers contradicted is not believed when they are gone", () => {
    const machine = new Machine();
    machine.hear("relay", 0);
    machine.jump(HOUR_MS);
    machine.pass(1_000);
    machine.hear("relay", 0);
    machine.clock.lost("relay");
    machine.pass(HOUR_MS);
    expect(machine.aheadMs).toBe(0);
  });

  test("[K7] a wall clock that is off the others is told of, once for each time that it goes wrong", () => {
    const machine = new Machine();
    machine.hear("relay", 0);
    machine.jump(1_500);
    machine.pass(10_000);
    expect(machine.faults).toEqual([]);
    machine.jump(200);
    machine.pass(100_000);
    expect(machine.faults).toEqual([1_700]);
    machine.jump(-200);
    machine.pass(10_000);
    machine.jump(200);
    machine.pass(10_000);
    expect(machine.faults).toEqual([1_700]);
    machine.jump(-1_700);
    machine.pass(10_000);
    machine.jump(-HOUR_MS);
    machine.pass(10_000);
    expect(machine.faults).toEqual([1_700, -HOUR_MS]);
    expect(machine.aheadMs).toBe(0);
  });

  test("[K9] what is no answer is left out", () => {
    const machine = new Machine({ hasPeers: true });
    for (const [theirMs, rttMs] of [
      [0, 1],
      [Number.NaN, 1],
      [Number.POSITIVE_INFINITY, 1],
      [-5, 1],
      [2 ** 60, 1],
      [5, Number.NaN],
      [5, -1],
      [5, 1_001],
      [5, Number.POSITIVE_INFINITY],
    ] as const)
      machine.clock.heard("relay", theirMs, rttMs);
    expect(machine.clock.isSettled).toBe(false);
    expect(machine.aheadMs).toBe(0);
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
