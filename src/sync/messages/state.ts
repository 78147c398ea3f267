import { toUint8Array, writeUint8, writeUint8Array } from "lib0/encoding";
import { decodeRecord, encodeRecord, type ByteReader, type SessionRecord } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * A state in answer to a state in answer to … goes at most this far; then the sides stay as they are until the next change. Merging
 * needs one answer, two when both sides wrote meanwhile; the bound keeps a fault in a replica from becoming endless traffic.
 */
export const STATE_ROUND_MAX = 8;

/**
 * A session whole: `[u8 20][u8 round][record]`. Key and epoch are in the record. Whoever holds more answers with a state of its own.
 */
export interface State {
  readonly kind: "state";
  /** 0 for a state that was sent on its own account, else one more than that of the state which it answers. */
  readonly round: number;
  readonly record: SessionRecord;
}

export const STATE = 20;

export function encodeState(message: Omit<State, "kind">): Uint8Array {
  const encoder = frameOf(STATE);
  writeUint8(encoder, message.round);
  writeUint8Array(encoder, encodeRecord(message.record));
  return toUint8Array(encoder);
}

export function decodeState(reader: ByteReader): State {
  return { kind: "state", round: reader.u8(), record: decodeRecord(reader.rest()) };
}
