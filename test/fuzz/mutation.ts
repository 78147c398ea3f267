import type { Dice } from "../simulation/dice.ts";
import { hostileVarUint } from "./hostile-bytes.ts";

/** No input is longer: far beyond what a frame of a small session takes, and short enough for many a second. */
const INPUT_BYTES_MAX = 96 * 1024;

const MUTATIONS = [
  "flip",
  "set",
  "edge",
  "insert",
  "remove",
  "cut",
  "head",
  "repeat",
  "splice",
  "swap",
  "number",
  "word",
  "blow-up",
] as const;
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x3f, 0x40, 0xfe] as const;
const WORDS = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x0001_0000, 0x1fff_ffff] as const;

/** `bytes` with one to four things broken. `others`: where spliced bytes come from. */
export function mutated(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let broken: Uint8Array = bytes.slice();
  const count = dice.chance(0.55) ? 1 : dice.whole(2, 4);
  for (let done = 0; done < count; done++) broken = once(dice, broken, others);
  return broken.length > INPUT_BYTES_MAX ? broken.subarray(0, INPUT_BYTES_MAX) : broken;
}

function once(dice: Dice, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const at = dice.whole(0, Math.max(0, bytes.length - 1));
  switch (dice.pick(MUTATIONS)) {
    case "flip":
      return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << dice.whole(0, 7)));
    case "set":
      return withByte(bytes, at, dice.whole(0, 255));
    case "edge":
      return withByte(bytes, at, dice.pick(EDGES));
    case "insert":
      return replaced(bytes, at, 0, dice.bytes(dice.whole(1, 4)));
    case "remove":
      return replaced(bytes, at, dice.whole(1, 4), []);
    case "cut":
      return bytes.slice(0, at);
    case "head":
      return bytes.slice(at);
    case "repeat": {
      const part = bytes.slice(at, at + dice.whole(1, 64));
      return replaced(bytes, at, 0, part);
    }
    case "splice": {
      const other = others.length === 0 ? bytes : dice.pick(others);
      const from = dice.whole(0, Math.max(0, other.length - 1));
      return replaced(bytes, at, dice.whole(0, 64), other.slice(from, from + dice.whole(1, 128)));
    }
    case "swap": {
      const length = dice.whole(1, 16);
      const other = dice.whole(0, Math.max(0, bytes.length - 1));
      const [one, two] = [bytes.slice(at, at + length), bytes.slice(other, other + length)];
      return replaced(replaced(bytes, at, one.length, two), other, two.length, one);
    }
    case "number": {
      // Over the number that stands here, if one does.
      let length = 1;
      while (((bytes[at + length - 1] ?? 0) & 0x80) !== 0) length++;
      return replaced(bytes, at, dice.chance(0.7) ? length : 0, hostileVarUint(dice));
    }
    case "word": {
      const word = Buffer.alloc(4);
      if (dice.chance(0.5)) word.writeUInt32LE(dice.pick(WORDS));
      else word.writeUInt32BE(dice.pick(WORDS));
      return replaced(bytes, at, 4, word);
    }
    case "blow-up": {
      const part = bytes.slice(at, at + dice.whole(1, 24));
      const times = Math.min(dice.pick([8, 64, 512, 2_048]), Math.floor(INPUT_BYTES_MAX / Math.max(1, part.length)));
      const many = new Uint8Array(part.length * times);
      for (let index = 0; index < times; index++) many.set(part, index * part.length);
      return replaced(bytes, at, 0, many);
    }
  }
}

function withByte(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  if (bytes.length > 0) bytes[at] = byte;
  return bytes;
}

function replaced(bytes: Uint8Array, at: number, count: number, by: Iterable<number> & { readonly length: number }): Uint8Array {
  const end = Math.min(bytes.length, at + count);
  const result = new Uint8Array(bytes.length - (end - at) + by.length);
  result.set(bytes.subarray(0, at));
  result.set(by instanceof Uint8Array ? by : Uint8Array.from(by), at);
  result.set(bytes.subarray(end), at + by.length);
  return result;
}
