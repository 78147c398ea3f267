import type { Plain } from "./values.ts";

/**
 * The canonical string of a canonical value: equal exactly for values that `equalValues` calls equal. What has no order of its
 * own (properties, entries of Maps, elements of Sets) is sorted by its own keys; every part is self-delimiting, so nothing can be
 * mistaken for something else. Ids of elements are derived from it: the same on every replica.
 */
export function valueKey(value: Plain): string {
  switch (typeof value) {
    case "string":
      return `s${value.length}:${value}`;
    case "number":
      return `n${value};`;
    case "bigint":
      // Radix 16 is linear in the size, radix 10 is not.
      return `i${value.toString(16)};`;
    case "boolean":
      return value ? "t" : "f";
    default:
      return value === null ? "0" : objectKey(value);
  }
}

function objectKey(value: Exclude<Plain, null | boolean | number | string | bigint>): string {
  if (value instanceof Date) return `d${value.getTime()};`;
  if (value instanceof Uint8Array) return `b${value.length}:${latin1(value)}`;
  if (value instanceof Map) return `M${Array.from(value, valueKey).sort().join("")}}`;
  if (value instanceof Set) return `S${Array.from(value, valueKey).sort().join("")}}`;
  const isArray = Array.isArray(value);
  let key = isArray ? "[" : "{";
  if (isArray) for (const element of value) key += valueKey(element);
  else for (const name of Object.keys(value).sort()) key += valueKey(name) + valueKey(value[name] as Plain);
  return `${key}}`;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
