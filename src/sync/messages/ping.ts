import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * Are you there? `[u8 4][varuint token][varuint nowMs][varuint rttMs]`. An application frame, not a WebSocket ping: it is answered by the event loop that does the
 * work, so a process that is stopped or stuck is found out, and it queues behind what was sent before.
 */
export interface Ping {
  readonly kind: "ping";
  /** Comes back in the pong. */
  readonly token: number;
  /** What the wall clock of whoever asks says, milliseconds since the epoch. */
  readonly nowMs: number;
  /** How long its last question took, milliseconds, rounded up: with it the other side can use `nowMs`. 0: there was none. */
  readonly rttMs: number;
}

export const PING = 4;

export function encodePing(message: Omit<Ping, "kind">): Uint8Array {
  const encoder = frameOf(PING);
  writeVarUint(encoder, message.token);
  writeVarUint(encoder, message.nowMs);
  writeVarUint(encoder, message.rttMs);
  return toUint8Array(encoder);
}

export function decodePing(reader: ByteReader): Ping {
  return { kind: "ping", token: reader.varUint(), nowMs: reader.varUint(), rttMs: reader.varUint() };
}
