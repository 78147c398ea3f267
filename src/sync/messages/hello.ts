import { toUint8Array, writeUint8Array, writeVarString, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { NONCE_BYTES, PEER_ID_BYTES } from "./challenge.ts";
import { frameOf } from "./frame-writer.ts";

/** HMAC-SHA-256. */
export const MAC_BYTES = 32;
/** UTF-8 bytes of a domain's name. */
export const DOMAIN_BYTES_MAX = 128;

/**
 * The node's answer, and the only frame that a relay reads from a stranger:
 * `[u8 2][varuint version][varuint length][domain, UTF-8][16 bytes node id][32 bytes nonce][32 bytes MAC]`.
 */
export interface Hello {
  readonly kind: "hello";
  /** The version that this connection will speak: at most the one that was offered. */
  readonly version: number;
  /** Which sessions: those of another domain never meet. */
  readonly domain: string;
  /** Drawn at process start. */
  readonly nodeId: Uint8Array;
  readonly nodeNonce: Uint8Array;
  /** Shows that the node knows the secret; over all fields of both sides (`authentication.ts`). */
  readonly mac: Uint8Array;
}

export const HELLO = 2;

export function encodeHello(message: Omit<Hello, "kind">): Uint8Array {
  const encoder = frameOf(HELLO);
  writeVarUint(encoder, message.version);
  writeVarString(encoder, message.domain);
  writeUint8Array(encoder, message.nodeId);
  writeUint8Array(encoder, message.nodeNonce);
  writeUint8Array(encoder, message.mac);
  return toUint8Array(encoder);
}

export function decodeHello(reader: ByteReader): Hello {
  return {
    kind: "hello",
    version: reader.varUint(),
    domain: reader.text(DOMAIN_BYTES_MAX),
    nodeId: reader.bytes(PEER_ID_BYTES),
    nodeNonce: reader.bytes(NONCE_BYTES),
    mac: reader.bytes(MAC_BYTES),
  };
}
