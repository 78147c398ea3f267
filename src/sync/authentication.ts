import { createHmac, timingSafeEqual } from "node:crypto";
import { createEncoder, toUint8Array, writeUint8Array, writeVarString, writeVarUint } from "lib0/encoding";

/** Everything that both sides said in the greeting. A MAC over all of it leaves nothing to change on the way. */
export interface Transcript {
  readonly offeredVersion: number;
  readonly version: number;
  readonly domain: string;
  readonly relayId: Uint8Array;
  readonly nodeId: Uint8Array;
  readonly relayNonce: Uint8Array;
  readonly nodeNonce: Uint8Array;
}

/** Who made a MAC. It is part of what is signed, so a MAC that is sent back to its maker fails. */
export type Role = "node" | "relay";

/**
 * HMAC-SHA-256 over `[varuint length]["converge-session/sync"][varuint length][role][varuint offered version][varuint version]`
 * `[varuint length][domain][16 bytes relay id][16 bytes node id][32 bytes relay nonce][32 bytes node nonce]`. Every field has a length
 * or a fixed size, so no two transcripts are the same bytes.
 *
 * It proves that the other side knows the secret, now (both nonces are fresh). It does not protect the frames that follow: where
 * somebody could sit in between, run the connection through TLS (`wss://`).
 */
export function greetingMac(secret: Uint8Array, role: Role, transcript: Transcript): Uint8Array {
  const encoder = createEncoder();
  writeVarString(encoder, "converge-session/sync");
  writeVarString(encoder, role);
  writeVarUint(encoder, transcript.offeredVersion);
  writeVarUint(encoder, transcript.version);
  writeVarString(encoder, transcript.domain);
  writeUint8Array(encoder, transcript.relayId);
  writeUint8Array(encoder, transcript.nodeId);
  writeUint8Array(encoder, transcript.relayNonce);
  writeUint8Array(encoder, transcript.nodeNonce);
  return createHmac("sha256", secret).update(toUint8Array(encoder)).digest();
}

/** Takes the same time wherever the first difference is. */
export function macMatches(received: Uint8Array, secret: Uint8Array, role: Role, transcript: Transcript): boolean {
  const expected = greetingMac(secret, role, transcript);
  return received.length === expected.length && timingSafeEqual(received, expected);
}
