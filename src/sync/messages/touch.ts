import { toUint8Array, writeVarUint } from "lib0/encoding";
import { KEY_BYTES, type ByteReader, type SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** Sessions in one touch frame: 11 KiB, so that a batch never holds up a change for long. */
export const TOUCH_COUNT_MAX = 512;

/**
 * Sessions were used: `[u8 22][varuint count]([16 bytes key][varuint touchedAtMs])*`. A batch, because a busy site touches far more
 * often than it writes, and only the newest touch of a session counts.
 */
export interface Touch {
  readonly kind: "touch";
  readonly touches: readonly TouchEntry[];
}

export type TouchEntry = readonly [key: SessionKey, touchedAtMs: number];

export const TOUCH = 22;

/** `touches` holds at most `TOUCH_COUNT_MAX` entries. */
export function encodeTouch(message: Omit<Touch, "kind">): Uint8Array {
  const encoder = frameOf(TOUCH);
  writeVarUint(encoder, message.touches.length);
  for (const [key, touchedAtMs] of message.touches) {
    writeKey(encoder, key);
    writeVarUint(encoder, touchedAtMs);
  }
  return toUint8Array(encoder);
}

export function decodeTouch(reader: ByteReader): Touch {
  const touches: TouchEntry[] = [];
  for (let left = reader.count(KEY_BYTES + 1, TOUCH_COUNT_MAX); left > 0; left -= 1) touches.push([reader.key(), reader.varUint()]);
  return { kind: "touch", touches };
}
