import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type End, type EndReason, endEnvelope, type Envelope, joinEnvelopes, type Successor } from "../../src/engine/envelope.ts";
import { mergeRecords } from "../../src/engine/merge-records.ts";
import { type Revocations, verdict } from "../../src/engine/verdict.ts";
import { TestWorld } from "../support/replica.ts";

const EPSILON_MS = 2_000;
const KEY = "AAAAAAAAAAAAAAAAAAAAAA";

const end: fc.Arbitrary<End> = fc.record({
  reason: fc.constantFrom<EndReason[]>("destroyed", "rotated", "expired", "revoked"),
  atMs: fc.nat(20),
});

const NO_REVOCATIONS: Revocations = new Map();
const subject = fc.constantFrom(undefined, "U", "V");
const successor: fc.Arbitrary<Successor> = fc.record({ key: fc.constantFrom("B", "C"), atMs: fc.nat(30) });

/** Of one session: birth and deadline are fixed; small numbers, so that equal ones meet. */
const envelope: fc.Arbitrary<Envelope> = fc
  .record({
    key: fc.constant(KEY),
    createdAtMs: fc.constant(0),
    firstKey: fc.constant(KEY),
    firstCreatedAtMs: fc.constant(0),
    deadlineMs: fc.constant(30),
    idleTimeoutMs: fc.integer({ min: 1, max: 20 }),
    idleTimeoutStamp: fc.nat(3),
    touchedAtMs: fc.nat(30),
    subject,
    subjectAtMs: fc.nat(3),
    successor: fc.option(successor, { nil: undefined }),
    ended: fc.option(end, { nil: undefined }),
  })
  .map((one) => (one.ended === undefined ? one : endEnvelope(one, one.ended)));

const revocations = fc.dictionary(fc.constantFrom("U", "V"), fc.nat(4)).map((registers): Revocations => new Map(Object.entries(registers)));

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
        fc.pre(a.ended === undefined && b.ended === undefined);
        const joined = joinEnvelopes(a, b);
        expect(joined.touchedAtMs).toBe(Math.max(a.touchedAtMs, b.touchedAtMs));
        const later = a.idleTimeoutStamp > b.idleTimeoutStamp ? [a] : a.idleTimeoutStamp < b.idleTimeoutStamp ? [b] : [a, b];
        expect(joined.idleTimeoutMs).toBe(Math.max(...later.map(({ idleTimeoutMs }) => idleTimeoutMs)));
      }),
    );
  });

  test("[E2] once ended, it is always ended, in every join and at every later instant", () => {
    fc.assert(
      fc.property(envelope, end, fc.array(envelope), revocations, fc.nat(100), (first, ended, others, revoked, nowMs) => {
        const joined = others.reduce(joinEnvelopes, endEnvelope(first, ended));
        expect(verdict(joined, revoked, nowMs)).toBe("ended");
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
        const over = { envelope: endEnvelope(dead, ended), document: undefined };
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
      fc.property(envelope, revocations, fc.nat(60), fc.nat(60), (one, revoked, atMs, laterMs) => {
        const isRevoked = one.subject !== undefined && (revoked.get(one.subject) ?? -1) >= one.subjectAtMs;
        const isFollowed = one.successor !== undefined && atMs >= one.successor.atMs;
        const isOver = one.ended !== undefined || atMs >= one.deadlineMs || isRevoked || isFollowed;
        const isIdle = one.successor === undefined && atMs >= one.touchedAtMs + one.idleTimeoutMs;
        expect(verdict(one, revoked, atMs)).toBe(isOver ? "ended" : isIdle ? "idle" : "alive");
        expect(rank[verdict(one, revoked, atMs + laterMs)]).toBeGreaterThanOrEqual(rank[verdict(one, revoked, atMs)]);
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
          firstKey: KEY,
          firstCreatedAtMs: 0,
          deadlineMs: 100_000,
          idleTimeoutMs,
          idleTimeoutStamp: 0,
          touchedAtMs,
          subject: undefined,
          subjectAtMs: 0,
          successor: undefined,
          ended: undefined,
        };
        const instants = [touchedAtMs + idleTimeoutMs, one.deadlineMs];
        if (instants.every((instant) => Math.abs(nowMs - instant) > EPSILON_MS)) {
          expect(verdict(one, NO_REVOCATIONS, nowMs + skewMs)).toBe(verdict(one, NO_REVOCATIONS, nowMs));
        }
      }),
    );
  });
});
