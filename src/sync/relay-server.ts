import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { WebSocketServer } from "ws";
import { type PeerClock, SessionError, type Replica, type Runtime } from "../engine/index.ts";
import { newCounters, type SyncCounters, type SyncLog } from "./counters.ts";
import { credentialsOf } from "./credentials.ts";
import { FRAME_BYTES_MAX } from "./messages/index.ts";
import type { RelayStatus } from "./messages/status.ts";
import { addressOf } from "./relay-address.ts";
import { type KeptIncarnation, RelayCore } from "./relay-core.ts";
import type { MemberInfo } from "./relay-members.ts";
import { guardStranger, type StrangerGuard, UNAUTHENTICATED_MS } from "./stranger-guard.ts";
import { Traffic, type TrafficFigures } from "./traffic.ts";
import { dialWebSocketInTurns, WebSocketConnection } from "./websocket-transport.ts";

/** Connections at once, strangers included. A node needs one. */
const CONNECTION_COUNT_MAX = 4_096;
/** How long who connects waits for a relay that is not open yet: most are within that, and a node dials again. */
const OPENING_WAIT_MS = 1_000;
/** How often a stopping relay looks whether its peers have taken everything. */
const DRAIN_POLL_MS = 10;

/** What a relay shows to whoever connects: both in PEM, as OpenSSL and ACME clients write them. */
export interface RelayTls {
  /** The relay's own certificate first, then those between it and the root. */
  readonly cert: string;
  readonly key: string;
}

export interface RelayServerOptions {
  /** Where the sessions are kept, as `replicaOf(createEngine().host)`. Not closed by the relay. */
  readonly replica: Replica;
  /** Of the same engine: clock, timers and randomness. */
  readonly runtime: Runtime;
  /** Of the same engine. Default: the clock of `runtime`. */
  readonly clock?: PeerClock | undefined;
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
  /** Certificates in PEM that `wss://` peers are checked against, instead of those that Node trusts. */
  readonly ca?: string | undefined;
  /** Where the replica lasts: what must be kept along with it. */
  readonly incarnation?: KeptIncarnation | undefined;
  /** How long a lost relay counts as one that may hold what nobody else has. Milliseconds; default 30 min. */
  readonly forgetLossAfterMs?: number | undefined;
  /** With it nodes connect by `wss://`, without by `ws://`. Default: without. */
  readonly tls?: RelayTls | undefined;
  /**
   * Answers plain HTTP requests on the same port; true when it did. It ends its response itself, within 3 s. Whatever it leaves alone is
   * answered 426. Default: none.
   */
  readonly onRequest?: ((...request: Parameters<RequestListener>) => boolean) | undefined;
  /**
   * Resolves when the replica holds all that an earlier process left. Until then nobody is let in: who connects waits for a second and is
   * then answered 503, and the peers are not dialed. Where it rejects that stays so. Default: open at once.
   */
  readonly opening?: Promise<unknown> | undefined;
  /** Where lines for the operator go. Default: nowhere. */
  readonly log?: SyncLog | undefined;
}

/** A relay that listens. */
export interface Relay {
  /** For `relays([...])`: `ws://host:port`, or `wss://` with TLS. */
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
  traffic(): TrafficFigures;
  /**
   * Shows another certificate from now on, to whoever connects next; connections that are there go on.
   * @throws SessionError OPTION_INVALID when it cannot be used; the relay then goes on with what it had.
   */
  setTls(tls: RelayTls): void;
  /**
   * Stops on purpose: takes no new connections, says so to whoever is connected, and resolves when they have taken what is queued for them,
   * at the latest after `timeoutMs`: true when they had. `close` must follow.
   */
  drain(timeoutMs: number): Promise<boolean>;
  /** Tells the nodes, which go on alone, and frees the port. Idempotent. */
  close(): Promise<void>;
}

/**
 * Lets nodes meet at `replica`. Whoever connects must show that it knows the secret before a byte of any session moves.
 * @throws SessionError OPTION_INVALID; the error of the operating system when the port cannot be had.
 */
