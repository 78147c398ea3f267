import { toUint8Array, writeUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/** Random bytes that name a process start on the wire. */
export const PEER_ID_BYTES = 16;
/** Random bytes that name what a process keeps: its memory, or its data folder. */
export const INCARNATION_BYTES = 16;
/** Fresh for every connection and side: a recorded greeting is worth nothing on the next one. */
export const NONCE_BYTES = 32;

/**
 * First frame of a connection, from the relay: `[u8 1][varuint version][16 bytes relay id][32 bytes nonce]`.
 * Says nothing that a stranger may not know. Its bytes are the same in every version: the version is what it is about.
 */
export interface Challenge {
  readonly kind: "challenge";
  /** The newest version that the relay speaks; the node chooses in its hello. */
  readonly version: number;
  readonly relayId: Uint8Array;
  readonly relayNonce: Uint8Array;
}

export const CHALLENGE = 1;

export function encodeChallenge(message: Omit<Challenge, "kind">): Uint8Array {
  const encoder = frameOf(CHALLENGE);
  writeVarUint(encoder, message.version);
  writeUint8Array(encoder, message.relayId);
  writeUint8Array(encoder, message.relayNonce);
  return toUint8Array(encoder);
}

export function decodeChallenge(reader: ByteReader): Challenge {
  return { kind: "challenge", version: reader.varUint(), relayId: reader.bytes(PEER_ID_BYTES), relayNonce: reader.bytes(NONCE_BYTES) };
}
