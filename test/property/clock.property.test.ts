import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JUMP_BELIEVED_AFTER_MS, SLEW, STEP_MS } from "../../src/engine/disciplined-clock.ts";
import { EngineClock, MARK_AHEAD_MS } from "../../src/engine/hybrid-clock.ts";
import { ClockCluster, type MachineOptions } from "../support/clock-cluster.ts";
import { fewerRuns } from "../support/fewer-runs.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const HOUR_MS = 3_600_000;
const EPSILON_MS = 2_000;

const jumpMs = fc.oneof(fc.integer({ min: -2_000, max: 2_000 }), fc.integer({ min: -10 * HOUR_MS, max: 10 * HOUR_MS }));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 0, max: 90_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("jump" as const), ms: jumpMs }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("heard" as const),
      source: fc.constantFrom("a", "b", "c", "d"),
      aheadMs: jumpMs,
      rttMs: fc.integer({ min: 0, max: 1_200 }),
      isAgreed: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lost" as const), source: fc.constantFrom("a", "b", "c", "d") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), wallMs: jumpMs }) },
);

describe("the clock of an engine", () => {
  test("[K1] [K3] [K5] whatever clocks and peers do, it never goes back, also over restarts, and is steered by 500 ppm or set at once", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const runtime = new ManualRuntime();
        let clock = new EngineClock(runtime, 0, EPSILON_MS);
        let lastMs = clock.nowMs();
        const look = (): void => {
          const nowMs = clock.nowMs();
          expect(nowMs).toBeGreaterThanOrEqual(lastMs);
          expect(Number.isSafeInteger(nowMs)).toBe(true);
          lastMs = nowMs;
        };
        for (const each of steps) {
          if (each.kind === "jump") runtime.stepTo(runtime.nowMs() + each.ms);
          else if (each.kind === "heard")
            clock.heard(each.source, runtime.monotonicMs() + 1_700_000_000_000 + each.aheadMs, each.rttMs, each.isAgreed);
          else if (each.kind === "lost") clock.lost(each.source);
          else if (each.kind === "restart") {
            // The mark is a second old at most, and 2 s ahead.
            clock = new EngineClock(runtime, lastMs - 1_000 + MARK_AHEAD_MS, EPSILON_MS);
            runtime.stepTo(runtime.nowMs() + each.wallMs);
          } else
            for (let leftMs = each.ms; leftMs > 0; leftMs -= 1_000) {
              const offsetMs = clock.agreedMs() - runtime.monotonicMs();
              const passedMs = Math.min(1_000, leftMs);
              runtime.advance(passedMs);
              look();
              const movedMs = Math.abs(clock.agreedMs() - runtime.monotonicMs() - offsetMs);
              // The milliseconds of what it gives are whole; it looks at the votes once a second.
              expect(movedMs <= 2 * SLEW * 1_000 + 1 || movedMs > STEP_MS - 2).toBe(true);
            }
          look();
        }
      }),
    );
  });

  test("[K2] it always ends at the middle of what all say, and alone where it was or at its wall clock", () => {
    const sources = fc.uniqueArray(fc.record({ source: fc.constantFrom("a", "b", "c", "d"), aheadMs: jumpMs }), {
      selector: ({ source }) => source,
    });
    fc.assert(
      fc.property(jumpMs, sources, fc.boolean(), (ownMs, peers, isAgreed) => {
        const runtime = new ManualRuntime();
        const clock = new EngineClock(runtime, 0, EPSILON_MS);
        const startedAtMs = runtime.nowMs();
        runtime.stepTo(startedAtMs + ownMs);
        for (const { source, aheadMs } of peers) clock.heard(source, startedAtMs + aheadMs, 0, isAgreed);
        // Longer than a second takes at 500 ppm, and than a jump takes to be believed.
        for (let second = 0; second < 2_100; second++) {
          runtime.advance(1_000);
          clock.nowMs();
        }
        const aheadMs = clock.agreedMs() - runtime.monotonicMs() - startedAtMs;
        const said = [ownMs, ...peers.map((peer) => peer.aheadMs)];
        if (isAgreed && peers.length === 1) expect(aheadMs).toBe(peers[0]?.aheadMs);
        else {
          expect(said).toContain(aheadMs);
          expect(2 * said.filter((each) => each <= aheadMs).length).toBeGreaterThanOrEqual(said.length);
          expect(2 * said.filter((each) => each >= aheadMs).length).toBeGreaterThanOrEqual(said.length);
        }
      }),
      fewerRuns(4),
    );
  });

  test("[K4] alone, a wall clock that jumps about is never believed before it stayed for a minute", () => {
    const jumps = fc.array(fc.record({ ms: jumpMs, stayedMs: fc.integer({ min: 1_000, max: JUMP_BELIEVED_AFTER_MS - 2_000 }) }), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(jumps, (all) => {
        const runtime = new ManualRuntime();
        const clock = new EngineClock(runtime, 0, EPSILON_MS);
        const startedAtMs = runtime.nowMs();
        for (const { ms, stayedMs } of all) {
          // One that is no jump makes the time of those before it count.
          runtime.stepTo(runtime.nowMs() + (Math.abs(ms) > 300 ? ms : 300 + Math.abs(ms)));
          for (let leftMs = stayedMs; leftMs > 0; leftMs -= 1_000) {
            runtime.advance(Math.min(1_000, leftMs));
            clock.nowMs();
          }
          expect(clock.agreedMs() - startedAtMs - runtime.monotonicMs()).toBe(0);
        }
      }),
      fewerRuns(4),
    );
  });
});

