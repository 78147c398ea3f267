import { readFloat64, readUint8Array, type Decoder } from "lib0/decoding";
import { createEncoder, length, write, writeFloat64, writeUint8Array, writeVarString, writeVarUint, type Encoder } from "lib0/encoding";
import { corrupt } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { readLength, readText, readUnsigned, readUtf8, writeShortAscii, writeText } from "./text-codec.ts";
import { nameFault, type Plain } from "./values.ts";

export { valueKey } from "./value-key.ts";

/*
 * A value is a tag byte and what the tag says. Small integers, short strings and small containers fit into the tag, so that a
 * value never takes more than three times its JSON (`0.5`), and usually takes less than that. `text` is [varuint bytes][UTF-8].
 *
 *   00 … 5f   the integer 0 … 95
 *   60 … bf   a string of 0 … 95 bytes: [UTF-8]
 *   c0 … cf   an object of 0 … 15 properties: ([text] [value])*
 *   d0 … df   an array of 0 … 15 elements: [value]*
 *   e0 e1 e2  null, false, true
 *   e3 e4     a safe integer n ≥ 0, n < 0: [varuint n, or -n]
 *   e5        any other number: [float64, big-endian], finite and not -0
 *   e6        a string: [text]
 *   e7 e8     an object, an array: [varuint count], then as above
 *   e9        a Date: [float64, big-endian, milliseconds since the epoch]
 *   ea eb     a BigInt n ≥ 0, n < 0: [text, the hexadecimal digits of n, or -n]
 *   ec        bytes: [varuint count] [bytes]
 *   ed        a Map: [varuint count] ([value] [value])*
 *   ee        a Set: [varuint count] [value]*
 *   ef … ff   refused; a later kind takes the next one
 */
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
const STRING = 0xe6;
const OBJECT = 0xe7;
const ARRAY = 0xe8;
const DATE = 0xe9;
const POSITIVE_BIGINT = 0xea;
const NEGATIVE_BIGINT = 0xeb;
const BYTES = 0xec;
const MAP = 0xed;
const SET = 0xee;

/** `value` is canonical (`normaliseValue`); nothing is checked here. The order of properties and entries is kept. */
export function writeValue(encoder: Encoder, value: Plain): void {
  switch (typeof value) {
    case "string":
      if (writeShortAscii(encoder, value, SHORT_STRING)) return;
      write(encoder, STRING);
      return writeVarString(encoder, value);
    case "number":
      if (!Number.isSafeInteger(value)) {
        write(encoder, FLOAT);
        return void writeFloat64(encoder, value);
      }
      if (value >= 0 && value < SHORT_STRING) return write(encoder, value);
      write(encoder, value < 0 ? NEGATIVE : POSITIVE);
      return writeVarUint(encoder, Math.abs(value));
    case "boolean":
      return write(encoder, value ? TRUE : FALSE);
    case "bigint":
      // Hexadecimal is linear in the size, decimal is not.
      write(encoder, value < 0n ? NEGATIVE_BIGINT : POSITIVE_BIGINT);
      return writeText(encoder, (value < 0n ? -value : value).toString(16));
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

/** How many bytes `writeValue` writes. Costs as much as writing. */
export function encodedValueBytes(value: Plain): number {
  scratch.cpos = 0;
  scratch.bufs = [];
  writeValue(scratch, value);
  const byteCount = length(scratch);
  // The memory of a huge value is not kept.
  if (byteCount > SCRATCH_BYTES_MAX) scratch = createEncoder();
  return byteCount;
}

const SCRATCH_BYTES_MAX = 0x10000;
let scratch = createEncoder();

function writeObject(encoder: Encoder, value: Exclude<Plain, null | boolean | number | string | bigint>): void {
  if (Array.isArray(value)) {
    writeCount(encoder, value.length, SMALL_ARRAY, ARRAY);
    for (const element of value) writeValue(encoder, element);
  } else if (value instanceof Date) {
    write(encoder, DATE);
    writeFloat64(encoder, value.getTime());
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
      return readUnsigned(decoder);
    case NEGATIVE:
      return 0 - readUnsigned(decoder);
    case FLOAT:
      return readFloat(decoder);
    case STRING:
      return readText(decoder);
    case OBJECT:
      return readProperties(decoder, readLength(decoder, 2), limits, depthLeft);
    case ARRAY:
      return readElements(decoder, readLength(decoder, 1), limits, depthLeft);
    case DATE: {
      const date = new Date(readFloat(decoder));
      if (Number.isNaN(date.getTime())) throw corrupt("a number is out of its range");
      return date;
    }
    case POSITIVE_BIGINT:
      return readMagnitude(decoder);
    case NEGATIVE_BIGINT:
      return -readMagnitude(decoder);
    case BYTES:
      return readUint8Array(decoder, readLength(decoder, 1)).slice();
    case MAP: {
      // Each entry is read as two elements.
      const count = readLength(decoder, 2);
      const parts = readElements(decoder, 2 * count, limits, depthLeft);
      const map = new Map<Plain, Plain>();
      for (let at = 0; at < parts.length; at += 2) map.set(parts[at] as Plain, parts[at + 1] as Plain);
      if (map.size !== count) throw corrupt("a key occurs twice");
      return map;
    }
    case SET: {
      const elements = readElements(decoder, readLength(decoder, 1), limits, depthLeft);
      const set = new Set(elements);
      if (set.size !== elements.length) throw corrupt("an element occurs twice");
      return set;
    }
    default:
      throw corrupt("a value is of an unknown kind");
  }
}

function readProperties(decoder: Decoder, count: number, limits: Limits, depthLeft: number): Plain {
  checkDepth(depthLeft);
  const object: { [name: string]: Plain } = {};
  for (let left = count; left > 0; left -= 1) {
    const name = readText(decoder);
    if (nameFault(name, limits) !== undefined || Object.hasOwn(object, name)) throw corrupt("a property has a refused name");
    object[name] = read(decoder, limits, depthLeft - 1);
  }
  return object;
}

function readElements(decoder: Decoder, count: number, limits: Limits, depthLeft: number): Plain[] {
  checkDepth(depthLeft);
  const array: Plain[] = [];
  for (let left = count; left > 0; left -= 1) array.push(read(decoder, limits, depthLeft - 1));
  return array;
}

function checkDepth(depthLeft: number): void {
  if (depthLeft <= 0) throw corrupt("a value is nested too deeply");
}

function readFloat(decoder: Decoder): number {
  const value = decoder.arr.length - decoder.pos < 8 ? Number.NaN : readFloat64(decoder);
  if (!Number.isFinite(value) || Object.is(value, -0)) throw corrupt("a number is cut off or out of its range");
  return value;
}

function readMagnitude(decoder: Decoder): bigint {
  const digits = readText(decoder);
  if (!/^[\da-f]+$/.test(digits)) throw corrupt("a number has other digits than hexadecimal ones");
  return BigInt(`0x${digits}`);
}
