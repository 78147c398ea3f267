import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/** The answer to a ping: `[u8 5][varuint token][varuint nowMs]`. */
export interface Pong {
  readonly kind: "pong";
  readonly token: number;
  /**
   * To a node: the time that the relay found its peers to agree on, milliseconds since the epoch; 0: it has not heard enough. To another
   * relay: what its wall clock says.
   */
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
