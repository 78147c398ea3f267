import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type End, type EndReason, type Envelope, joinEnvelopes } from "../../src/engine/envelope.ts";
import { mergeRecords } from "../../src/engine/merge-records.ts";
import { verdict } from "../../src/engine/verdict.ts";
import { TestWorld } from "../support/replica.ts";

const EPSILON_MS = 2_000;
const KEY = "AAAAAAAAAAAAAAAAAAAAAA";

const end: fc.Arbitrary<End> = fc.record({
  reason: fc.constantFrom<EndReason[]>("destroyed", "rotated", "expired", "revoked"),
  atMs: fc.nat(20),
});

/** Of one session: birth and deadline are fixed; small numbers, so that equal ones meet. */
const envelope: fc.Arbitrary<Envelope> = fc.record({
  key: fc.constant(KEY),
  createdAtMs: fc.constant(0),
  deadlineMs: fc.constant(30),
  idleTimeoutMs: fc.integer({ min: 1, max: 20 }),
  idleTimeoutStamp: fc.nat(3),
  touchedAtMs: fc.nat(30),
  ended: fc.option(end, { nil: undefined }),
});

describe("envelopes", () => {
  test("[E1] joining is always commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(envelope, envelope, envelope, (a, b, c) => {
        expect(joinEnvelopes(a, b)).toEqual(joinEnvelopes(b, a));
        expect(joinEnvelopes(joinEnvelopes(a, b), c)).toEqual(joinEnvelopes(a, joinEnvelopes(b, c)));
        expect(joinEnvelopes(a, a)).toEqual(a);
      }),
    );
  });

  test("[E3] [E7] a join never moves a touch back, and takes the idle timeout of the later stamp, at equal stamps the longer", () => {
    fc.assert(
      fc.property(envelope, envelope, (a, b) => {
        const joined = joinEnvelopes(a, b);
        expect(joined.touchedAtMs).toBe(Math.max(a.touchedAtMs, b.touchedAtMs));
        const later = a.idleTimeoutStamp > b.idleTimeoutStamp ? [a] : a.idleTimeoutStamp < b.idleTimeoutStamp ? [b] : [a, b];
        expect(joined.idleTimeoutMs).toBe(Math.max(...later.map(({ idleTimeoutMs }) => idleTimeoutMs)));
      }),
    );
  });

  test("[E2] once ended, it is always ended, in every join and at every later instant", () => {
    fc.assert(
      fc.property(envelope, end, fc.array(envelope), fc.nat(100), (first, ended, others, nowMs) => {
        const joined = others.reduce(joinEnvelopes, { ...first, ended });
        expect(verdict(joined, nowMs)).toBe("ended");
        expect(joined.ended?.atMs).toBeLessThanOrEqual(ended.atMs);
      }),
    );
  });

  test("[E2] a merge with an ended record never has a document", () => {
    const replica = new TestWorld().replica();
    replica.edit((data) => (data["a"] = 1));
    fc.assert(
      fc.property(envelope, envelope, end, (alive, dead, ended) => {
        const record = { ...replica.record(), envelope: { ...alive, ended: undefined } };
        const over = { envelope: { ...dead, ended }, document: undefined };
        for (const merged of [mergeRecords(record, over, replica.context), mergeRecords(over, record, replica.context)]) {
          expect(merged.document).toBeUndefined();
          expect(merged.envelope.ended).toBeDefined();
        }
      }),
    );
  });

  test("[E5] the verdict is always ended, idle or alive by its rule, and goes one way only while nobody uses the session", () => {
    const rank = { alive: 0, idle: 1, ended: 2 };
    fc.assert(
      fc.property(envelope, fc.nat(60), fc.nat(60), (one, atMs, laterMs) => {
        const isOver = one.ended !== undefined || atMs >= one.deadlineMs;
        const isIdle = atMs >= one.touchedAtMs + one.idleTimeoutMs;
        expect(verdict(one, atMs)).toBe(isOver ? "ended" : isIdle ? "idle" : "alive");
        expect(rank[verdict(one, atMs + laterMs)]).toBeGreaterThanOrEqual(rank[verdict(one, atMs)]);
      }),
    );
  });

  test("[E9] replicas whose clocks differ by at most ε always agree, but for that ε around the instant of expiry", () => {
    const times = fc.record({ idleTimeoutMs: fc.integer({ min: 1, max: 60_000 }), touchedAtMs: fc.nat(60_000), nowMs: fc.nat(200_000) });
    const skew = fc.integer({ min: -EPSILON_MS, max: EPSILON_MS });
    fc.assert(
      fc.property(times, skew, ({ idleTimeoutMs, touchedAtMs, nowMs }, skewMs) => {
        const one: Envelope = {
          key: KEY,
          createdAtMs: 0,
          deadlineMs: 100_000,
          idleTimeoutMs,
          idleTimeoutStamp: 0,
          touchedAtMs,
          ended: undefined,
        };
        const instants = [touchedAtMs + idleTimeoutMs, one.deadlineMs];
        if (instants.every((instant) => Math.abs(nowMs - instant) > EPSILON_MS)) {
          expect(verdict(one, nowMs + skewMs)).toBe(verdict(one, nowMs));
        }
      }),
    );
  });
});