describe("the clocks of a cluster", () => {
  const ppm = fc.integer({ min: -200, max: 200 });
  // A machine's two clocks run by one oscillator.
  const machine = ppm.map((rate): MachineOptions => ({ wallPpm: rate, monotonicPpm: rate }));

  test.each([1, 2])(
    "[K2] [K6] [K7] with %i relays, one node an hour fast and one an hour slow, all engines always end within ε of the others, and never step back",
    (relayCount) => {
      const machines = fc.array(machine, { minLength: 5, maxLength: 5 });
      fc.assert(
        fc.property(fc.nat(), machines, fc.nat(2), (seed, options, first) => {
          const wrong = [HOUR_MS, -HOUR_MS];
          const all = options.map((each, index) => ({ ...each, skewMs: index < 3 ? (wrong[(index + first) % 3] ?? 0) : 0 }));
          const cluster = new ClockCluster(seed, relayCount, all);
          cluster.pass(HOUR_MS);
          const right = cluster.machines.filter((_, index) => all[index]?.skewMs === 0).map(({ wallAheadMs }) => wallAheadMs);
          for (const each of cluster.machines) {
            expect(each.aheadMs).toBeGreaterThan(Math.min(...right) - 50);
            expect(each.aheadMs).toBeLessThan(Math.max(...right) + 50);
            expect(each.stepsBack).toBe(0);
            expect(each.faultCount).toBe(Math.abs(each.wallAheadMs) > HOUR_MS / 2 ? 1 : 0);
          }
          const ahead = cluster.machines.map(({ aheadMs }) => aheadMs);
          expect(Math.max(...ahead) - Math.min(...ahead)).toBeLessThan(relayCount === 1 ? 50 : EPSILON_MS);
        }),
        fewerRuns(200),
      );
    },
  );

  test("[K2] a relay that is an hour wrong is overruled by its nodes, and does not mislead them", () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(HOUR_MS, -HOUR_MS), fc.constantFrom(1, 2), (seed, skewMs, relayCount) => {
        const cluster = new ClockCluster(seed, relayCount, [{}, {}, {}, { skewMs }]);
        cluster.pass(60_000);
        for (const each of cluster.machines) {
          // The first answer may have taken a second, and half of that be wrong.
          expect(Math.abs(each.aheadMs)).toBeLessThan(600);
          expect(each.stepsBack).toBe(0);
        }
      }),
      fewerRuns(100),
    );
  });

  test("[K2] a cluster follows the wall clocks and never drifts away together, though all of its monotonic clocks do", () => {
    for (const monotonicPpm of [-200, 200]) {
      const cluster = new ClockCluster(
        7,
        2,
        Array.from({ length: 5 }, (): MachineOptions => ({ monotonicPpm })),
      );
      cluster.pass(6 * HOUR_MS);
      for (const each of cluster.machines) expect(Math.abs(each.aheadMs)).toBeLessThan(50);
    }
  });

  test("[K1] [K2] [K8] links that come and go never move a node's clock by an hour, nor step it back", () => {
    const cut = fc.record({ node: fc.nat(2), relay: fc.nat(1), heal: fc.boolean(), waitMs: fc.integer({ min: 1_000, max: 120_000 }) });
    fc.assert(
      fc.property(fc.nat(), fc.array(cut, { maxLength: 12 }), (seed, cuts) => {
        const cluster = new ClockCluster(seed, 2, [{ skewMs: HOUR_MS }, { skewMs: 100 }, {}, { skewMs: -100 }, {}]);
        cluster.pass(20_000);
        for (const { node, relay, heal, waitMs } of cuts) {
          const [one, other] = [cluster.nodes[node], cluster.relays[relay]];
          if (heal) cluster.heal();
          else if (one !== undefined && other !== undefined) cluster.cut(one, other);
          cluster.pass(waitMs);
          for (const each of cluster.machines) {
            expect(Math.abs(each.aheadMs)).toBeLessThan(EPSILON_MS / 2);
            expect(each.stepsBack).toBe(0);
          }
        }
      }),
      fewerRuns(50),
    );
  });
});
