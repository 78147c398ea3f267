import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/** The answer to a ping: `[u8 5][varuint token][varuint nowMs]`. */
export interface Pong {
  readonly kind: "pong";
  readonly token: number;
  /** What the clock of whoever answers says, milliseconds since the epoch: by it the others keep theirs. */
  readonly nowMs: number;
}

export const PONG = 5;

export function encodePong(message: Omit<Pong, "kind">): Uint8Array {
  const encoder = frameOf(PONG);
  writeVarUint(encoder, message.token);
  writeVarUint(encoder, message.nowMs);
  return toUint8Array(encoder);
}

export function decodePong(reader: ByteReader): Pong {
  return { kind: "pong", token: reader.varUint(), nowMs: reader.varUint() };
}
