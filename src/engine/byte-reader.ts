import { createDecoder, readUint8Array, readVarUint, type Decoder } from "lib0/decoding";
import { decodeUtf8 } from "lib0/string";
import { corrupt } from "./errors.ts";
import { KEY_BYTES, keyFromBytes } from "./key-bytes.ts";
import type { SessionKey } from "./record.ts";

/**
 * Reads bytes that a stranger may have written. lib0's readers return `undefined` past the end, let integers beyond 2^53 through
 * and accept several spellings of one number; here each of those is refused, and no length is believed before it is compared with
 * what is left, so a claim of gigabytes allocates nothing.
 * @throws SessionError RECORD_CORRUPT from every method.
 */
export class ByteReader {
  readonly #decoder: Decoder;

  constructor(bytes: Uint8Array) {
    this.#decoder = createDecoder(bytes);
  }

  get remaining(): number {
    return this.#decoder.arr.length - this.#decoder.pos;
  }

  u8(): number {
    const byte = this.#decoder.arr[this.#decoder.pos];
    if (byte === undefined) throw corrupt("it ends too early");
    this.#decoder.pos += 1;
    return byte;
  }

  /** A safe integer in [0, `max`], in its only spelling: LEB128 without a trailing zero byte. */
  varUint(max: number = Number.MAX_SAFE_INTEGER): number {
    const start = this.#decoder.pos;
    let value: number;
    try {
      value = readVarUint(this.#decoder);
    } catch (cause) {
      throw corrupt("a number is cut off or too large", cause);
    }
    if (!Number.isSafeInteger(value) || value > max) throw corrupt("a number is out of its range");
    const spelled = this.#decoder.pos - start;
    if (spelled > 1 && this.#decoder.arr[this.#decoder.pos - 1] === 0) throw corrupt("a number is spelled longer than needed");
    return value;
  }

  /** Exactly `count` bytes, as a copy: what is read outlives the buffer that it came in. */
  bytes(count: number): Uint8Array {
    return this.view(count).slice();
  }

  /** Exactly `count` bytes, sharing memory with the source. */
  view(count: number): Uint8Array {
    if (count > this.remaining) throw corrupt("a length reaches past the end");
    return readUint8Array(this.#decoder, count);
  }

  /** `[varuint length][bytes]`, as a copy. */
  varBytes(max: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    return this.bytes(this.varUint(max));
  }

  /** `[varuint length][UTF-8]`, well-formed and at most `maxBytes` long. */
  text(maxBytes: number): string {
    const bytes = this.view(this.varUint(maxBytes));
    try {
      return decodeUtf8(bytes);
    } catch (cause) {
      throw corrupt("a text is not UTF-8", cause);
    }
  }

  /** `[varuint count]`, refused when that many items of at least `itemBytesMin` bytes cannot follow. */
  count(itemBytesMin: number, max: number = Number.MAX_SAFE_INTEGER): number {
    const count = this.varUint(max);
    if (count > this.remaining / itemBytesMin) throw corrupt("a count is larger than what follows");
    return count;
  }

  key(): SessionKey {
    return keyFromBytes(this.view(KEY_BYTES));
  }

  /** Everything that is left, sharing memory with the source. */
  rest(): Uint8Array {
    return this.view(this.remaining);
  }

  /** Refuses trailing bytes: nothing may ride along unread. */
  finish(): void {
    if (this.remaining > 0) throw corrupt("bytes follow its end");
  }
}
