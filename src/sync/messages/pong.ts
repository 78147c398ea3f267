import { toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/** The answer to a ping: `[u8 5][varuint token][varuint nowMs][u8 1 told all, 0 not]`. */
export interface Pong {
  readonly kind: "pong";
  readonly token: number;
  /**
   * To a node: the time that the relay found its peers to agree on, milliseconds since the epoch; 0: it has not heard enough. To another
   * relay: what its wall clock says.
   */
  readonly nowMs: number;
  /** Whatever was to be told on this connection before, was. False: some of it was dropped, and is not made up for yet. */
  readonly hasToldAll: boolean;
}

export const PONG = 5;

export function encodePong(message: Omit<Pong, "kind">): Uint8Array {
  const encoder = frameOf(PONG);
  writeVarUint(encoder, message.token);
  writeVarUint(encoder, message.nowMs);
  writeUint8(encoder, message.hasToldAll ? 1 : 0);
  return toUint8Array(encoder);
}

export function decodePong(reader: ByteReader): Pong {
  const [token, nowMs, told] = [reader.varUint(), reader.varUint(), reader.u8()];
  if (told > 1) throw new ProtocolError("malformed", "a pong has a flag that this version does not have");
  return { kind: "pong", token, nowMs, hasToldAll: told === 1 };
}
