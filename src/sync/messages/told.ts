import { toUint8Array, writeUint8 } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * How far a join of two relays is, in each direction: `[u8 32][u8 step]`.
 * - 0 named: everything that the sender held when the two met, it has named (`watch`) before this.
 * - 1 asked: of what was named to it, it has before this sent what it holds itself and asked for what it lacks. Answered by
 * - 2 answered: all that was asked for was sent before this. Who gets it has everything that the sender had when they met.
 */
export interface Told {
  readonly kind: "told";
  readonly step: ToldStep;
}

export type ToldStep = "named" | "asked" | "answered";

export const TOLD = 32;

const STEPS: readonly ToldStep[] = ["named", "asked", "answered"];

export function encodeTold(message: Omit<Told, "kind">): Uint8Array {
  const encoder = frameOf(TOLD);
  writeUint8(encoder, STEPS.indexOf(message.step));
  return toUint8Array(encoder);
}

export function decodeTold(reader: ByteReader): Told {
  const step = STEPS[reader.u8()];
  if (step === undefined) throw new ProtocolError("malformed", "a told frame has a step that this version does not have");
  return { kind: "told", step };
}
