import { toUint8Array, writeUint8Array } from "lib0/encoding";
import { decodeEnvelope, encodeEnvelope, type ByteReader, type Envelope } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * The session is over, for good: `[u8 23][envelope]`. The whole envelope travels, because its deadline says how long the tombstone must be
 * kept. The key is in it.
 */
export interface EndMessage {
  readonly kind: "end";
  /** `ended` is set. */
  readonly envelope: Envelope;
}

export const END = 23;

export function encodeEnd(message: Omit<EndMessage, "kind">): Uint8Array {
  const encoder = frameOf(END);
  writeUint8Array(encoder, encodeEnvelope(message.envelope));
  return toUint8Array(encoder);
}

export function decodeEnd(reader: ByteReader): EndMessage {
  const envelope = decodeEnvelope(reader.rest());
  if (envelope.ended === undefined) throw new ProtocolError("malformed", "an end frame holds an envelope that has not ended");
  return { kind: "end", envelope };
}
