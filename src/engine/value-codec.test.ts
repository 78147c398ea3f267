import { createDecoder } from "lib0/decoding";
import { encode, writeAny } from "lib0/encoding";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "./limits.ts";
import { encodedValueBytes, readValue, valueKey, writeValue } from "./value-codec.ts";
import type { Plain } from "./values.ts";

function bytesOf(value: Plain): string {
  return Buffer.from(encode((encoder) => writeValue(encoder, value))).toString("hex");
}

function valueOf(hex: string, depth = DEFAULT_LIMITS.depth): Plain {
  return readValue(createDecoder(new Uint8Array(Buffer.from(hex, "hex"))), { ...DEFAULT_LIMITS, depth });
}

describe("the bytes of a value", () => {
  // Bytes that rest on disks: a change here is a new RECORD_CODEC_VERSION.
  it.each<[string, Plain]>([
    ["00", 0],
    ["5f", 95],
    ["e360", 96],
    ["e3ffffffffffffff0f", Number.MAX_SAFE_INTEGER],
    ["e401", -1],
    ["e4ffffffffffffff0f", Number.MIN_SAFE_INTEGER],
    ["e54340000000000000", 2 ** 53],
    ["e53fd5555555555555", 1 / 3],
    ["e54033fd70a3d70a3d", 19.99],
    ["e5bfb999999999999a", -0.1],
    ["60", ""],
    ["63616263", "abc"],
    ["e603e5908d", "名"],
    [`bf${"61".repeat(95)}`, "a".repeat(95)],
    [`e660${"61".repeat(96)}`, "a".repeat(96)],
    [`e68001${"c3a4".repeat(64)}`, "ä".repeat(64)],
    ["c0", {}],
    ["c20161010162e0", { a: 1, b: null }],
    [
      `e710${"abcdefghijklmnop"
        .split("")
        .map((name) => `01${Buffer.from(name).toString("hex")}00`)
        .join("")}`,
      Object.fromEntries("abcdefghijklmnop".split("").map((name) => [name, 0])),
    ],
    ["d3e0e1e2", [null, false, true]],
    [`e810${"01".repeat(16)}`, Array.from({ length: 16 }, () => 1)],
    ["e94278727cda000000", new Date(1_680_000_000_000)],
    ["e9bff0000000000000", new Date(-1)],
    ["ea0130", 0n],
    ["ea03313030", 256n],
    ["eb0131", -1n],
    ["eb026666", -255n],
    ["ec03000aff", new Uint8Array([0, 10, 255])],
    ["ed01616102", new Map([["a", 2]])],
    ["ee02016162", new Set<Plain>([1, "b"])],
  ])("[V1] %s", (hex, value) => {
    expect(bytesOf(value)).toBe(hex);
    expect(valueOf(hex)).toStrictEqual(value);
    expect(encodedValueBytes(value)).toBe(hex.length / 2);
  });

  it("[V1] every integer around the borders of its encodings", () => {
    for (let power = 0; power < 53; power += 1) {
      for (const near of [-97, -96, -1, 0, 1, 95, 96, 97]) {
        for (const value of [2 ** power + near, -(2 ** power) + near, (2 ** power + near) / 100]) {
          expect(valueOf(bytesOf(value))).toBe(value);
          expect(encodedValueBytes(value)).toBe(bytesOf(value).length / 2);
        }
      }
    }
  });

  it("[V1] a session of a shop takes less than its JSON, and than lib0's own encoding", () => {
    const session = {
      user: { id: 4711, name: "Änne", roles: ["user", "beta"] },
      cart: {
        lines: [
          { sku: "SKU-1", count: 2, price: 19.99 },
          { sku: "SKU-22", count: 1, price: 5 },
        ],
        currency: "EUR",
      },
      csrf: "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFy",
      lastSeen: 1_763_726_400_000,
      flags: [true, false, null],
    };
    const byteCount = encodedValueBytes(session);
    expect(byteCount).toBeLessThan(0.8 * JSON.stringify(session).length);
    expect(byteCount).toBeLessThan(encode((encoder) => writeAny(encoder, session)).length);
  });

  it("[V1] bytes read are a copy", () => {
    const source = new Uint8Array([0xec, 1, 7]);
    const value = readValue(createDecoder(source), DEFAULT_LIMITS);
    source[2] = 8;
    expect(value).toStrictEqual(new Uint8Array([7]));
  });
});

