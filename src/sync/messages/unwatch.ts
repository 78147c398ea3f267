import { toUint8Array } from "lib0/encoding";
import type { ByteReader, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** The node does not hold this session any more: `[u8 17][16 bytes key]`. What is under way still arrives. */
export interface Unwatch {
  readonly kind: "unwatch";
  readonly key: SessionKey;
}

export const UNWATCH = 17;

export function encodeUnwatch(message: Omit<Unwatch, "kind">): Uint8Array {
  const encoder = frameOf(UNWATCH);
  writeKey(encoder, message.key);
  return toUint8Array(encoder);
}

export function decodeUnwatch(reader: ByteReader): Unwatch {
  return { kind: "unwatch", key: reader.key() };
}
