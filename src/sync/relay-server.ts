import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";
import { SessionError, type Replica, type Runtime } from "../engine/index.ts";
import { newCounters, type SyncCounters, type SyncLog } from "./counters.ts";
import { credentialsOf } from "./credentials.ts";
import { FRAME_BYTES_MAX, GREETING_BYTES_MAX } from "./messages/index.ts";
import type { RelayStatus } from "./messages/status.ts";
import { addressOf } from "./relay-address.ts";
import { RelayCore, type KeptIncarnation } from "./relay-core.ts";
import type { MemberInfo } from "./relay-members.ts";
import { dialWebSocket, WebSocketConnection } from "./websocket-transport.ts";

/** From the TCP connection to a valid hello (SEC-42). */
const UNAUTHENTICATED_MS = 3_000;
/** Connections at once, strangers included. A node needs one. */
const CONNECTION_COUNT_MAX = 4_096;

export interface RelayServerOptions {
  /** Where the sessions are kept, as `replicaOf(createEngine().host)`. Not closed by the relay. */
  readonly replica: Replica;
  /** Of the same engine: clock, timers and randomness. */
  readonly runtime: Runtime;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default 0: any free port, see `Relay.port`. */
  readonly port?: number | undefined;
  /** At least 32 bytes, the same on all nodes. */
  readonly secret: string;
  /** Default `default`. */
  readonly domain?: string | undefined;
  /**
   * Addresses of the other relays, `ws://` or `wss://`. Best name all of them to each; a relay's own may be among them. What one of them
   * knows the others know, and a relay that was away or is new is of no consequence to a request until it has what they have.
   */
  readonly peers?: readonly string[] | undefined;
  /** Where the replica lasts: what must be kept along with it. */
  readonly incarnation?: KeptIncarnation | undefined;
  /** How long a lost relay counts as one that may hold what nobody else has. Milliseconds; default 30 min. */
  readonly forgetLossAfterMs?: number | undefined;
  /** Where lines for the operator go. Default: nowhere. */
  readonly log?: SyncLog | undefined;
}

/** A relay that listens. */
export interface Relay {
  /** For `relays([...])`: `ws://host:port`. */
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  readonly counters: Readonly<SyncCounters>;
  /** Nodes that are connected, and strangers that have yet to show who they are. */
  connectionCount(): number;
  /** Nodes and relays that are connected; a relay twice where both dialed. */
  members(): MemberInfo[];
  /** What its answers are worth: whether it has what its peers have, and since when it knows all. */
  status(): RelayStatus;
  /** Tells the nodes, which go on alone, and frees the port. Idempotent. */
  close(): Promise<void>;
}

/**
 * Lets nodes meet at `replica`. Whoever connects must show that it knows the secret before a byte of any session moves.
 * @throws SessionError OPTION_INVALID; the error of the operating system when the port cannot be had.
 */
export async function startRelayServer(options: RelayServerOptions): Promise<Relay> {
  const credentials = credentialsOf(options);
  const host = options.host ?? "127.0.0.1";
  const port = options.port ?? 0;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new SessionError("OPTION_INVALID", "a relay's port must be between 0 and 65535");
  const counters = newCounters();
  const { replica, runtime, log = () => undefined } = options;
  const { incarnation, forgetLossAfterMs } = options;
  const peers = [...new Set((options.peers ?? []).map(addressOf))];
  const guards = new WeakMap<Socket, Guard>();

  const http = createServer((_request, response) => response.writeHead(426, { connection: "close" }).end());
  http.maxConnections = CONNECTION_COUNT_MAX;
  http.on("connection", (socket: Socket) => guards.set(socket, guardStranger(socket, counters)));
  const webSockets = new WebSocketServer({ server: http, perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX });
  // `listen` below reports it; unheard, it would end the process.
  webSockets.on("error", () => undefined);
  webSockets.on("connection", (webSocket, request: IncomingMessage) => {
    const guard = guards.get(request.socket);
    guard?.countBytes();
    core.accept(
      (listener) => new WebSocketConnection(webSocket, listener),
      () => guard?.release(),
    );
  });
  await listening(http, host, port);
  // Only now: a peer that is dialed dials back.
  const core = new RelayCore({ replica, runtime, credentials, counters, log, dial: dialWebSocket, peers, incarnation, forgetLossAfterMs });
  let closing: Promise<void> | undefined;
  const bound = (http.address() as AddressInfo).port;
  return {
    address: `ws://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    domain: credentials.domain,
    counters,
    connectionCount: () => core.connectionCount,
    members: () => core.members(),
    status: () => core.status,
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        const linksClosed = core.close();
        webSockets.close();
        // Resolves when the last connection is gone; a node that does not answer is cut off after a second.
        http.close(() => void linksClosed.then(resolve));
        http.closeAllConnections();
      });
      return closing;
    },
  };
}

interface Guard {
  /** Called after the upgrade, when bytes are frames. */
  countBytes(): void;
  release(): void;
}

/**
 * Holds a stranger to 3 s and 4 KiB, whatever it sends: half a request, half a frame, or a frame header that promises a megabyte, which
 * the WebSocket library would wait for.
 */
function guardStranger(socket: Socket, counters: SyncCounters): Guard {
  let byteCount = 0;
  const count = (chunk: Buffer): void => {
    byteCount += chunk.length;
    if (byteCount > GREETING_BYTES_MAX) socket.destroy();
  };
  const timer = setTimeout(() => socket.destroy(), UNAUTHENTICATED_MS).unref();
  const leave = (): void => {
    counters.refusedGreetings += 1;
    release();
  };
  const release = (): void => {
    clearTimeout(timer);
    socket.off("data", count);
    socket.off("close", leave);
  };
  socket.once("close", leave);
  return { countBytes: () => socket.on("data", count), release };
}

function listening(http: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, () => {
      http.off("error", reject);
      // Accepting fails when descriptors run out, say; the connections that are there go on.
      http.on("error", () => undefined);
      resolve();
    });
  });
}
