import type { Dice } from "../simulation/dice.ts";

/** Numbers at the edges of what fields hold, counts and lengths that nobody sends, and the ids that mean something. */
const NUMBERS: readonly number[] = [
  0,
  1,
  2,
  3,
  15,
  16,
  17,
  31,
  32,
  63,
  64,
  127,
  128,
  255,
  256,
  512,
  1_024,
  4_096,
  65_535,
  65_536,
  2 ** 24,
  32_000_000,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 35 - 1,
  2 ** 35,
  2 ** 40,
  2 ** 48 - 1,
  2 ** 48,
  2 ** 52,
  2 ** 53 - 1,
];

/** Spellings of numbers that are none, or not the only one: beyond 2^53, endless, cut off, longer than needed. */
const SPELLINGS: readonly (readonly number[])[] = [
  [0x80, 0x00],
  [0x81, 0x80, 0x00],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  Array.from({ length: 200 }, () => 0x80),
  [0xff],
];

/** [u8 0 … 127 | 128] … as lib0 and this package spell a number, at most 2^53 - 1. */
export function varUint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

export function hostileNumber(dice: Dice): number {
  if (dice.chance(0.3)) return dice.whole(0, 300);
  return dice.chance(0.15) ? Math.floor(dice.fraction() * 2 ** 53) : dice.pick(NUMBERS);
}

/** A number as a varuint, seldom one that nobody writes. */
export function hostileVarUint(dice: Dice): readonly number[] {
  return dice.chance(0.08) ? dice.pick(SPELLINGS) : varUint(hostileNumber(dice));
}

/** A count or length: mostly the true one, else any. */
export function countOr(dice: Dice, trueCount: number): readonly number[] {
  return dice.chance(0.93) ? varUint(trueCount) : hostileVarUint(dice);
}

const NAMES = ["a", "n", "hits", "tags", "cart", "items", "user", "note", "__proto__", "constructor", "prototype", "", "toString", "s"];

/** A name as UTF-8, mostly of an attribute that there is; seldom refused, endless, or no text at all. */
export function hostileText(dice: Dice): Uint8Array {
  if (dice.chance(0.8)) return Buffer.from(dice.pick(NAMES));
  switch (dice.whole(0, 4)) {
    case 0:
      return new Uint8Array(dice.whole(100, 700)).fill(0x61);
    case 1:
      return Uint8Array.of(0xed, 0xa0, 0x80);
    case 2:
      return Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
    case 3:
      return dice.bytes(dice.whole(0, 12));
    default:
      return Buffer.from("é\u{1f600}\u0000z");
  }
}

/** Puts bytes together. */
export function bytesOf(...parts: readonly (number | Uint8Array | readonly number[])[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += typeof part === "number" ? 1 : part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "number") bytes[at++] = part;
    else {
      bytes.set(part, at);
      at += part.length;
    }
  }
  return bytes;
}
