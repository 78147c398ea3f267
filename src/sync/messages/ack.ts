import { toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * The relay has it, and has handed it to everybody it concerns: `[u8 24][varuint ack id][u8 0 in memory, 1 stored]`.
 */
export interface Ack {
  readonly kind: "ack";
  readonly ackId: number;
  /** It survives a crash of the relay. */
  readonly durable: boolean;
}

export const ACK = 24;

export function encodeAck(message: Omit<Ack, "kind">): Uint8Array {
  const encoder = frameOf(ACK);
  writeVarUint(encoder, message.ackId);
  writeUint8(encoder, message.durable ? 1 : 0);
  return toUint8Array(encoder);
}

export function decodeAck(reader: ByteReader): Ack {
  const ackId = reader.varUint();
  const durable = reader.u8();
  if (durable > 1) throw new ProtocolError("malformed", "an ack frame has a flag that this version does not have");
  return { kind: "ack", ackId, durable: durable === 1 };
}
