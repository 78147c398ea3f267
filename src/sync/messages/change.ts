import { toUint8Array, writeUint8Array } from "lib0/encoding";
import { decodeChange as decodeChangeBytes, encodeChange as encodeChangeBytes } from "../../engine/index.ts";
import type { ByteReader, Change, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** One commit: `[u8 21][16 bytes key][change]`. The epoch is in the change. A relay passes on the very bytes that it got. */
export interface ChangeMessage {
  readonly kind: "change";
  readonly key: SessionKey;
  readonly change: Change;
}

export const CHANGE = 21;

export function encodeChangeMessage(message: Omit<ChangeMessage, "kind">): Uint8Array {
  const encoder = frameOf(CHANGE);
  writeKey(encoder, message.key);
  writeUint8Array(encoder, encodeChangeBytes(message.change));
  return toUint8Array(encoder);
}

export function decodeChangeMessage(reader: ByteReader): ChangeMessage {
  return { kind: "change", key: reader.key(), change: decodeChangeBytes(reader.rest()) };
}