export async function startRelayServer(options: RelayServerOptions): Promise<Relay> {
  const credentials = credentialsOf(options);
  const { replica, runtime, clock, host = "127.0.0.1", port = 0, tls, onRequest = () => false, log = () => undefined } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new SessionError("OPTION_INVALID", "a relay's port must be between 0 and 65535");
  if (tls !== undefined) checkTls(tls);
  const { ca, incarnation, forgetLossAfterMs, opening } = options;
  const peers = [...new Set((options.peers ?? []).map(addressOf))];
  const counters = newCounters();
  const traffic = new Traffic();
  const guards = new WeakMap<Socket, StrangerGuard>();
  /** Undefined until it is open. */
  let core: RelayCore | undefined;
  /** Who connected before that. */
  const waiting = new Set<() => void>();
  let isDraining = false;

  const answer: RequestListener = (request, response) => {
    response.shouldKeepAlive = false;
    if (onRequest(request, response)) guards.get(request.socket)?.excuse();
    else response.writeHead(426).end();
  };
  const http = tls === undefined ? createServer(answer) : createTlsServer({ ...tls, handshakeTimeout: UNAUTHENTICATED_MS }, answer);
  http.maxConnections = CONNECTION_COUNT_MAX;
  http.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => guards.set(socket, guardStranger(socket, counters)));
  http.on("tlsClientError", (_error: Error, socket: Socket) => {
    counters.refusedGreetings += 1;
    socket.destroy();
  });
  const webSockets = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    verifyClient: (_info, done) => {
      const letIn = (): void => {
        clearTimeout(timer);
        waiting.delete(letIn);
        if (core === undefined || isDraining) done(false, 503);
        else done(true);
      };
      const timer = setTimeout(letIn, OPENING_WAIT_MS);
      if (core !== undefined || isDraining) letIn();
      else waiting.add(letIn);
    },
  });
  // `listen` below reports it; unheard, it would end the process.
  webSockets.on("error", () => undefined);
  webSockets.on("connection", (webSocket, request: IncomingMessage) => {
    const guard = guards.get(request.socket);
    guard?.countBytes();
    core?.accept(
      traffic.accept((listener) => {
        const connection = new WebSocketConnection(webSocket, listener);
        connection.sendInTurns(request.socket);
        return connection;
      }),
      () => guard?.release(),
    );
  });
  await listening(http, host, port);
  const dial = traffic.dial((address, listener) => dialWebSocketInTurns(address, listener, ca));
  // Only now: a peer that is dialed dials back.
  const open = (): void => {
    if (!isDraining)
      core = new RelayCore({ replica, runtime, clock, credentials, counters, log, dial, peers, incarnation, forgetLossAfterMs });
    for (const letIn of waiting) letIn();
  };
  if (opening === undefined) open();
  else opening.then(open, () => undefined);
  let closing: Promise<void> | undefined;
  const bound = (http.address() as AddressInfo).port;
  return {
    address: `${tls === undefined ? "ws" : "wss"}://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    port: bound,
    domain: credentials.domain,
    counters,
    connectionCount: () => core?.connectionCount ?? 0,
    members: () => core?.members() ?? [],
    status: () => core?.status ?? { isComplete: false, completeSinceMs: runtime.nowMs(), memberCount: 1 },
    traffic: () => traffic.figures(),
    setTls: (next) => {
      if (tls === undefined)
        throw new SessionError("OPTION_INVALID", "a relay that was started without TLS cannot change to it: start it anew");
      checkTls(next);
      (http as TlsServer).setSecureContext(next);
    },
    drain: async (timeoutMs) => {
      isDraining = true;
      const untilMs = runtime.monotonicMs() + timeoutMs;
      while (traffic.queuedBytes() > 0) {
        if (runtime.monotonicMs() >= untilMs) return false;
        await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
      }
      return true;
    },
    close: () => {
      closing ??= new Promise<void>((resolve) => {
        isDraining = true;
        for (const letIn of waiting) letIn();
        const linksClosed = core?.close() ?? Promise.resolve();
        webSockets.close();
        // Resolves when the last connection is gone; a node that does not answer is cut off after a second.
        http.close(() => void linksClosed.then(resolve));
        http.closeAllConnections();
      });
      return closing;
    },
  };
}

/** What OpenSSL says of a certificate or key names what is wrong with it, and nothing that is in it. */
function checkTls({ cert, key }: RelayTls): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown failure";
    throw new SessionError(
      "OPTION_INVALID",
      `the certificate and its key cannot be used (${why}): give both in PEM, the key without passphrase`,
      {
        cause: error,
      },
    );
  }
}

function listening(http: Server | TlsServer, host: string, port: number): Promise<void> {
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
