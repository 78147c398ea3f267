import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Runtime } from "./runtime.ts";
import { ageOf, issueSessionId, sessionKey } from "./session-id.ts";

function runtimeWith(random: Uint8Array): Runtime {
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    setTimer: () => () => undefined,
    randomBytes: () => random,
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  };
}

const patterns = [0x00, 0xff, 0xa5, 0x01].map((byte) => new Uint8Array(32).fill(byte));
const times = [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 1_763_726_400_000, 2 ** 48 - 1];

const lives = [
  [1, 1],
  [60_000, 1],
  [60_001, 2],
  [43_200_000, 720],
  [2_592_000_000, 43_200],
] as const;

describe("session ids", () => {
  it("are base64url of 32 random bytes, the birth time and the life in minutes, rounded up", () => {
    for (const random of patterns) {
      for (const timeMs of times) {
        for (const [lifeMs, minutes] of lives) {
          const age = Buffer.alloc(8);
          age.writeUIntBE(timeMs, 0, 6);
          age.writeUInt16BE(minutes, 6);
          expect(issueSessionId(timeMs, lifeMs, runtimeWith(random))).toBe(Buffer.concat([random, age]).toString("base64url"));
        }
      }
    }
  });

  it("[E10] tell their age", () => {
    for (const random of patterns) {
      for (const bornAtMs of times) {
        for (const [lifeMs, minutes] of lives) {
          expect(ageOf(issueSessionId(bornAtMs, lifeMs, runtimeWith(random)))).toEqual({ bornAtMs, overAtMs: bornAtMs + minutes * 60_000 });
        }
      }
    }
  });

  it.each([
    ["empty", ""],
    ["a character short", "A".repeat(53)],
    ["a character long", "A".repeat(55)],
    ["a UUID", "2f1f0f9e-5d3c-4c0a-9b43-0d7a3c2a7a11"],
    ["of another alphabet", `${"A".repeat(52)}+A`],
    ["with bits past the end", `${"A".repeat(53)}B`],
    ["with a line break", `${"A".repeat(54)}\n`],
  ])("have no age when it is %s", (_, id) => {
    expect(ageOf(id)).toBeUndefined();
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 48])("are not issued at %d", (nowMs) => {
    expect(() => issueSessionId(nowMs, 60_000, runtimeWith(new Uint8Array(32)))).toThrow(
      expect.objectContaining({ code: "INVARIANT_BROKEN" }),
    );
  });

  it("are not issued from too little randomness", () => {
    expect(() => issueSessionId(0, 60_000, runtimeWith(new Uint8Array(31)))).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }));
  });

  it("have a key that is half a hash, 22 characters", () => {
    for (const id of ["", "a", "ümlaut", "A".repeat(51), "x".repeat(10_000)]) {
      const hash = createHash("sha256").update(`sid\0${id}`).digest();
      expect(sessionKey(id, runtimeWith(new Uint8Array(0)))).toBe(hash.subarray(0, 16).toString("base64url"));
    }
  });
});
