import { describe, expect, test } from "vitest";
import { type Envelope, joinEnvelopes } from "./envelope.ts";
import { type Revocations, type Verdict, verdict } from "./verdict.ts";

const BORN: Envelope = {
  key: "AAAAAAAAAAAAAAAAAAAAAA",
  createdAtMs: 1_000,
  firstKey: "AAAAAAAAAAAAAAAAAAAAAA",
  firstCreatedAtMs: 1_000,
  deadlineMs: 100_000,
  idleTimeoutMs: 10_000,
  idleTimeoutStamp: 0,
  touchedAtMs: 1_000,
  subject: undefined,
  subjectAtMs: 0,
  successor: undefined,
  ended: undefined,
};

const NO_REVOCATIONS: Revocations = new Map();

describe("joining", () => {
  test("[E1] of two ends the earlier is the one told, at one instant the same on both sides", () => {
    const left: Envelope = { ...BORN, ended: { reason: "destroyed", atMs: 5 } };
    const right: Envelope = { ...BORN, ended: { reason: "expired", atMs: 4 } };
    expect(joinEnvelopes(left, right).ended).toEqual({ reason: "expired", atMs: 4 });
    const tied: Envelope = { ...BORN, ended: { reason: "rotated", atMs: 5 } };
    expect(joinEnvelopes(left, tied).ended).toEqual(joinEnvelopes(tied, left).ended);
  });

  test("[E1] deadlines that differ, as after an end of a session nobody knew, join to the later: it is not forgotten too early", () => {
    const unknown: Envelope = { ...BORN, createdAtMs: 9_000, deadlineMs: 900_000, ended: { reason: "destroyed", atMs: 9_000 } };
    expect(joinEnvelopes(BORN, unknown)).toMatchObject({ deadlineMs: 900_000, ended: { reason: "destroyed" } });
  });
});

test.each([
  [10_999, "alive"],
  [11_000, "idle"],
  [99_999, "idle"],
  [100_000, "ended"],
] as const)("[E5] unused from 1,000 with 10,000 ms of patience, at %i ms it is %s", (nowMs, expected) => {
  expect(verdict(BORN, NO_REVOCATIONS, nowMs)).toBe(expected);
});

test.each<[string, Partial<Envelope>, Revocations, number, Verdict]>([
  ["given to somebody at the instant of the revocation", { subject: "U", subjectAtMs: 5_000 }, new Map([["U", 5_000]]), 6_000, "ended"],
  ["given to somebody after the revocation", { subject: "U", subjectAtMs: 5_001 }, new Map([["U", 5_000]]), 6_000, "alive"],
  ["given to somebody else", { subject: "V", subjectAtMs: 1 }, new Map([["U", 5_000]]), 6_000, "alive"],
  ["given to nobody", {}, new Map([["U", 5_000]]), 6_000, "alive"],
  ["with a successor, during the grace", { successor: { key: "B", atMs: 6_001 } }, NO_REVOCATIONS, 6_000, "alive"],
  ["with a successor, after the grace", { successor: { key: "B", atMs: 6_000 } }, NO_REVOCATIONS, 6_000, "ended"],
])("[E5] a session %s", (_, fields, revocations, nowMs, expected) => {
  expect(verdict({ ...BORN, ...fields }, revocations, nowMs)).toBe(expected);
});
