import { toUint8Array, writeUint8, writeUint8Array, writeVarString, writeVarUint } from "lib0/encoding";
import type { ByteReader, SessionKey } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/** Bytes that name one attempt to claim. */
export const OWNER_BYTES = 16;
/** UTF-8 bytes of what is claimed. The engine allows 1,024 characters, and puts a word before them. */
const CLAIM_NAME_BYTES_MAX = 4_096;

/**
 * - ask: hold it for this owner for a short while, unless it is another's.
 * - confirm: it is this owner's until `untilMs`, unless it is another's. A majority of these is the claim.
 * - release: this owner gives it back, whichever of the two it had.
 */
export type ClaimStep = "ask" | "confirm" | "release";

/**
 * Somebody wants `name` of a session for itself:
 * `[u8 28][varuint request id][u8 step][16 bytes key][varuint length][name, UTF-8][16 bytes owner][varuint nowMs][varuint untilMs][varuint bornAtMs]`.
 * Answered by exactly one `claimed`, also a release.
 */
export interface Claim {
  readonly kind: "claim";
  /** Chosen by the asker, unique on its connection. */
  readonly requestId: number;
  readonly step: ClaimStep;
  readonly key: SessionKey;
  readonly name: string;
  /** Drawn for one attempt, and never used for another. */
  readonly owner: Uint8Array;
  /** By the asker's clock, which need not be the relay's. */
  readonly nowMs: number;
  readonly untilMs: number;
  /** First birth of the session: who has no record that old abstains. */
  readonly bornAtMs: number;
}

export const CLAIM = 28;

const STEPS: readonly ClaimStep[] = ["ask", "confirm", "release"];

export function encodeClaim(message: Omit<Claim, "kind">): Uint8Array {
  const encoder = frameOf(CLAIM);
  writeVarUint(encoder, message.requestId);
  writeUint8(encoder, STEPS.indexOf(message.step));
  writeKey(encoder, message.key);
  writeVarString(encoder, message.name);
  writeUint8Array(encoder, message.owner);
  writeVarUint(encoder, message.nowMs);
  writeVarUint(encoder, message.untilMs);
  writeVarUint(encoder, message.bornAtMs);
  return toUint8Array(encoder);
}

export function decodeClaim(reader: ByteReader): Claim {
  const requestId = reader.varUint();
  const step = STEPS[reader.u8()];
  if (step === undefined) throw new ProtocolError("malformed", "a claim frame has a step that this version does not have");
  return {
    kind: "claim",
    requestId,
    step,
    key: reader.key(),
    name: reader.text(CLAIM_NAME_BYTES_MAX),
    owner: reader.bytes(OWNER_BYTES),
    nowMs: reader.varUint(),
    untilMs: reader.varUint(),
    bornAtMs: reader.varUint(),
  };
}
