import { toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import { KEY_BYTES, type ByteReader, type SubjectKey } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** Registers in one frame: 23 KiB at most, so that a batch never holds up a change for long. */
export const REVOKE_COUNT_MAX = 1_024;

/**
 * All sessions of these subjects up to these instants are over: `[u8 27][u8 flags][varuint count]([16 bytes subject key][varuint notBeforeMs])*`.
 * One for `revokeAll`, all registers at a join and after digests that differ. Registers only grow, so an old one changes nothing. Numbered, and sent on until acknowledged.
 */
export interface Revoke {
  readonly kind: "revoke";
  /** Flag 1. The receiver's registers are wanted in return: the two sides were found to differ. */
  readonly asks: boolean;
  /** Flag 2. With this the sender has told all that it has. */
  readonly isWhole: boolean;
  readonly revocations: readonly RevokeEntry[];
}

export type RevokeEntry = readonly [subject: SubjectKey, notBeforeMs: number];

export const REVOKE = 27;

const ASKS = 1;
const WHOLE = 2;

/** `revocations` holds at most `REVOKE_COUNT_MAX` entries. */
export function encodeRevoke(message: Omit<Revoke, "kind">): Uint8Array {
  const encoder = frameOf(REVOKE);
  writeUint8(encoder, (message.asks ? ASKS : 0) | (message.isWhole ? WHOLE : 0));
  writeVarUint(encoder, message.revocations.length);
  for (const [subject, notBeforeMs] of message.revocations) {
    writeKey(encoder, subject);
    writeVarUint(encoder, notBeforeMs);
  }
  return toUint8Array(encoder);
}

export function decodeRevoke(reader: ByteReader): Revoke {
  const flags = reader.u8();
  if (flags > (ASKS | WHOLE)) throw new ProtocolError("malformed", "a revoke frame has a flag that this version does not have");
  const revocations: RevokeEntry[] = [];
  for (let left = reader.count(KEY_BYTES + 1, REVOKE_COUNT_MAX); left > 0; left -= 1) revocations.push([reader.key(), reader.varUint()]);
  return { kind: "revoke", asks: (flags & ASKS) !== 0, isWhole: (flags & WHOLE) !== 0, revocations };
}
