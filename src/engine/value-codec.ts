import { readFloat64, readUint8Array, readVarInt, type Decoder } from "lib0/decoding";
import { write, writeFloat64, writeUint8Array, writeVarInt, writeVarUint, type Encoder } from "lib0/encoding";
import { corrupt } from "./byte-reader.ts";
import type { Limits } from "./limits.ts";
import {
  encodeUtf8,
  readLength,
  readText,
  readUnsigned,
  readUtf8,
  SHORT_TEXT_BYTES_MAX,
  writeShortAscii,
  writeText,
} from "./text-codec.ts";
import { nameFault, utf8Length, type Plain } from "./values.ts";

export { valueKey } from "./value-key.ts";

/*
 * A value is a tag byte and what the tag says. Small integers, short strings and small containers fit into the tag, so that a
 * value never takes more than 2.25 times its JSON (`1e21`), and usually takes less than that. `name` is [varuint bytes][UTF-8].
 *
 *   00 … 5f   the integer 0 … 95
 *   60 … bf   a string of 0 … 95 bytes: [UTF-8]
 *   c0 … cf   an object of 0 … 15 properties: ([name] [value])*
 *   d0 … df   an array of 0 … 15 elements: [value]*
 *   e0 e1 e2  null, false, true
 *   e3        a safe integer n ≥ 96: [varuint n - 96]
 *   e4        a safe integer n < 0: [varuint -1 - n]
 *   e5        any other number: [float64, big-endian], finite and not -0
 *   e6        a number of hundredths, as prices are: [varint n * 100]; read as that integer / 100, and written so only where
 *             this gives n exactly
 *   e7        a string: [varuint bytes] [UTF-8]
 *   e8 e9     an object, an array: [varuint count], then as above
 *   ea        a Date: [varint milliseconds since the epoch]
 *   eb ec     a BigInt n ≥ 0, n < 0: [varuint bytes] [n, or -1 - n, big-endian]
 *   ed        bytes: [varuint count] [bytes]
 *   ee        a Map: [varuint count] ([value] [value])*
 *   ef        a Set: [varuint count] [value]*
 *   f0 … ff   refused; a later kind takes the next one
 */
const SMALL_INTEGER_END = 0x60;
const SHORT_STRING = 0x60;
const SMALL_OBJECT = 0xc0;
const SMALL_ARRAY = 0xd0;
const SMALL_COUNT_END = 16;
const NULL = 0xe0;
const FALSE = 0xe1;
const TRUE = 0xe2;
const POSITIVE = 0xe3;
const NEGATIVE = 0xe4;
const FLOAT = 0xe5;
const HUNDREDTHS = 0xe6;
const STRING = 0xe7;
const OBJECT = 0xe8;
const ARRAY = 0xe9;
const DATE = 0xea;
const POSITIVE_BIGINT = 0xeb;
const NEGATIVE_BIGINT = 0xec;
const BYTES = 0xed;
const MAP = 0xee;
const SET = 0xef;

/** Beyond, the varint is no shorter than a float64. */
const HUNDREDTHS_MAX = 2 ** 47;
/** ECMA-262, time values and time range. */
const TIME_MAX_MS = 8.64e15;

/** `value` is canonical (`normaliseValue`); nothing is checked here. The order of properties and entries is kept. */
export function writeValue(encoder: Encoder, value: Plain): void {
  switch (typeof value) {
    case "string":
      return writeString(encoder, value);
    case "number":
      return writeNumber(encoder, value);
    case "boolean":
      return write(encoder, value ? TRUE : FALSE);
    case "bigint":
      return writeBigInt(encoder, value);
    default:
      return value === null ? write(encoder, NULL) : writeObject(encoder, value);
  }
}

/**
 * The inverse of `writeValue`, for bytes that anybody may have written. The result is canonical and shares no memory with them.
 * @throws SessionError RECORD_CORRUPT for whatever `writeValue` cannot have written of a value within `limits`: unknown tags,
 * lengths beyond the end, nesting deeper than `limits.depth`, refused names, text that is not UTF-8, numbers out of range,
 * a name or primitive key twice.
 */
export function readValue(decoder: Decoder, limits: Limits): Plain {
  return read(decoder, limits, limits.depth);
}

/** How many bytes `writeValue` writes. Writes nothing. */
export function encodedValueBytes(value: Plain): number {
  switch (typeof value) {
    case "string": {
      const byteCount = utf8Length(value);
      return byteCount <= SHORT_TEXT_BYTES_MAX ? 1 + byteCount : 1 + varUintBytes(byteCount) + byteCount;
    }
    case "number":
      return numberBytes(value);
    case "bigint": {
      const byteCount = magnitudeHex(value).length / 2;
      return 1 + varUintBytes(byteCount) + byteCount;
    }
    case "boolean":
      return 1;
    default:
      return value === null ? 1 : objectBytes(value);
  }
}

type ObjectValue = Exclude<Plain, null | boolean | number | string | bigint>;

