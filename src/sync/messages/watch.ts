import { toUint8Array } from "lib0/encoding";
import type { ByteReader, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** The node holds this session and wants what others write: `[u8 16][16 bytes key]`. Again is the same as once. */
export interface Watch {
  readonly kind: "watch";
  readonly key: SessionKey;
}

export const WATCH = 16;

export function encodeWatch(message: Omit<Watch, "kind">): Uint8Array {
  const encoder = frameOf(WATCH);
  writeKey(encoder, message.key);
  return toUint8Array(encoder);
}

export function decodeWatch(reader: ByteReader): Watch {
  return { kind: "watch", key: reader.key() };
}
