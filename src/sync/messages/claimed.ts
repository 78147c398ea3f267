import { toUint8Array, writeUint8, writeUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { OWNER_BYTES } from "./claim.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * The answer to a claim: `[u8 29][varuint request id][u8 0 granted, 1 abstains, 2 taken for now, 3 taken]`, and where it is taken
 * `[16 bytes owner]`.
 */
export interface Claimed {
  readonly kind: "claimed";
  readonly requestId: number;
  readonly answer: ClaimAnswer;
}

/**
 * - granted: what the step asked for is so.
 * - taken: it is another's; all zeros for an owner that is not known any more. Not confirmed: that one may yet fail.
 * - abstains: the relay cannot know: its record does not go back to the birth of the session, or its store did not answer.
 */
export type ClaimAnswer =
  | { readonly kind: "granted" }
  | { readonly kind: "taken"; readonly owner: Uint8Array; readonly isConfirmed: boolean }
  | { readonly kind: "abstains" };

export const CLAIMED = 29;

const GRANTED = 0;
const ABSTAINS = 1;
const TAKEN_FOR_NOW = 2;
const TAKEN = 3;

export function encodeClaimed({ requestId, answer }: Omit<Claimed, "kind">): Uint8Array {
  const encoder = frameOf(CLAIMED);
  writeVarUint(encoder, requestId);
  if (answer.kind === "taken") {
    writeUint8(encoder, answer.isConfirmed ? TAKEN : TAKEN_FOR_NOW);
    writeUint8Array(encoder, answer.owner);
  } else {
    writeUint8(encoder, answer.kind === "granted" ? GRANTED : ABSTAINS);
  }
  return toUint8Array(encoder);
}

export function decodeClaimed(reader: ByteReader): Claimed {
  return { kind: "claimed", requestId: reader.varUint(), answer: readAnswer(reader) };
}

function readAnswer(reader: ByteReader): ClaimAnswer {
  const kind = reader.u8();
  if (kind === GRANTED) return { kind: "granted" };
  if (kind === ABSTAINS) return { kind: "abstains" };
  if (kind === TAKEN || kind === TAKEN_FOR_NOW) return { kind: "taken", owner: reader.bytes(OWNER_BYTES), isConfirmed: kind === TAKEN };
  throw new ProtocolError("malformed", "a claimed frame has an answer that this version does not have");
}
