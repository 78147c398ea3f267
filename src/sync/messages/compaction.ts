import { toUint8Array, writeUint8Array, writeVarUint } from "lib0/encoding";
import { fromHexString, toHexString } from "lib0/buffer";
import type { ByteReader, Epoch, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

const HASH_BYTES = 8;

/**
 * The sender compacted the session: `[u8 32][16 bytes key][varuint epoch counter][8 bytes epoch hash]`. Whoever holds the same compacts it to the
 * same, so nothing of its content has to be sent. Not numbered and not asked for: where the two differ, changes and digests tell.
 */
export interface Compaction {
  readonly kind: "compaction";
  readonly key: SessionKey;
  readonly epoch: Epoch;
}

export const COMPACTION = 32;

export function encodeCompaction({ key, epoch }: Omit<Compaction, "kind">): Uint8Array {
  const encoder = frameOf(COMPACTION);
  writeKey(encoder, key);
  writeVarUint(encoder, epoch.counter);
  writeUint8Array(encoder, fromHexString(epoch.hash));
  return toUint8Array(encoder);
}

export function decodeCompaction(reader: ByteReader): Compaction {
  const key = reader.key();
  const counter = reader.varUint();
  return { kind: "compaction", key, epoch: { counter, hash: toHexString(reader.bytes(HASH_BYTES)) } };
}
