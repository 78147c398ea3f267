import { readUint8Array, readVarUint, type Decoder } from "lib0/decoding";
import { verifyLen, writeVarString, type Encoder } from "lib0/encoding";
import { decodeUtf8 } from "lib0/string";
import { corrupt } from "./errors.ts";

/**
 * `[varuint byte count][UTF-8]`, lib0's varString. Most texts in a session are names and ids of a few ASCII characters, for which
 * a loop beats the call into TextEncoder (8 characters: 30 ns against 80).
 */
export function writeText(encoder: Encoder, text: string): void {
  if (!writeShortAscii(encoder, text, 0)) writeVarString(encoder, text);
}

/** Up to here one byte holds the length, whatever small number it is added to. */
const SHORT_TEXT_BYTES_MAX = 95;

/** Writes `[u8 head + length][ASCII]` if `text` is short and ASCII; otherwise writes nothing and returns false. */
export function writeShortAscii(encoder: Encoder, text: string, head: number): boolean {
  const { length } = text;
  if (length > SHORT_TEXT_BYTES_MAX) return false;
  verifyLen(encoder, length + 1);
  const bytes = encoder.cbuf;
  let position = encoder.cpos;
  bytes[position++] = head + length;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return false;
    bytes[position++] = unit;
  }
  encoder.cpos = position;
  return true;
}

/** The inverse of `writeText`. @throws SessionError RECORD_CORRUPT */
export function readText(decoder: Decoder): string {
  return readUtf8(decoder, readLength(decoder, 1));
}

/** `byteCount` bytes of UTF-8. @throws SessionError RECORD_CORRUPT when there are fewer, or when they are no UTF-8 (lone surrogates are none). */
export function readUtf8(decoder: Decoder, byteCount: number): string {
  const end = decoder.pos + byteCount;
  if (end > decoder.arr.length) throw corrupt("a text reaches past the end");
  if (byteCount <= JOINED_BYTES_MAX) {
    let text = "";
    let at = decoder.pos;
    for (; at < end; at += 1) {
      const byte = decoder.arr[at] as number;
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (at === end) {
      decoder.pos = end;
      return text;
    }
  }
  const bytes = readUint8Array(decoder, byteCount);
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw corrupt("a text is not UTF-8", cause);
  }
}

/**
 * `[varuint]`: a length, or a count of items of at least `itemBytesMin` bytes each.
 * @throws SessionError RECORD_CORRUPT when that many cannot follow: nothing is allocated for a claim.
 */
export function readLength(decoder: Decoder, itemBytesMin: number): number {
  const length = readUnsigned(decoder);
  if (length > (decoder.arr.length - decoder.pos) / itemBytesMin) throw corrupt("a length reaches past the end");
  return length;
}

/** `[varuint]`, a safe integer. @throws SessionError RECORD_CORRUPT */
export function readUnsigned(decoder: Decoder): number {
  const byte = decoder.arr[decoder.pos];
  if (byte !== undefined && byte < 0x80) {
    decoder.pos += 1;
    return byte;
  }
  let value = Number.NaN;
  try {
    value = readVarUint(decoder);
  } catch {
    // Cut off, or longer than any safe integer.
  }
  if (!Number.isSafeInteger(value)) throw corrupt("a number is cut off or too large");
  return value;
}

/** V8 joins up to 12 characters flat, faster than a call into TextDecoder (8 bytes: 35 ns against 140); beyond, it is slower. */
const JOINED_BYTES_MAX = 12;
