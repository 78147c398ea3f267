import { createHmac, timingSafeEqual } from "node:crypto";
import { createEncoder, toUint8Array, writeUint8, writeUint8Array, writeVarString, writeVarUint } from "lib0/encoding";
import type { Dialer } from "./messages/hello.ts";
import { writeStatus } from "./messages/status.ts";
import type { Standing } from "./messages/welcome.ts";

/** Everything that both sides said in the greeting. A MAC over all of it leaves nothing to change on the way. */
export interface Transcript {
  readonly offeredVersion: number;
  readonly version: number;
  readonly domain: string;
  readonly relayId: Uint8Array;
  readonly dialer: Dialer;
  readonly relayNonce: Uint8Array;
  readonly nodeNonce: Uint8Array;
}

/**
 * HMAC-SHA-256 over `[varuint length]["converge-session/sync"][varuint length][side][varuint offered version][varuint version]`
 * `[varuint length][domain][16 bytes relay id][u8 1 relay, 0 node][16 bytes id][16 bytes incarnation][u8 1 prompt acks, 0 not]`
 * `[32 bytes relay nonce][32 bytes node nonce]`, and for the listener's side `[16 bytes incarnation][status]`. Every field has a length
 * or a fixed size, so no two transcripts are the same bytes; and `side` says who made it, so a MAC that is sent back to its maker fails.
 *
 * It proves that the other side knows the secret, now (both nonces are fresh). It does not protect the frames that follow: where
 * somebody could sit in between, run the connection through TLS (`wss://`).
 *
 * `standing`: what the listener says of itself; undefined for the dialer's MAC, which comes first.
 */
export function greetingMac(secret: Uint8Array, transcript: Transcript, standing?: Standing): Uint8Array {
  const { dialer } = transcript;
  const encoder = createEncoder();
  writeVarString(encoder, "converge-session/sync");
  writeVarString(encoder, standing === undefined ? "dialer" : "listener");
  writeVarUint(encoder, transcript.offeredVersion);
  writeVarUint(encoder, transcript.version);
  writeVarString(encoder, transcript.domain);
  writeUint8Array(encoder, transcript.relayId);
  writeUint8(encoder, dialer.role === "relay" ? 1 : 0);
  writeUint8Array(encoder, dialer.id);
  writeUint8Array(encoder, dialer.incarnation);
  writeUint8(encoder, dialer.wantsPromptAcks ? 1 : 0);
  writeUint8Array(encoder, transcript.relayNonce);
  writeUint8Array(encoder, transcript.nodeNonce);
  if (standing !== undefined) {
    writeUint8Array(encoder, standing.incarnation);
    writeStatus(encoder, standing.status);
  }
  return createHmac("sha256", secret).update(toUint8Array(encoder)).digest();
}

/** Takes the same time wherever the first difference is. */
export function macMatches(received: Uint8Array, secret: Uint8Array, transcript: Transcript, standing?: Standing): boolean {
  const expected = greetingMac(secret, transcript, standing);
  return received.length === expected.length && timingSafeEqual(received, expected);
}
