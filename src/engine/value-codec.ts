import { peekUint8, readAny, readVarString, readVarUint, type Decoder } from "lib0/decoding";
import { createEncoder, length, writeAny, type AnyEncodable, type Encoder } from "lib0/encoding";
import { corrupt } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { nameFault, type Plain } from "./values.ts";

export { valueKey } from "./value-key.ts";

/*
 * A value has the layout of lib0's `writeAny`. What lib0 has no type for is an array that starts with undefined, which no
 * canonical array does:
 *
 *   Date     [undefined, 0, milliseconds since the epoch]
 *   BigInt   [undefined, 1, hexadecimal digits, after a "-" if negative]
 *   Map      [undefined, 2, key, value, key, value, …]
 *   Set      [undefined, 3, element, …]
 */
const DATE = 0;
const BIGINT = 1;
const MAP = 2;
const SET = 3;

/** Type bytes of `writeAny`. Bytes of a peer are not for `readAny` as a whole: it nests without bound, and assigns to `__proto__`. */
const ARRAY = 117;
const OBJECT = 118;
const UNDEFINED = 127;

/** `value` is canonical (`normaliseValue`); nothing is checked here. The order of properties and entries is kept. */
export function writeValue(encoder: Encoder, value: Plain): void {
  writeAny(encoder, toAny(value));
}

/**
 * The inverse of `writeValue`, for bytes that anybody may have written. The result is canonical and shares no memory with them.
 * @throws SessionError RECORD_CORRUPT for whatever `writeValue` cannot have written of a value within `limits`: unknown types,
 * lengths beyond the end, nesting deeper than `limits.depth`, refused names, text that is not UTF-8, numbers out of range,
 * a name or primitive key twice.
 */
export function readValue(decoder: Decoder, limits: Limits): Plain {
  let value: Plain;
  try {
    value = read(decoder, limits, limits.depth);
  } catch (cause) {
    throw corrupt("value", cause);
  }
  // lib0 reads an integer past the end as 0, and lengths of hundreds of digits as NaN.
  if (decoder.pos <= decoder.arr.length) return value;
  throw corrupt("value length");
}

/** How many bytes `writeValue` writes. Costs as much as writing. */
export function encodedValueBytes(value: Plain): number {
  scratch = emptied(scratch);
  writeValue(scratch, value);
  return length(scratch);
}

let scratch = createEncoder();

/** `encoder` to write to from the start, or another one when it has grown large: the memory of a huge value is not kept. */
export function emptied(encoder: Encoder): Encoder {
  if (encoder.cbuf.length > ENCODER_BYTES_MAX) return createEncoder();
  encoder.cpos = 0;
  encoder.bufs = [];
  return encoder;
}

const ENCODER_BYTES_MAX = 0x10000;

function toAny(value: Plain): AnyEncodable {
  // Hexadecimal is linear in the size, decimal is not.
  if (typeof value === "bigint") return [undefined, BIGINT, value.toString(16)];
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(toAny);
  if (value instanceof Date) return [undefined, DATE, value.getTime()];
  if (value instanceof Map) return [undefined, MAP, ...[...value].flat().map(toAny)];
  if (value instanceof Set) return [undefined, SET, ...[...value].map(toAny)];
  const object: { [name: string]: AnyEncodable } = {};
  for (const name of Object.keys(value)) object[name] = toAny(value[name] as Plain);
  return object;
}

function read(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  const type = peekUint8(decoder);
  if (type === ARRAY || type === OBJECT) {
    decoder.pos += 1;
    return type === ARRAY ? readArray(decoder, limits, depthLeft) : readObject(decoder, limits, depthLeft);
  }
  const value: unknown = readAny(decoder);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  // Adding 0 turns -0 into 0.
  if (typeof value === "number" && Number.isFinite(value)) return value + 0;
  if (value instanceof Uint8Array) return value.slice();
  throw corrupt("value type");
}

function readObject(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  if (depthLeft < 1) throw corrupt("value depth");
  const object: { [name: string]: Plain } = {};
  for (let left = readVarUint(decoder); left > 0; left -= 1) {
    const name = readVarString(decoder);
    if (nameFault(name, limits) !== undefined || Object.hasOwn(object, name)) throw corrupt("property name");
    object[name] = read(decoder, limits, depthLeft - 1);
  }
  return object;
}

/** An array, or what is written as one: that may be a Date or BigInt, where `depthLeft` is 0. */
function readArray(decoder: Decoder, limits: Limits, depthLeft: number): Plain {
  let left = readVarUint(decoder);
  const isTagged = left > 0 && peekUint8(decoder) === UNDEFINED;
  if (depthLeft < (isTagged ? 0 : 1)) throw corrupt("value depth");
  if (isTagged) {
    decoder.pos += 1;
    left -= 1;
  }
  // No length is believed: every element takes a byte, or throws.
  const elements: Plain[] = [];
  for (; left > 0; left -= 1) elements.push(read(decoder, limits, depthLeft - 1));
  return isTagged ? untagged(elements.shift(), elements, depthLeft) : elements;
}

function untagged(tag: Plain | undefined, parts: Plain[], depthLeft: number): Plain {
  const single = parts.length === 1 ? parts[0] : undefined;
  if (tag === DATE && typeof single === "number") {
    const date = new Date(single);
    if (!Number.isNaN(date.getTime())) return date;
  } else if (tag === BIGINT && typeof single === "string" && /^-?[\da-f]+$/.test(single)) {
    return single.startsWith("-") ? -BigInt(`0x${single.slice(1)}`) : BigInt(`0x${single}`);
  } else if (tag === MAP && depthLeft > 0) {
    const map = new Map<Plain, Plain>();
    for (let at = 0; at < parts.length; at += 2) map.set(parts[at] as Plain, parts[at + 1] as Plain);
    if (2 * map.size === parts.length) return map;
  } else if (tag === SET && depthLeft > 0) {
    const set = new Set(parts);
    if (set.size === parts.length) return set;
  }
  throw corrupt("value type");
}
