import { type Encoder, toUint8Array, writeUint8, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/** What a relay's "there is none" is worth (DESIGN section 5, "A miss"). */
export interface RelayStatus {
  /** It is past its own join barrier: it has what its peers had. */
  readonly isComplete: boolean;
  /** It knows every session that was born at or after this instant. Milliseconds since the epoch, by its clock. */
  readonly completeSinceMs: number;
  /** Relays whose news reaches it, itself included. */
  readonly memberCount: number;
}

/** A relay's status changed: `[u8 30][status]`, and status is `[u8 1 complete, 0 not][varuint completeSinceMs][varuint memberCount]`. */
export interface Status {
  readonly kind: "status";
  readonly status: RelayStatus;
}

export const STATUS = 30;

export function encodeStatus(message: Omit<Status, "kind">): Uint8Array {
  const encoder = frameOf(STATUS);
  writeStatus(encoder, message.status);
  return toUint8Array(encoder);
}

export function decodeStatus(reader: ByteReader): Status {
  return { kind: "status", status: readStatus(reader) };
}

export function writeStatus(encoder: Encoder, { isComplete, completeSinceMs, memberCount }: RelayStatus): void {
  writeUint8(encoder, isComplete ? 1 : 0);
  writeVarUint(encoder, completeSinceMs);
  writeVarUint(encoder, memberCount);
}

export function readStatus(reader: ByteReader): RelayStatus {
  const isComplete = reader.u8();
  if (isComplete > 1) throw new ProtocolError("malformed", "a status has a flag that this version does not have");
  return { isComplete: isComplete === 1, completeSinceMs: reader.varUint(), memberCount: reader.varUint() };
}
