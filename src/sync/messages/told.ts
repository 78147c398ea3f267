import { toUint8Array } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/** Everything that this relay held when the two met was sent before this: `[u8 32]`. */
export interface Told {
  readonly kind: "told";
}

export const TOLD = 32;

export function encodeTold(): Uint8Array {
  return toUint8Array(frameOf(TOLD));
}

export function decodeTold(_reader: ByteReader): Told {
  return { kind: "told" };
}
