import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Runtime } from "./runtime.ts";
import { bornAtMs, issueSessionId, sessionKey } from "./session-id.ts";

function runtimeWith(random: Uint8Array): Runtime {
  return {
    nowMs: () => 0,
    setTimer: () => () => undefined,
    randomBytes: () => random,
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  };
}

const patterns = [0x00, 0xff, 0xa5, 0x01].map((byte) => new Uint8Array(32).fill(byte));
const times = [0, 1, 255, 2 ** 32 - 1, 2 ** 32, 1_763_726_400_000, 2 ** 48 - 1];

describe("session ids", () => {
  it("are base64url of 32 random bytes and the birth time", () => {
    for (const random of patterns) {
      for (const timeMs of times) {
        const birth = Buffer.alloc(6);
        birth.writeUIntBE(timeMs, 0, 6);
        expect(issueSessionId(timeMs, runtimeWith(random))).toBe(Buffer.concat([random, birth]).toString("base64url"));
      }
    }
  });

  it("give their birth time back", () => {
    for (const random of patterns) {
      for (const timeMs of times) expect(bornAtMs(issueSessionId(timeMs, runtimeWith(random)))).toBe(timeMs);
    }
  });

  it.each([
    ["empty", ""],
    ["a character short", "A".repeat(50)],
    ["a character long", "A".repeat(52)],
    ["a UUID", "2f1f0f9e-5d3c-4c0a-9b43-0d7a3c2a7a11"],
    ["of another alphabet", `${"A".repeat(49)}+A`],
    ["with bits past the end", `${"A".repeat(50)}B`],
    ["with a line break", `${"A".repeat(51)}\n`],
  ])("has no birth time when it is %s", (_, id) => {
    expect(bornAtMs(id)).toBeUndefined();
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 48])("are not issued at %d", (nowMs) => {
    expect(() => issueSessionId(nowMs, runtimeWith(new Uint8Array(32)))).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }));
  });

  it("are not issued from too little randomness", () => {
    expect(() => issueSessionId(0, runtimeWith(new Uint8Array(31)))).toThrow(expect.objectContaining({ code: "INVARIANT_BROKEN" }));
  });

  it("have a key that is half a hash, 22 characters", () => {
    for (const id of ["", "a", "ümlaut", "A".repeat(51), "x".repeat(10_000)]) {
      const hash = createHash("sha256").update(`sid\0${id}`).digest();
      expect(sessionKey(id, runtimeWith(new Uint8Array(0)))).toBe(hash.subarray(0, 16).toString("base64url"));
    }
  });
});