function writeString(encoder: Encoder, text: string): void {
  if (writeShortAscii(encoder, text, SHORT_STRING)) return;
  const bytes = encodeUtf8(text);
  if (bytes.length <= SHORT_TEXT_BYTES_MAX) write(encoder, SHORT_STRING + bytes.length);
  else {
    write(encoder, STRING);
    writeVarUint(encoder, bytes.length);
  }
  writeUint8Array(encoder, bytes);
}

function writeNumber(encoder: Encoder, value: number): void {
  if (Number.isSafeInteger(value)) {
    if (value >= 0 && value < SMALL_INTEGER_END) return write(encoder, value);
    write(encoder, value < 0 ? NEGATIVE : POSITIVE);
    return writeVarUint(encoder, value < 0 ? -1 - value : value - SMALL_INTEGER_END);
  }
  const hundredths = asHundredths(value);
  if (hundredths !== undefined) {
    write(encoder, HUNDREDTHS);
    return writeVarInt(encoder, hundredths);
  }
  write(encoder, FLOAT);
  return writeFloat64(encoder, value);
}

function writeBigInt(encoder: Encoder, value: bigint): void {
  const hex = magnitudeHex(value);
  write(encoder, value < 0n ? NEGATIVE_BIGINT : POSITIVE_BIGINT);
  writeVarUint(encoder, hex.length / 2);
  for (let index = 0; index < hex.length; index += 2) write(encoder, Number.parseInt(hex.slice(index, index + 2), 16));
}

function writeObject(encoder: Encoder, value: ObjectValue): void {
  if (Array.isArray(value)) {
    writeCount(encoder, value.length, SMALL_ARRAY, ARRAY);
    for (const element of value) writeValue(encoder, element);
  } else if (value instanceof Date) {
    write(encoder, DATE);
    writeVarInt(encoder, value.getTime());
  } else if (value instanceof Uint8Array) {
    write(encoder, BYTES);
    writeVarUint(encoder, value.length);
    writeUint8Array(encoder, value);
  } else if (value instanceof Map) {
    write(encoder, MAP);
    writeVarUint(encoder, value.size);
    for (const [key, content] of value) {
      writeValue(encoder, key);
      writeValue(encoder, content);
    }
  } else if (value instanceof Set) {
    write(encoder, SET);
    writeVarUint(encoder, value.size);
    for (const element of value) writeValue(encoder, element);
  } else {
    const names = Object.keys(value);
    writeCount(encoder, names.length, SMALL_OBJECT, OBJECT);
    for (const name of names) {
      writeText(encoder, name);
      writeValue(encoder, value[name] as Plain);
    }
  }
}

function writeCount(encoder: Encoder, count: number, small: number, large: number): void {
  if (count < SMALL_COUNT_END) return write(encoder, small + count);
  write(encoder, large);
  return writeVarUint(encoder, count);
}

function read(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  const tag = decoder.arr[decoder.pos];
  if (tag === undefined) throw corrupt("a value is missing");
  decoder.pos += 1;
  if (tag < SHORT_STRING) return tag;
  if (tag < SMALL_OBJECT) return readUtf8(decoder, tag - SHORT_STRING);
  if (tag < SMALL_ARRAY) return readProperties(decoder, tag - SMALL_OBJECT, limits, depthLeft);
  if (tag < NULL) return readElements(decoder, tag - SMALL_ARRAY, limits, depthLeft);
  switch (tag) {
    case NULL:
      return null;
    case FALSE:
      return false;
    case TRUE:
      return true;
    case POSITIVE:
      return safeInteger(readUnsigned(decoder) + SMALL_INTEGER_END);
    case NEGATIVE:
      return safeInteger(-1 - readUnsigned(decoder));
    case FLOAT:
      return readFloat(decoder);
    case HUNDREDTHS:
      return readSigned(decoder, HUNDREDTHS_MAX) / 100;
    case STRING:
      return readUtf8(decoder, readLength(decoder, 1));
    case OBJECT:
      return readProperties(decoder, readLength(decoder, 2), limits, depthLeft);
    case ARRAY:
      return readElements(decoder, readLength(decoder, 1), limits, depthLeft);
    case DATE:
      return new Date(readSigned(decoder, TIME_MAX_MS));
    case POSITIVE_BIGINT:
      return readMagnitude(decoder);
    case NEGATIVE_BIGINT:
      return -1n - readMagnitude(decoder);
    case BYTES:
      return readUint8Array(decoder, readLength(decoder, 1)).slice();
    case MAP:
      return readMap(decoder, limits, depthLeft);
    case SET:
      return readSet(decoder, limits, depthLeft);
    default:
      throw corrupt("a value is of an unknown kind");
  }
}

function readProperties(decoder: Decoder, count: number, limits: Limits, depthLeft: number): Plain {
  checkDepth(depthLeft);
  const object: { [name: string]: Plain } = {};
  for (let left = count; left > 0; left -= 1) {
    const name = readText(decoder);
    if (nameFault(name, limits) !== undefined) throw corrupt("a property has a refused name");
    if (Object.hasOwn(object, name)) throw corrupt("a property occurs twice");
    object[name] = read(decoder, limits, depthLeft - 1);
  }
  return object;
}

