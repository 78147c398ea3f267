import type { Socket } from "node:net";
import type { SyncCounters } from "./counters.ts";
import { GREETING_BYTES_MAX } from "./messages/index.ts";

/** From the TCP connection (with TLS: from its handshake) to a valid hello (SEC-42). */
export const UNAUTHENTICATED_MS = 3_000;

/** Holds a connection to its limits until whoever is there showed that it knows the secret. */
export interface StrangerGuard {
  /** Called after the upgrade, when bytes are frames. */
  countBytes(): void;
  /** It asked for one of the relay's pages: no greeting is to be expected. The time limit stays. */
  excuse(): void;
  release(): void;
}

/**
 * Holds a stranger to 3 s and 4 KiB, whatever it sends: half a request, half a frame, or a frame header that promises a megabyte, which
 * the WebSocket library would wait for.
 */
export function guardStranger(socket: Socket, counters: SyncCounters): StrangerGuard {
  let byteCount = 0;
  const count = (chunk: Buffer): void => {
    byteCount += chunk.length;
    if (byteCount > GREETING_BYTES_MAX) socket.destroy();
  };
  const timer = setTimeout(() => socket.destroy(), UNAUTHENTICATED_MS).unref();
  let isExcused = false;
  const leave = (): void => {
    if (!isExcused) counters.refusedGreetings += 1;
    release();
  };
  const release = (): void => {
    clearTimeout(timer);
    socket.off("data", count);
    socket.off("close", leave);
  };
  socket.once("close", leave);
  return { countBytes: () => socket.on("data", count), excuse: () => (isExcused = true), release };
}
