import { toUint8Array, writeUint8Array } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { INCARNATION_BYTES } from "./challenge.ts";
import { frameOf } from "./frame-writer.ts";
import { MAC_BYTES } from "./hello.ts";
import { readStatus, type RelayStatus, writeStatus } from "./status.ts";

/** What a relay says of itself once it knows who dialed. */
export interface Standing {
  /** Names what it keeps, as `Dialer.incarnation`. */
  readonly incarnation: Uint8Array;
  readonly status: RelayStatus;
}

/**
 * The relay knows the secret too: `[u8 3][16 bytes incarnation][status][32 bytes MAC]`. From here on both sides send whatever they like.
 * Without it a node would hand its sessions to whoever listens at the address.
 */
export interface Welcome {
  readonly kind: "welcome";
  readonly standing: Standing;
  readonly mac: Uint8Array;
}

export const WELCOME = 3;

export function encodeWelcome(message: Omit<Welcome, "kind">): Uint8Array {
  const encoder = frameOf(WELCOME);
  writeUint8Array(encoder, message.standing.incarnation);
  writeStatus(encoder, message.standing.status);
  writeUint8Array(encoder, message.mac);
  return toUint8Array(encoder);
}

export function decodeWelcome(reader: ByteReader): Welcome {
  const standing = { incarnation: reader.bytes(INCARNATION_BYTES), status: readStatus(reader) };
  return { kind: "welcome", standing, mac: reader.bytes(MAC_BYTES) };
}
