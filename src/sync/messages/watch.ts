import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { KEY_STATE_BYTES, readKeyState, writeKeyState, type KeyState } from "./fingerprints.ts";
import { frameOf } from "./frame-writer.ts";

/** Sessions in one watch frame: 12 KiB, so that a batch never holds up a change for long. */
export const WATCH_COUNT_MAX = 512;

/**
 * The sender holds these sessions, in these states, and wants what others write: `[u8 16][varuint count]([16 bytes key][7 bytes fingerprint])*`.
 * Where the receiver holds another state it sends that, and gets one back where it lacked something; what it does not hold it asks for.
 * Fingerprint 0: the sender holds nothing of it. Again is the same as once.
 */
export interface Watch {
  readonly kind: "watch";
  readonly sessions: readonly KeyState[];
}

export const WATCH = 16;

/** `sessions` holds at most `WATCH_COUNT_MAX`. */
export function encodeWatch(message: Omit<Watch, "kind">): Uint8Array {
  const encoder = frameOf(WATCH);
  writeVarUint(encoder, message.sessions.length);
  for (const session of message.sessions) writeKeyState(encoder, session);
  return toUint8Array(encoder);
}

export function decodeWatch(reader: ByteReader): Watch {
  const sessions: KeyState[] = [];
  for (let left = reader.count(KEY_STATE_BYTES, WATCH_COUNT_MAX); left > 0; left -= 1) sessions.push(readKeyState(reader));
  return { kind: "watch", sessions };
}
