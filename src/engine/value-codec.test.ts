import { createDecoder } from "lib0/decoding";
import { createEncoder, encode, length, writeAny } from "lib0/encoding";
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "./limits.ts";
import { emptied, encodedValueBytes, readValue, valueKey, writeValue } from "./value-codec.ts";
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
    ["7e", null],
    ["79", false],
    ["78", true],
    ["7d00", 0],
    ["7d41", -1],
    ["7dbfffffff0f", 2 ** 31 - 1],
    ["7c4f000000", 2 ** 31],
    ["7b433fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["7c3f000000", 0.5],
    ["7b4033fd70a3d70a3d", 19.99],
    ["7700", ""],
    ["7703e5908d", "名"],
    ["7600", {}],
    ["760201617d0101627e", { a: 1, b: null }],
    ["7500", []],
    ["75037e7978", [null, false, true]],
    ["7403000aff", new Uint8Array([0, 10, 255])],
    ["75037f7d007b4278727cda000000", new Date(1_680_000_000_000)],
    ["75037f7d007d41", new Date(-1)],
    ["75037f7d01770130", 0n],
    ["75037f7d0177032d6666", -255n],
    ["75047f7d027701617d02", new Map([["a", 2]])],
    ["75027f7d02", new Map()],
    ["75047f7d037d01770162", new Set<Plain>([1, "b"])],
  ])("[V1] %s", (hex, value) => {
    expect(bytesOf(value)).toBe(hex);
    expect(valueOf(hex)).toStrictEqual(value);
    expect(encodedValueBytes(value)).toBe(hex.length / 2);
  });

  it("[V1] is lib0's own encoding of what JSON knows, and of bytes", () => {
    const value = { a: [1, -2.5, "x", null, true, { b: new Uint8Array([1]) }], "": {} };
    expect(bytesOf(value)).toBe(Buffer.from(encode((encoder) => writeAny(encoder, value))).toString("hex"));
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

  it("[V1] a session of a shop takes less than its JSON", () => {
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
    expect(encodedValueBytes(session)).toBeLessThan(0.9 * JSON.stringify(session).length);
  });

  it("[V1] bytes read are a copy", () => {
    const source = new Uint8Array([0x74, 1, 7]);
    const value = readValue(createDecoder(source), DEFAULT_LIMITS);
    source[2] = 8;
    expect(value).toStrictEqual(new Uint8Array([7]));
  });

  it("[V1] is measured alike before and after a value that is too large to keep its memory", () => {
    const encoder = createEncoder();
    writeValue(encoder, "x".repeat(200_000));
    expect(encodedValueBytes("x".repeat(200_000))).toBe(length(encoder));
    expect(encodedValueBytes(1)).toBe(2);
    expect(emptied(encoder)).not.toBe(encoder);
    const small = createEncoder();
    writeValue(small, "x".repeat(150));
    expect(emptied(small)).toBe(small);
    expect(length(small)).toBe(0);
  });
});

describe("hostile bytes", () => {
  const text = (of: string) => `${of.length.toString(16).padStart(2, "0")}${Buffer.from(of).toString("hex")}`;

  it.each([
    ["nothing", ""],
    ["an unknown type", "73"],
    ["the first type", "00"],
    ["the last type", "ff"],
    ["undefined", "7f"],
    ["undefined as a property", "760101617f"],
    ["undefined as a later element", "75027e7f"],
    ["a BigInt of 64 bits", "7a0000000000000001"],
    ["a string past the end", "77036162"],
    ["a long string past the end", "77ffffffff0f"],
    ["four billion elements", "75ffffffff0f"],
    ["four billion properties", "76ffffffff0f"],
    ["four billion elements of a Set", "75ffffffff0f7f7d03"],
    ["more entries than bytes", "75067f7d027d017d01"],
    ["gigabytes", "74ffffffff0f00"],
    ["a length beyond every number", `75${"ff".repeat(200)}`],
    ["a length that is no number", `74${"80".repeat(200)}00`],
    ["a number that never ends", `7d${"ff".repeat(20)}`],
    ["a number without its byte", "7d"],
    ["a number without its byte, in an array", "75017d"],
    ["a cut number", "7d80"],
    ["a cut float", "7b3fd5"],
    ["a cut short float", "7c3fd5"],
    ["NaN", "7b7ff8000000000000"],
    ["a short NaN", "7c7fc00000"],
    ["Infinity", "7b7ff0000000000000"],
    ["a Date beyond time", "75037f7d007b433eb208c2dc0001"],
    ["a Date that is cut off", "75037f7d007b4278727c"],
    ["a Date that is text", `75037f7d0077${text("1")}`],
    ["a Date without time", "75027f7d00"],
    ["a Date with two times", "75047f7d007d017d01"],
    ["a BigInt without digits", "75037f7d017700"],
    ["a BigInt with two signs", `75037f7d0177${text("--1")}`],
    ["a BigInt with spaces", `75037f7d0177${text("1 ")}`],
    ["a BigInt of other digits", `75037f7d0177${text("g")}`],
    ["a BigInt of other script", "75037f7d017703efbc91"],
    ["a BigInt that is a number", "75037f7d017d01"],
    ["a Map without a content", "75037f7d027d01"],
    ["an unknown tag", "75037f7d047d01"],
    ["a tag that is text", "75037f770130"],
    ["a tag that is undefined", "75037f7f7d01"],
    ["no tag", "75017f"],
    ["broken UTF-8", "7701ff"],
    ["a lone surrogate", "7703eda080"],
    ["an overlong slash", "7702c0af"],
    ["__proto__ with an object", `7601${text("__proto__")}7601${text("polluted")}7d01`],
    ["__proto__ with null", `7601${text("__proto__")}7e`],
    ["__proto__ with an array", `7601${text("__proto__")}7500`],
    ["__proto__ inside an array", `75017601${text("__proto__")}7d01`],
    ["constructor", `7601${text("constructor")}7600`],
    ["prototype in a Map", `75047f7d027d007601${text("prototype")}7d00`],
    ["a name too long", `76018101${"61".repeat(129)}7d00`],
    ["a name that is no UTF-8", "760101ff7d00"],
    ["a property twice", "760201617d0101617d02"],
    ["a key twice", "75067f7d027d017d017d017d02"],
    ["an element twice", "75047f7d037d017d01"],
    ["33 levels", `${"7501".repeat(33)}7d00`],
    ["33 levels, the last a Map", `${"7501".repeat(32)}75027f7d02`],
    ["33 levels, the last an object", `${"7501".repeat(32)}7600`],
    ["a million levels", "7501".repeat(1_000_000)],
    ["a million levels of objects", "760100".repeat(1_000_000)],
    ["a million levels of Sets", "75037f7d03".repeat(1_000_000)],
    ["a million levels of tags", "75037f".repeat(1_000_000)],
  ])("[V3] refuses %s", (_, hex) => {
    expect(() => valueOf(hex)).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("[V3] reads 32 levels, and what JavaScript has no level for inside them", () => {
    expect(valueOf(`${"7501".repeat(31)}7500`)).toEqual(JSON.parse("[".repeat(32) + "]".repeat(32)));
    for (const inner of [new Date(5), -5n]) {
      const deep = Array.from({ length: 32 }).reduce<Plain>((nested) => [nested], inner);
      expect(valueOf(bytesOf(deep))).toStrictEqual(deep);
    }
  });

  it("[V3] reads -0 in no spelling of a number", () => {
    for (const hex of ["7d40", "7c80000000", "7b8000000000000000"]) expect(valueOf(hex)).toBe(0);
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
