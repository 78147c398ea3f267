import { readUint8Array, readVarUint, type Decoder } from "lib0/decoding";
import { verifyLen, writeUint8Array, writeVarUint, type Encoder } from "lib0/encoding";
import { corrupt } from "./byte-reader.ts";

/**
 * `[varuint byte count][UTF-8]`, the bytes of lib0's varString. Most texts in a session are names and ids of a few ASCII
 * characters, for which a loop beats the call into TextEncoder (8 characters: 30 ns against 80).
 */
export function writeText(encoder: Encoder, text: string): void {
  if (writeShortAscii(encoder, text, 0)) return;
  const bytes = UTF8_ENCODER.encode(text);
  writeVarUint(encoder, bytes.length);
  writeUint8Array(encoder, bytes);
}

/** Up to here one byte holds the length, whatever small number it is added to. */
export const SHORT_TEXT_BYTES_MAX = 95;

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

export function encodeUtf8(text: string): Uint8Array {
  return UTF8_ENCODER.encode(text);
}

/** The inverse of `writeText`. @throws SessionError RECORD_CORRUPT */
export function readText(decoder: Decoder): string {
  return readUtf8(decoder, readLength(decoder, 1));
}

/** `byteCount` bytes of UTF-8. @throws SessionError RECORD_CORRUPT when there are fewer, or when they are no UTF-8 (lone surrogates are none). */
export function readUtf8(decoder: Decoder, byteCount: number): string {
  if (byteCount > decoder.arr.length - decoder.pos) throw corrupt("a text reaches past the end");
  if (byteCount <= JOINED_BYTES_MAX) {
    const text = joinAscii(decoder.arr, decoder.pos, byteCount);
    if (text !== undefined) {
      decoder.pos += byteCount;
      return text;
    }
  }
  const bytes = readUint8Array(decoder, byteCount);
  try {
    return UTF8_DECODER.decode(bytes);
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
  let value: number;
  try {
    value = readVarUint(decoder);
  } catch (cause) {
    throw corrupt("a number is cut off or too large", cause);
  }
  if (!Number.isSafeInteger(value)) throw corrupt("a number is out of its range");
  return value;
}

const UTF8_ENCODER = new TextEncoder();
// `fatal` refuses what would silently become U+FFFD; `ignoreBOM` keeps a leading U+FEFF, so that text in is text out.
const UTF8_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** V8 joins up to 12 characters flat, faster than a call into TextDecoder (8 bytes: 35 ns against 140); beyond, it is slower. */
const JOINED_BYTES_MAX = 12;

/** Undefined when a byte is not ASCII. Written out in groups of 8, 4, 2 and 1, so that few strings are made and joined. */
function joinAscii(bytes: Uint8Array, start: number, byteCount: number): string | undefined {
  let at = start;
  let text = "";
  // ORed together: one comparison at the end instead of one a byte. The caller checked that all bytes are there.
  let seen = 0;
  if (byteCount & 8) {
    const [b0, b1, b2, b3] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0];
    const [b4, b5, b6, b7] = [bytes[at + 4] ?? 0, bytes[at + 5] ?? 0, bytes[at + 6] ?? 0, bytes[at + 7] ?? 0];
    seen |= b0 | b1 | b2 | b3 | b4 | b5 | b6 | b7;
    text = String.fromCharCode(b0, b1, b2, b3, b4, b5, b6, b7);
    at += 8;
  }
  if (byteCount & 4) {
    const [b0, b1, b2, b3] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0];
    seen |= b0 | b1 | b2 | b3;
    text += String.fromCharCode(b0, b1, b2, b3);
    at += 4;
  }
  if (byteCount & 2) {
    const [b0, b1] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
    seen |= b0 | b1;
    text += String.fromCharCode(b0, b1);
    at += 2;
  }
  if (byteCount & 1) {
    const b0 = bytes[at] ?? 0;
    seen |= b0;
    text += String.fromCharCode(b0);
  }
  return seen > 0x7f ? undefined : text;
}
