import { describe, expect, it } from "vitest";
import { Membership, type OtherRelay } from "./membership.ts";
import type { RelayStatus } from "./messages/status.ts";

const FORGET_MS = 1_800_000;
const [AT_B, AT_C] = ["ws://b/", "ws://c/"];
const B: OtherRelay = { id: "b", incarnation: "B", address: AT_B };
const C: OtherRelay = { id: "c", incarnation: "C", address: AT_C };

function relay(addresses: readonly string[], keptSinceMs?: number): Membership {
  return new Membership({ nowMs: 1_000, keptSinceMs, addresses, forgetLossAfterMs: FORGET_MS });
}

const complete = (completeSinceMs: number): RelayStatus => ({ isComplete: true, completeSinceMs, memberCount: 2 });

/** It meets another one, hears what that one's answers are worth, and both become equal. */
function meet(membership: Membership, other: OtherRelay, status: RelayStatus, nowMs = 1_000): void {
  membership.joined(other, nowMs);
  membership.told(other.id, status);
  membership.equal(other.id);
}

describe("membership", () => {
  it("[SY24] alone is complete at once, and knows what is born from now on", () => {
    expect(relay([]).status(1_000)).toEqual({ isComplete: true, completeSinceMs: 1_000, memberCount: 1 });
  });

  it("[SY24] passes its barrier when it was equal with every relay that it dials, not before", () => {
    const membership = relay([AT_B, AT_C]);
    membership.joined(B, 1_000);
    expect(membership.status(1_000)).toMatchObject({ isComplete: false, memberCount: 1 });
    meet(membership, B, complete(10));
    expect(membership.status(1_000)).toMatchObject({ isComplete: false, memberCount: 2 });
    meet(membership, C, complete(20));
    expect(membership.status(1_000)).toMatchObject({ isComplete: true, memberCount: 3 });
  });

  it("[SY24] does not wait for itself", () => {
    const membership = relay([AT_B]);
    membership.isItself(AT_B);
    expect(membership.status(1_000)).toMatchObject({ isComplete: true, memberCount: 1 });
  });

  it("[SY24] that began empty knows what those know that it joined", () => {
    const membership = relay([AT_B, AT_C]);
    meet(membership, B, complete(10));
    meet(membership, C, complete(20));
    expect(membership.status(2_000).completeSinceMs).toBe(20);
  });

  it("[SY24] that began empty knows what they know also where it finds out last which address is its own", () => {
    const membership = relay([AT_B, AT_C]);
    meet(membership, B, complete(10));
    membership.isItself(AT_C);
    expect(membership.status(2_000)).toMatchObject({ isComplete: true, completeSinceMs: 10 });
  });

  it("[SY24] that began empty takes nothing over from one that is joining itself", () => {
    const membership = relay([AT_B]);
    meet(membership, B, { isComplete: false, completeSinceMs: 10, memberCount: 1 });
    expect(membership.status(2_000)).toMatchObject({ isComplete: true, completeSinceMs: 1_000 });
  });

  // Found by the model (test/model, world "absence"): what the other was told before it started again, it had nobody to tell.
  it("[SY24] does not know what another was told before it lost that, where they meet for the first time now", () => {
    const membership = relay([AT_B]);
    meet(membership, B, { isComplete: false, completeSinceMs: 1_500, memberCount: 1 });
    expect(membership.status(2_000)).toMatchObject({ isComplete: true, completeSinceMs: 1_500 });
  });

  it("[SY24] with a folder does not know what nodes made while it was away, each for itself", () => {
    expect(relay([], 500).status(1_000)).toEqual({ isComplete: true, completeSinceMs: 1_000, memberCount: 1 });
    expect(relay([AT_B], 500).status(1_000)).toMatchObject({ isComplete: false, completeSinceMs: 1_000 });
    // Another that has just started, too, knows no more of that.
    const [both, joining] = [relay([AT_B], 500), relay([AT_B], 500)];
    meet(both, B, complete(900));
    meet(joining, B, { isComplete: false, completeSinceMs: 400, memberCount: 1 });
    expect([both.completeSinceMs, joining.completeSinceMs]).toEqual([900, 1_000]);
  });

  it("[SY24] with a folder goes on from what it kept where those know as much that were there all the time, and keeps it until then", () => {
    const membership = relay([AT_B], 500);
    expect(membership.completeSinceMs).toBe(500);
    meet(membership, B, complete(400));
    expect([membership.completeSinceMs, membership.status(1_000).completeSinceMs]).toEqual([500, 500]);
  });

  it("[SY25] a relay that is lost may have had what nobody else has", () => {
    const membership = relay([AT_B]);
    meet(membership, B, complete(10));
    membership.left(B.id, 5_000);
    expect(membership.status(6_000)).toEqual({ isComplete: true, completeSinceMs: 5_000, memberCount: 1 });
    expect(membership.completeSinceMs).toBe(5_000);
  });

  it("[SY25] back with what it kept, it is as it was, once they were equal", () => {
    const membership = relay([AT_B]);
    meet(membership, B, complete(10));
    membership.left(B.id, 5_000);
    membership.joined({ ...B, id: "b2" }, 6_000);
    expect(membership.status(6_000)).toMatchObject({ completeSinceMs: 5_000, memberCount: 1 });
    membership.equal("b2");
    expect(membership.status(6_000)).toMatchObject({ completeSinceMs: 10, memberCount: 2 });
  });

  it("[SY25] back empty, the loss stays; and it learns of it, that its own old self was lost", () => {
    const membership = relay([AT_B]);
    meet(membership, B, complete(10));
    membership.left(B.id, 5_000);
    const empty = { ...B, id: "b2", incarnation: "B2" };
    meet(membership, empty, complete(6_000), 6_500);
    expect(membership.status(7_000)).toMatchObject({ completeSinceMs: 6_500, memberCount: 2 });
    expect(membership.status(7_000, "B2").completeSinceMs).toBe(6_500);
    expect(membership.status(7_000, "B").completeSinceMs).toBe(10);
  });

  // Found by the model (test/model, world "absence-twice").
  it("[SY25] of one that was cut off and then comes back empty nobody knows when it lost what it was told behind the cut: until it met them again", () => {
    const membership = relay([AT_B, AT_C]);
    meet(membership, B, complete(10));
    meet(membership, C, complete(10));
    membership.left(B.id, 5_000);
    membership.left(C.id, 6_000);
    // Whoever is not dialed has no name: it may be either.
    meet(membership, { id: "x", incarnation: "X", address: undefined }, complete(7_000), 8_000);
    expect(membership.status(9_000).completeSinceMs).toBe(8_000);
    // It was C: B is still there, with all that it was told.
    membership.joined({ id: "x", incarnation: "X", address: AT_C }, 9_000);
    meet(membership, { ...B, id: "b2" }, complete(10), 9_500);
    expect(membership.status(9_500, "C").completeSinceMs).toBe(10);
    expect(membership.status(9_500).completeSinceMs).toBe(8_000);
  });

  it("[SY25] a relay that said it stops loses nothing, and still counts", () => {
    const membership = relay([AT_B]);
    meet(membership, B, complete(10));
    membership.drained(B.id);
    membership.left(B.id, 5_000);
    expect(membership.status(6_000)).toEqual({ isComplete: true, completeSinceMs: 10, memberCount: 2 });
    // Back empty: counted once, and not before it has what is here.
    const empty = { ...B, id: "b2", incarnation: "B2" };
    membership.joined(empty, 6_000);
    expect(membership.status(6_000).memberCount).toBe(1);
    membership.equal(empty.id);
    expect(membership.status(6_000)).toMatchObject({ completeSinceMs: 10, memberCount: 2 });
  });

  it("[SY25] one that stays away is no member, until so long that nothing alive can be missing", () => {
    const membership = relay([AT_B]);
    meet(membership, B, complete(10));
    membership.left(B.id, 5_000);
    expect(membership.status(5_000 + FORGET_MS - 1).memberCount).toBe(1);
    expect(membership.status(5_000 + FORGET_MS).memberCount).toBe(2);
  });

  it("[SY25] with two connections it is lost with the last of them", () => {
    const membership = relay([AT_B]);
    membership.joined({ ...B, address: undefined }, 1_000);
    meet(membership, B, complete(10));
    expect(membership.left(B.id, 5_000)).toMatchObject({ isLast: false });
    expect(membership.status(6_000)).toMatchObject({ completeSinceMs: 10, memberCount: 2 });
    expect(membership.left(B.id, 6_000)).toEqual({ isLast: true, isDrained: false });
    expect(membership.status(7_000)).toMatchObject({ completeSinceMs: 6_000, memberCount: 1 });
  });

  it("[SY25] never counts one relay twice that only dials", () => {
    const membership = relay([]);
    for (const incarnation of ["X", "Y", "Z"]) {
      const other = { id: incarnation, incarnation, address: undefined };
      membership.joined(other, 2_000);
      membership.equal(other.id);
      expect(membership.status(2_000).memberCount).toBe(2);
      membership.drained(other.id);
      membership.left(other.id, 2_000);
      expect(membership.status(2_000).memberCount).toBe(2);
    }
  });
});
