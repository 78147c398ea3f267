import type { Plain } from "./values.ts";

/**
 * The canonical string of a canonical value: equal exactly for values that `equalValues` calls equal. Properties are sorted by
 * name, entries of Maps and elements of Sets by their own keys; every part is self-delimiting, so nothing can be mistaken for
 * something else. Costs about as much as `JSON.stringify`.
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
  if (Array.isArray(value)) {
    let key = "[";
    for (const element of value) key += valueKey(element);
    return `${key}]`;
  }
  if (value instanceof Date) return `d${value.getTime()};`;
  if (value instanceof Uint8Array) return `b${value.length}:${latin1(value)}`;
  if (value instanceof Map) {
    const entries: string[] = [];
    for (const [key, content] of value) entries.push(valueKey(key) + valueKey(content));
    return `M${entries.sort().join("")}}`;
  }
  if (value instanceof Set) {
    const elements: string[] = [];
    for (const element of value) elements.push(valueKey(element));
    return `S${elements.sort().join("")}}`;
  }
  let key = "{";
  for (const name of Object.keys(value).sort()) key += `${name.length}:${name}${valueKey(value[name] as Plain)}`;
  return `${key}}`;
}

/** Arguments that one call can take safely. */
const CHUNK = 4096;

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return text;
}
