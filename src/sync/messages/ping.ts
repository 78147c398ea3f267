import { toUint8Array, writeVarUint } from "lib0/encoding";
import type { ByteReader } from "../../engine/index.ts";
import { frameOf } from "./frame-writer.ts";

/**
 * Are you there? `[u8 4][varuint token]`. An application frame, not a WebSocket ping: it is answered by the event loop that does the
 * work, so a process that is stopped or stuck is found out, and it queues behind what was sent before.
 */
export interface Ping {
  readonly kind: "ping";
  /** Comes back in the pong. */
  readonly token: number;
}

export const PING = 4;

export function encodePing(message: Omit<Ping, "kind">): Uint8Array {
  const encoder = frameOf(PING);
  writeVarUint(encoder, message.token);
  return toUint8Array(encoder);
}

export function decodePing(reader: ByteReader): Ping {
  return { kind: "ping", token: reader.varUint() };
}
