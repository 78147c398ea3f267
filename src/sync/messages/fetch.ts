import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader, SessionKey } from "../../engine/index.ts";
import { frameOf, writeKey } from "./frame-writer.ts";

/**
 * A request came for a session that is not held here: `[u8 18][varuint request id][16 bytes key]`. Answered by exactly one `fetched`.
 * A relay that has it alive counts the node as watching from then on, so that nothing falls between the answer and a `watch`.
 */
export interface Fetch {
  readonly kind: "fetch";
  /** Chosen by the asker, unique on its connection. */
  readonly requestId: number;
  readonly key: SessionKey;
}

export const FETCH = 18;

export function encodeFetch(message: Omit<Fetch, "kind">): Uint8Array {
  const encoder = frameOf(FETCH);
  writeVarUint(encoder, message.requestId);
  writeKey(encoder, message.key);
  return toUint8Array(encoder);
}

export function decodeFetch(reader: ByteReader): Fetch {
  return { kind: "fetch", requestId: reader.varUint(), key: reader.key() };
}
