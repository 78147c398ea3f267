import { createDecoder, hasContent, readVarString } from "lib0/decoding";
import { encode, writeVarString } from "lib0/encoding";
import { describe, expect, it } from "vitest";
import { readLength, readText, readUnsigned, writeText } from "./text-codec.ts";

const ascii = "The quick brown fox jumps over the lazy dog, ".repeat(8);

describe("text", () => {
  it("[V1] has the bytes of lib0's varString, at any length, in any alphabet", () => {
    const texts = ["é", "abcé", "名前", "\u{1f600}", "\ufeffbom", "a\0b", "ä".repeat(47), "ä".repeat(48), "ä".repeat(20_000)];
    for (let length = 0; length < 300; length += 1) texts.push(ascii.slice(0, length), `${ascii.slice(0, length)}ß`);
    for (const text of texts) {
      const bytes = encode((encoder) => writeText(encoder, text));
      expect(bytes).toStrictEqual(encode((encoder) => writeVarString(encoder, text)));
      const decoder = createDecoder(bytes);
      expect(readText(decoder)).toBe(text);
      expect(hasContent(decoder)).toBe(false);
      expect(readVarString(createDecoder(bytes))).toBe(text);
    }
  });

  it("[V1] follows what stands before it, in an encoder that has to grow", () => {
    const words = ascii.split(" ").flatMap((word) => [word, `${word}é`]);
    const bytes = encode((encoder) => words.forEach((word) => writeText(encoder, word)));
    const decoder = createDecoder(bytes);
    expect(words.map(() => readText(decoder))).toEqual(words);
  });

  it.each([
    ["nothing", []],
    ["a length without text", [3]],
    ["a length that never ends", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["a lone surrogate", [3, 0xed, 0xa0, 0x80]],
    ["half a character", [2, 0x61, 0xc3]],
  ])("[V3] refuses %s", (_, bytes) => {
    expect(() => readText(createDecoder(Uint8Array.from(bytes)))).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
  });
});

describe("lengths", () => {
  it("[V3] are refused when what they announce cannot follow", () => {
    expect(readLength(createDecoder(new Uint8Array([2, 0, 0, 0, 0])), 2)).toBe(2);
    expect(() => readLength(createDecoder(new Uint8Array([2, 0, 0, 0])), 2)).toThrow(expect.objectContaining({ code: "RECORD_CORRUPT" }));
  });

  it("[V3] are safe integers", () => {
    expect(readUnsigned(createDecoder(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])))).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => readUnsigned(createDecoder(new Uint8Array([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10])))).toThrow(
      expect.objectContaining({ code: "RECORD_CORRUPT" }),
    );
  });
});
