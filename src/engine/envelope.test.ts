import { describe, expect, test } from "vitest";
import { type Envelope, joinEnvelopes } from "./envelope.ts";
import { verdict } from "./verdict.ts";

const BORN: Envelope = {
  key: "AAAAAAAAAAAAAAAAAAAAAA",
  createdAtMs: 1_000,
  deadlineMs: 100_000,
  idleTimeoutMs: 10_000,
  idleTimeoutStamp: 0,
  touchedAtMs: 1_000,
  ended: undefined,
};

describe("joining", () => {
  test("[E1] of two ends the earlier is the one told, at one instant the same on both sides", () => {
    const left: Envelope = { ...BORN, ended: { reason: "destroyed", atMs: 5 } };
    const right: Envelope = { ...BORN, ended: { reason: "expired", atMs: 4 } };
    expect(joinEnvelopes(left, right).ended).toEqual({ reason: "expired", atMs: 4 });
    const tied: Envelope = { ...BORN, ended: { reason: "rotated", atMs: 5 } };
    expect(joinEnvelopes(left, tied).ended).toEqual(joinEnvelopes(tied, left).ended);
  });

  test("[E1] a birth and a deadline that differ, as after an end of a session nobody knew, join to the earlier", () => {
    const unknown: Envelope = { ...BORN, createdAtMs: 9_000, deadlineMs: 900_000, ended: { reason: "destroyed", atMs: 9_000 } };
    expect(joinEnvelopes(BORN, unknown)).toMatchObject({ createdAtMs: 1_000, deadlineMs: 100_000, ended: { reason: "destroyed" } });
  });
});

test.each([
  [10_999, "alive"],
  [11_000, "idle"],
  [99_999, "idle"],
  [100_000, "ended"],
] as const)("[E5] unused from 1,000 with 10,000 ms of patience, at %i ms it is %s", (nowMs, expected) => {
  expect(verdict(BORN, nowMs)).toBe(expected);
});
