import { toUint8Array, writeUint8Array } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";
import { MAC_BYTES } from "./hello.ts";

/**
 * The relay knows the secret too: `[u8 3][32 bytes MAC]`. From here on both sides send whatever they like.
 * Without it a node would hand its sessions to whoever listens at the address.
 */
export interface Welcome {
  readonly kind: "welcome";
  readonly mac: Uint8Array;
}

export const WELCOME = 3;

export function encodeWelcome(message: Omit<Welcome, "kind">): Uint8Array {
  const encoder = frameOf(WELCOME);
  writeUint8Array(encoder, message.mac);
  return toUint8Array(encoder);
}

export function decodeWelcome(reader: ByteReader): Welcome {
  return { kind: "welcome", mac: reader.bytes(MAC_BYTES) };
}
