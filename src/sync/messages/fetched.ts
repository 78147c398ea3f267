import { toUint8Array, writeUint8, writeUint8Array, writeVarUint } from "lib0/encoding";
import { decodeRecord, encodeRecord, type ByteReader, type SessionRecord } from "../../engine/index.ts";
import { ProtocolError } from "../protocol-error.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * The answer to a fetch: `[u8 19][varuint request id][u8 0 absent, 1 found, 2 not known]`, then for `found` the record to the end, and for
 * `absent` `[varuint 0 undefined, else heardUntilMs + 1]`.
 */
export interface Fetched {
  readonly kind: "fetched";
  readonly requestId: number;
  readonly answer: FetchedAnswer;
}

/** `unknown`: the relay could not look (its store failed); it must not be taken for "there is none". */
export type FetchedAnswer =
  | { readonly kind: "found"; readonly record: SessionRecord }
  | {
      readonly kind: "absent";
      /**
       * What the other relays that it counts as members were told until then has reached it. Milliseconds since the epoch; 0: it has yet to
       * hear from one of them; undefined: there are none.
       */
      readonly heardUntilMs: number | undefined;
    }
  | { readonly kind: "unknown" };

export const FETCHED = 19;

const ABSENT = 0;
const FOUND = 1;
const UNKNOWN = 2;

export function encodeFetched(message: Omit<Fetched, "kind">): Uint8Array {
  const encoder = frameOf(FETCHED);
  writeVarUint(encoder, message.requestId);
  if (message.answer.kind === "found") {
    writeUint8(encoder, FOUND);
    writeUint8Array(encoder, encodeRecord(message.answer.record));
  } else {
    writeUint8(encoder, message.answer.kind === "absent" ? ABSENT : UNKNOWN);
    if (message.answer.kind === "absent")
      writeVarUint(encoder, message.answer.heardUntilMs === undefined ? 0 : message.answer.heardUntilMs + 1);
  }
  return toUint8Array(encoder);
}

export function decodeFetched(reader: ByteReader): Fetched {
  const requestId = reader.varUint();
  const answer = reader.u8();
  if (answer === FOUND) return { kind: "fetched", requestId, answer: { kind: "found", record: decodeRecord(reader.rest()) } };
  if (answer === ABSENT) {
    const untilMs = reader.varUint();
    return { kind: "fetched", requestId, answer: { kind: "absent", heardUntilMs: untilMs === 0 ? undefined : untilMs - 1 } };
  }
  if (answer === UNKNOWN) return { kind: "fetched", requestId, answer: { kind: "unknown" } };
  throw new ProtocolError("malformed", "a fetched frame has an answer that this version does not have");
}
