import { toUint8Array, writeUint8Array, writeVarUint } from "lib0/encoding";
import { decodeEnvelope, encodeEnvelope, type ByteReader, type Envelope } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/** An `End` with this id asks for no ack: what a relay passes on, and answers to late changes. */
export const NO_ACK = 0;

/**
 * The session is over, for good: `[u8 23][varuint ack id][envelope]`. The whole envelope travels, because its deadline says how long
 * the tombstone must be kept. The key is in it.
 */
export interface EndMessage {
  readonly kind: "end";
  /** Comes back in the ack; chosen by the sender, unique on its connection. */
  readonly ackId: number;
  /** `ended` is set. */
  readonly envelope: Envelope;
}

export const END = 23;

export function encodeEnd(message: Omit<EndMessage, "kind">): Uint8Array {
  const encoder = frameOf(END);
  writeVarUint(encoder, message.ackId);
  writeUint8Array(encoder, encodeEnvelope(message.envelope));
  return toUint8Array(encoder);
}

export function decodeEnd(reader: ByteReader): EndMessage {
  const ackId = reader.varUint();
  const envelope = decodeEnvelope(reader.rest());
  if (envelope.ended === undefined) throw new ProtocolError("malformed", "an end frame holds an envelope that has not ended");
  return { kind: "end", ackId, envelope };
}
