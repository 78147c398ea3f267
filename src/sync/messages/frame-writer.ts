import { createEncoder, writeUint8, writeUint8Array, type Encoder } from "lib0/encoding";
import { keyToBytes, type SessionKey } from "../../engine/index.ts";

/** An encoder that begins with a frame's type byte. */
export function frameOf(type: number): Encoder {
  const encoder = createEncoder();
  writeUint8(encoder, type);
  return encoder;
}

/** `[16 bytes]`, see `keyToBytes`. */
export function writeKey(encoder: Encoder, key: SessionKey): void {
  writeUint8Array(encoder, keyToBytes(key));
}