function readElements(decoder: Decoder, count: number, limits: Limits, depthLeft: number): Plain {
  checkDepth(depthLeft);
  const array: Plain[] = [];
  for (let left = count; left > 0; left -= 1) array.push(read(decoder, limits, depthLeft - 1));
  return array;
}

function readMap(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  checkDepth(depthLeft);
  const count = readLength(decoder, 2);
  const map = new Map<Plain, Plain>();
  for (let left = count; left > 0; left -= 1) {
    const key = read(decoder, limits, depthLeft - 1);
    map.set(key, read(decoder, limits, depthLeft - 1));
  }
  if (map.size !== count) throw corrupt("a key occurs twice");
  return map;
}

function readSet(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  checkDepth(depthLeft);
  const count = readLength(decoder, 1);
  const set = new Set<Plain>();
  for (let left = count; left > 0; left -= 1) set.add(read(decoder, limits, depthLeft - 1));
  if (set.size !== count) throw corrupt("an element occurs twice");
  return set;
}

function readFloat(decoder: Decoder): number {
  if (decoder.arr.length - decoder.pos < 8) throw corrupt("a number is cut off");
  const value = readFloat64(decoder);
  if (!Number.isFinite(value) || Object.is(value, -0)) throw corrupt("a number is out of its range");
  return value;
}

function readSigned(decoder: Decoder, max: number): number {
  if (decoder.pos >= decoder.arr.length) throw corrupt("a number is missing");
  let value: number;
  try {
    value = readVarInt(decoder);
  } catch (cause) {
    throw corrupt("a number is cut off or too large", cause);
  }
  if (!(Math.abs(value) <= max)) throw corrupt("a number is out of its range");
  // lib0 can spell -0, which no value is; adding 0 makes it 0.
  return value + 0;
}

function readMagnitude(decoder: Decoder): bigint {
  const bytes = readUint8Array(decoder, readLength(decoder, 1));
  let hex = "0x0";
  for (const byte of bytes) hex += (byte < 16 ? "0" : "") + byte.toString(16);
  return BigInt(hex);
}

function safeInteger(value: number): number {
  if (!Number.isSafeInteger(value)) throw corrupt("a number is out of its range");
  return value;
}

function checkDepth(depthLeft: number): void {
  if (depthLeft <= 0) throw corrupt("a value is nested too deeply");
}

/** Whole bytes of `n`, or of `-1 - n` where n is negative, in hexadecimal: linear in the size, as decimal digits are not. */
function magnitudeHex(value: bigint): string {
  const magnitude = value < 0n ? -1n - value : value;
  const hex = magnitude.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function asHundredths(value: number): number | undefined {
  const hundredths = Math.round(value * 100);
  return Math.abs(hundredths) <= HUNDREDTHS_MAX && hundredths / 100 === value ? hundredths : undefined;
}

function numberBytes(value: number): number {
  if (Number.isSafeInteger(value)) {
    if (value >= 0 && value < SMALL_INTEGER_END) return 1;
    return 1 + varUintBytes(value < 0 ? -1 - value : value - SMALL_INTEGER_END);
  }
  const hundredths = asHundredths(value);
  return hundredths === undefined ? 9 : 1 + varIntBytes(hundredths);
}

function objectBytes(value: ObjectValue): number {
  if (value instanceof Date) return 1 + varIntBytes(value.getTime());
  if (value instanceof Uint8Array) return 1 + varUintBytes(value.length) + value.length;
  if (Array.isArray(value)) {
    let byteCount = countBytes(value.length);
    for (const element of value) byteCount += encodedValueBytes(element);
    return byteCount;
  }
  if (value instanceof Map) {
    let byteCount = 1 + varUintBytes(value.size);
    for (const [key, content] of value) byteCount += encodedValueBytes(key) + encodedValueBytes(content);
    return byteCount;
  }
  if (value instanceof Set) {
    let byteCount = 1 + varUintBytes(value.size);
    for (const element of value) byteCount += encodedValueBytes(element);
    return byteCount;
  }
  const names = Object.keys(value);
  let byteCount = countBytes(names.length);
  for (const name of names) {
    const nameBytes = utf8Length(name);
    byteCount += varUintBytes(nameBytes) + nameBytes + encodedValueBytes(value[name] as Plain);
  }
  return byteCount;
}

function countBytes(count: number): number {
  return count < SMALL_COUNT_END ? 1 : 1 + varUintBytes(count);
}

function varUintBytes(value: number): number {
  let byteCount = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) byteCount += 1;
  return byteCount;
}

/** lib0's varint keeps the sign in the first byte, which has six bits left. */
function varIntBytes(value: number): number {
  const rest = Math.floor(Math.abs(value) / 0x40);
  return rest === 0 ? 1 : 1 + varUintBytes(rest);
}