describe("hostile bytes", () => {
  it.each([
    ["nothing", ""],
    ["an unknown tag", "ef"],
    ["the last tag", "ff"],
    ["a string past the end", "63616"],
    ["a long string past the end", "e6ffffffff0f"],
    ["four billion elements", "e8ffffffff0f"],
    ["four billion properties", "e7ffffffff0f"],
    ["more entries than bytes", "ed020101"],
    ["four billion elements of a Set", "eeffffffff0f"],
    ["gigabytes", "ecffffffff0f00"],
    ["a BigInt of gigabytes", "eaffffffff0f00"],
    ["a length that never ends", `e6${"80".repeat(20)}`],
    ["a number that never ends", `e3${"ff".repeat(20)}`],
    ["a number beyond 2^53", "e38080808080808010"],
    ["a negative number beyond 2^53", "e48080808080808010"],
    ["a cut number", "e380"],
    ["a cut float", "e53fd5"],
    ["NaN", "e57ff8000000000000"],
    ["Infinity", "e57ff0000000000000"],
    ["-0", "e58000000000000000"],
    ["a Date beyond time", "e9433eb208c2dc0001"],
    ["a Date that is cut off", "e94278727cda0000"],
    ["a Date that is no number", "e97ff8000000000000"],
    ["a BigInt without digits", "ea00"],
    ["a BigInt with two signs", "eb022d31"],
    ["a BigInt with spaces", "ea023120"],
    ["a BigInt of other digits", "ea0167"],
    ["broken UTF-8", "61ff"],
    ["a lone surrogate", "63eda080"],
    ["an overlong slash", "62c0af"],
    ["__proto__", `c109${Buffer.from("__proto__").toString("hex")}c0`],
    ["constructor", `c10b${Buffer.from("constructor").toString("hex")}c0`],
    ["prototype in a Map", `ed0100c109${Buffer.from("prototype").toString("hex")}00`],
    ["a name too long", `c18101${"61".repeat(129)}00`],
    ["a name that is no UTF-8", "c101ff00"],
    ["a property twice", "c2016101016102"],
    ["a key twice", "ed0201010102"],
    ["an element twice", "ee020101"],
    ["33 levels", `${"d1".repeat(33)}00`],
    ["a million levels", "d1".repeat(1_000_000)],
    ["a million levels of Maps", "ed01".repeat(1_000_000)],
  ])("[V3] refuses %s", (_, hex) => {
    expect(() => valueOf(hex)).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
  });

  it("[V3] reads 32 levels", () => {
    expect(valueOf(`${"d1".repeat(31)}d0`)).toEqual(JSON.parse("[".repeat(32) + "]".repeat(32)));
  });

  it("[V3] reads -0 in no spelling of an integer", () => {
    expect(valueOf("e400")).toBe(0);
  });
});

describe("valueKey", () => {
  it("[V1] cannot be fooled by contents that look like its own syntax", () => {
    const values: Plain[] = [
      ["a", "b"],
      ["as1:b"],
      ["a,b"],
      ["s1:a", "s1:b"],
      [["a"], "b"],
      ["a", ["b"]],
      { a: "b" },
      { "a1:b": "" },
      "[s1:as1:b]",
      new Map([["a", "b"]]),
      new Set(["a", "b"]),
      new Uint8Array([97]),
      "97",
      97,
      97n,
      new Date(97),
      "n97;",
      [97],
      [9, 7],
    ];
    expect(new Set(values.map(valueKey)).size).toBe(values.length);
  });

  it("[V1] takes bytes of any length", () => {
    const bytes = new Uint8Array(200_000).fill(255);
    expect(valueKey(bytes)).toBe(`b200000:${"\u00ff".repeat(200_000)}`);
  });
});
