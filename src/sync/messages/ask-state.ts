import { toUint8Array } from "lib0/encoding";
import type { ByteReader, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/**
 * A change came that builds on something which is missing here: `[u8 25][16 bytes key]`. Answered by a state, or by nothing when the
 * other side does not hold the session either.
 */
export interface AskState {
  readonly kind: "ask-state";
  readonly key: SessionKey;
}

export const ASK_STATE = 25;

export function encodeAskState(message: Omit<AskState, "kind">): Uint8Array {
  const encoder = frameOf(ASK_STATE);
  writeKey(encoder, message.key);
  return toUint8Array(encoder);
}

export function decodeAskState(reader: ByteReader): AskState {
  return { kind: "ask-state", key: reader.key() };
}
