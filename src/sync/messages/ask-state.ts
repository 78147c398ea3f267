import { toUint8Array, writeVarUint } from "lib0/encoding";
import { KEY_BYTES, type ByteReader, type SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** Sessions in one ask-state frame. */
export const ASK_STATE_COUNT_MAX = 512;

/**
 * The sender lacks something of these sessions, a change that came builds on it, or all: `[u8 25][varuint count]([16 bytes key])*`. Each is
 * answered by a state, or by nothing when the other side does not hold it either.
 */
export interface AskState {
  readonly kind: "ask-state";
  readonly keys: readonly SessionKey[];
}

export const ASK_STATE = 25;

/** `keys` holds at most `ASK_STATE_COUNT_MAX`. */
export function encodeAskState(message: Omit<AskState, "kind">): Uint8Array {
  const encoder = frameOf(ASK_STATE);
  writeVarUint(encoder, message.keys.length);
  for (const key of message.keys) writeKey(encoder, key);
  return toUint8Array(encoder);
}

export function decodeAskState(reader: ByteReader): AskState {
  const keys: SessionKey[] = [];
  for (let left = reader.count(KEY_BYTES, ASK_STATE_COUNT_MAX); left > 0; left -= 1) keys.push(reader.key());
  return { kind: "ask-state", keys };
}
