import { toUint8Array, writeUint8, writeUint8Array, writeVarString, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { INCARNATION_BYTES, NONCE_BYTES, PEER_ID_BYTES } from "./challenge.ts";
import { frameOf } from "./frame-writer.ts";

/** HMAC-SHA-256. */
export const MAC_BYTES = 32;
/** UTF-8 bytes of a domain's name. */
export const DOMAIN_BYTES_MAX = 128;

/** What dials: a process that serves requests, or another relay, which wants everything. */
export type Role = "node" | "relay";

/** Who dials, as it says in its hello. */
export interface Dialer {
  readonly role: Role;
  /** Drawn at process start. */
  readonly id: Uint8Array;
  /** Names what it keeps: drawn at process start where that is its memory, kept with the data where that lasts. */
  readonly incarnation: Uint8Array;
  /** Acks hold up a response there: send them at the end of the tick. */
  readonly wantsPromptAcks: boolean;
}

/**
 * The answer of who dialed, and the only frame that a relay reads from a stranger:
 * `[u8 2][varuint version][varuint length][domain, UTF-8][u8 0 node, 1 relay][16 bytes id][16 bytes incarnation][u8 1 prompt acks, 0 not]`
 * `[32 bytes nonce][32 bytes MAC]`.
 */
export interface Hello {
  readonly kind: "hello";
  /** The version that this connection will speak: at most the one that was offered. */
  readonly version: number;
  /** Which sessions: those of another domain never meet. */
  readonly domain: string;
  readonly dialer: Dialer;
  readonly nodeNonce: Uint8Array;
  /** Shows that the dialer knows the secret; over all fields of both sides (`authentication.ts`). */
  readonly mac: Uint8Array;
}

export const HELLO = 2;

const ROLES: readonly Role[] = ["node", "relay"];

export function encodeHello(message: Omit<Hello, "kind">): Uint8Array {
  const { role, id, incarnation, wantsPromptAcks } = message.dialer;
  const encoder = frameOf(HELLO);
  writeVarUint(encoder, message.version);
  writeVarString(encoder, message.domain);
  writeUint8(encoder, ROLES.indexOf(role));
  writeUint8Array(encoder, id);
  writeUint8Array(encoder, incarnation);
  writeUint8(encoder, wantsPromptAcks ? 1 : 0);
  writeUint8Array(encoder, message.nodeNonce);
  writeUint8Array(encoder, message.mac);
  return toUint8Array(encoder);
}

export function decodeHello(reader: ByteReader): Hello {
  return {
    kind: "hello",
    version: reader.varUint(),
    domain: reader.text(DOMAIN_BYTES_MAX),
    dialer: readDialer(reader),
    nodeNonce: reader.bytes(NONCE_BYTES),
    mac: reader.bytes(MAC_BYTES),
  };
}

function readDialer(reader: ByteReader): Dialer {
  const role = ROLES[reader.u8()];
  if (role === undefined) throw new ProtocolError("malformed", "a hello has a role that this version does not have");
  const [id, incarnation] = [reader.bytes(PEER_ID_BYTES), reader.bytes(INCARNATION_BYTES)];
  const flags = reader.u8();
  if (flags > 1) throw new ProtocolError("malformed", "a hello has a flag that this version does not have");
  return { role, id, incarnation, wantsPromptAcks: flags === 1 };
}
