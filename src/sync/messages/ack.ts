import { toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import { KEY_BYTES, type ByteReader, type SessionKey } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** Sessions in one ack that could not be taken in. More make another ack. */
export const ACK_MISSED_MAX = 1_024;

/**
 * Of the numbered frames (`state`, `change`, `end`, `revoke`; the first after `welcome` is number 1) all up to this one were taken in, are in
 * the send queues of everybody they concern, and are stored where the receiver's replica lasts:
 * `[u8 24][varuint number][u8 0 in memory, 1 stored][varuint count]([16 bytes key])*`.
 */
export interface Ack {
  readonly kind: "ack";
  readonly number: number;
  /** It survives a crash of the receiver. */
  readonly durable: boolean;
  /** Sessions of which some frame up to this one was not taken in: refused, or built on something that is missing. Only a later frame tells them. */
  readonly missed: readonly SessionKey[];
}

export const ACK = 24;

/** `missed` holds at most `ACK_MISSED_MAX` keys. */
export function encodeAck(message: Omit<Ack, "kind">): Uint8Array {
  const encoder = frameOf(ACK);
  writeVarUint(encoder, message.number);
  writeUint8(encoder, message.durable ? 1 : 0);
  writeVarUint(encoder, message.missed.length);
  for (const key of message.missed) writeKey(encoder, key);
  return toUint8Array(encoder);
}

export function decodeAck(reader: ByteReader): Ack {
  const number = reader.varUint();
  const durable = reader.u8();
  if (durable > 1) throw new ProtocolError("malformed", "an ack frame has a flag that this version does not have");
  const missed: SessionKey[] = [];
  for (let left = reader.count(KEY_BYTES, ACK_MISSED_MAX); left > 0; left -= 1) missed.push(reader.key());
  return { kind: "ack", number, durable: durable === 1, missed };
}
