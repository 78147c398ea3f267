import { toUint8Array } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/** I stop, on purpose, and whoever should have what I have has it: `[u8 31]`. Last frame of a connection; its close follows. */
export interface Drain {
  readonly kind: "drain";
}

export const DRAIN = 31;

export function encodeDrain(): Uint8Array {
  return toUint8Array(frameOf(DRAIN));
}

export function decodeDrain(_reader: ByteReader): Drain {
  return { kind: "drain" };
}
