import { describe, expect, test } from "vitest";
import { KeyRing } from "./key-ring.ts";
import { Notices } from "./notices.ts";
import { readSlots, seenOf, signVersion, slotOf, SLOTS, VERSION_TOKEN_LENGTH } from "./version-token.ts";
import type { IsKnown, Slot, VersionToken } from "./version-token.ts";

const SECRET = "a secret of tests, with its thirty-two bytes and more";
const OTHER = "another secret of tests, with thirty-two bytes and more";
const KEY = "AAAAAAAAAAAAAAAAAAAAAA";
const OTHER_KEY = "BAAAAAAAAAAAAAAAAAAAAA";
const TOUCHED_AT_MS = Date.UTC(2026, 0, 1);
const TOKEN: VersionToken = { dot: [2 ** 32 + 3, 77], touchedAtMs: TOUCHED_AT_MS };
const HIGHEST: VersionToken = { dot: [2 ** 35 - 1, Number.MAX_SAFE_INTEGER], touchedAtMs: 2 ** 48 - 1 };

function ring(...secrets: string[]): KeyRing {
  return new KeyRing(secrets, new Notices(() => undefined));
}

function read(value: string, { keys = ring(SECRET), key = KEY, scope = "sid-" }: { keys?: KeyRing; key?: string; scope?: string } = {}) {
  return readSlots(keys, (slot) => scope + slot, key, [["3", value]]).tokens;
}

describe("version tokens", () => {
  test.each([TOKEN, HIGHEST, { dot: undefined, touchedAtMs: TOUCHED_AT_MS }, { dot: undefined, touchedAtMs: 0 }])(
    "[RW5] read back equal: %j",
    (token) => {
      const value = signVersion(ring(SECRET), "sid-3", KEY, token);
      expect(value).toMatch(/^[\w-]+$/);
      expect(value).toHaveLength(VERSION_TOKEN_LENGTH);
      expect(read(value)).toEqual([{ slot: "3", ...token }]);
    },
  );

  test("[RW5] are accepted by every secret of the ring, and signed by the first", () => {
    const value = signVersion(ring(OTHER, SECRET), "sid-3", KEY, TOKEN);
    expect(read(value, { keys: ring(SECRET, OTHER) })).toHaveLength(1);
    expect(read(value, { keys: ring(SECRET) })).toEqual([]);
  });

  test("[RW5] mean nothing for another session, slot, way or secret", () => {
    const value = signVersion(ring(SECRET), "sid-3", KEY, TOKEN);
    expect(read(value)).toHaveLength(1);
    expect(read(value, { key: OTHER_KEY })).toEqual([]);
    expect(read(value, { scope: "other-" })).toEqual([]);
    expect(read(value, { keys: ring(OTHER) })).toEqual([]);
    expect(readSlots(ring(SECRET), (slot) => `sid-${slot}`, KEY, [["4", value]])).toEqual({ slots: ["4"], tokens: [] });
  });

  test("[RW5] need not be genuine where they say nothing that is not known; mere uses must be", () => {
    const forged = signVersion(ring(OTHER), "sid-3", KEY, TOKEN);
    const known = (value: string, isKnown: IsKnown): unknown =>
      readSlots(ring(SECRET), (slot) => `sid-${slot}`, KEY, [["3", value]], isKnown).tokens;
    const asked: unknown[] = [];
    const isKnown =
      (answer: boolean): IsKnown =>
      (...said) =>
        asked.push(said) > 0 && answer;
    expect(known(forged, isKnown(true))).toEqual([{ slot: "3", ...TOKEN }]);
    expect(known(forged, isKnown(false))).toEqual([]);
    expect(asked).toEqual([
      [TOKEN.dot, TOUCHED_AT_MS],
      [TOKEN.dot, TOUCHED_AT_MS],
    ]);
    const use = { dot: undefined, touchedAtMs: TOUCHED_AT_MS };
    expect(known(signVersion(ring(OTHER), "sid-3", KEY, use), isKnown(true))).toEqual([]);
    expect(known(signVersion(ring(SECRET), "sid-3", KEY, use), isKnown(true))).toEqual([{ slot: "3", ...use }]);
  });

  test("[RW5] mean nothing when any bit is changed, or any length", () => {
    const value = signVersion(ring(SECRET), "sid-3", KEY, TOKEN);
    const bytes = Buffer.from(value, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(read(changed.toString("base64url"))).toEqual([]);
    }
    for (let length = 0; length < value.length; length += 1) expect(read(value.slice(0, length))).toEqual([]);
    for (const garbage of [`${value}A`, "", "=", "\0".repeat(VERSION_TOKEN_LENGTH), "é".repeat(VERSION_TOKEN_LENGTH), "A".repeat(60_000)]) {
      expect(read(garbage)).toEqual([]);
    }
  });

  test("[RW5] of one slot two values are looked at, whatever stands in the others", () => {
    const value = signVersion(ring(SECRET), "sid-3", KEY, TOKEN);
    const late: [Slot, string][] = [
      ["3", "tossed"],
      ["3", "tossed"],
      ["3", value],
    ];
    const early: [Slot, string][] = [
      ["3", "tossed"],
      ["3", value],
      ...Array.from({ length: 1_000 }, (): [Slot, string] => ["1", "tossed"]),
    ];
    const scopeOf = (slot: Slot): string => `sid-${slot}`;
    expect(readSlots(ring(SECRET), scopeOf, KEY, late)).toEqual({ slots: ["3"], tokens: [] });
    expect(readSlots(ring(SECRET), scopeOf, KEY, early)).toEqual({ slots: ["3", "1"], tokens: [{ slot: "3", ...TOKEN }] });
  });

  test("[RW7] have their writer's place, and uses a place of their own", () => {
    expect(Array.from({ length: 9 }, (_, index) => slotOf({ dot: [2 ** 32 + index, 1], touchedAtMs: 0 }))).toEqual([
      ...SLOTS.slice(0, 8),
      "0",
    ]);
    expect(slotOf({ dot: undefined, touchedAtMs: 0 })).toBe("t");
  });

  test("[RW7] keep the place that they have, and give way to those of other processes", () => {
    const token = (writer: number): VersionToken => ({ dot: [2 ** 32 + writer, 1], touchedAtMs: 0 });
    const others = [
      { slot: "1", ...token(9) },
      { slot: "2", ...token(2) },
      { slot: "t", dot: undefined, touchedAtMs: 0 },
    ] as const;
    expect(slotOf(token(1), others)).toBe("3");
    expect(slotOf(token(9), others)).toBe("1");
    expect(slotOf(token(0), others)).toBe("0");
    const full = Array.from({ length: 8 }, (_, index) => ({ slot: SLOTS[index] ?? "t", ...token(8 + index) }));
    expect(slotOf(token(3), full)).toBe("3");
    expect(slotOf(token(11), full)).toBe("3");
  });

  test("[RW5] give the engine all dots, and the latest use", () => {
    const use: VersionToken = { dot: undefined, touchedAtMs: TOUCHED_AT_MS + 5 };
    expect(seenOf({ slots: [], tokens: [] })).toBeUndefined();
    expect(
      seenOf({
        slots: ["3", "t"],
        tokens: [
          { slot: "3", ...TOKEN },
          { slot: "t", ...use },
        ],
      }),
    ).toEqual({ dots: [TOKEN.dot], touchedAtMs: TOUCHED_AT_MS + 5 });
  });
});
