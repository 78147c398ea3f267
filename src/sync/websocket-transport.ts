import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { GREETING_TIMEOUT_MS } from "./link-state.ts";
import { FRAME_BYTES_MAX } from "./messages/index.ts";
import type { Connection, ConnectionListener } from "./transport.ts";

/** A peer that does not answer a close frame within this time is cut off. */
const CLOSE_TIMEOUT_MS = 1_000;
/**
 * For TCP alone, so room for one lost SYN (RFC 6298 section 2: the next comes after 1 s, then 2, then 4). A dial that began while the network was
 * cut would otherwise wait for seconds after it is whole again.
 */
const CONNECT_TIMEOUT_MS = 1_200;

/** Dials `ws://` and `wss://` addresses. `ca`: certificates in PEM that are trusted instead of those that Node trusts. For a node. */
export function dialWebSocket(address: string, listener: ConnectionListener, ca?: string): Connection {
  return new WebSocketConnection(dialed(address, listener, ca), listener);
}

/** The same for a relay: sends once a turn, as `WebSocketConnection` says. */
export function dialWebSocketInTurns(address: string, listener: ConnectionListener, ca?: string): Connection {
  const socket = dialed(address, listener, ca);
  const connection = new WebSocketConnection(socket, listener);
  socket.once("upgrade", (response) => connection.sendInTurns(response.socket));
  return connection;
}

function dialed(address: string, listener: ConnectionListener, ca: string | undefined): WebSocket {
  const socket = new WebSocket(address, {
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    handshakeTimeout: GREETING_TIMEOUT_MS,
    followRedirects: false,
    finishRequest: (request, webSocket) => {
      request.once("socket", (stream) => {
        const timer = setTimeout(() => webSocket.terminate(), CONNECT_TIMEOUT_MS).unref();
        const stop = (): void => clearTimeout(timer);
        stream.once("connect", stop).once("close", stop);
      });
      request.end();
    },
    ...(ca === undefined ? {} : { ca }),
  });
  socket.on("open", () => listener.onOpen());
  return socket;
}

/** A WebSocket as `Connection`. */
export class WebSocketConnection implements Connection {
  readonly #socket: WebSocket;
  readonly #listener: ConnectionListener;
  #isEnded = false;
  #stream: Duplex | undefined;
  #isCorked = false;
  #closeTimer: NodeJS.Timeout | undefined;

  /** Takes over `socket`, open or not yet. */
  constructor(socket: WebSocket, listener: ConnectionListener) {
    this.#socket = socket;
    this.#listener = listener;
    socket.on("message", (data, isBinary) => {
      if (!this.#isEnded) listener.onMessage(isBinary && data instanceof Uint8Array ? data : undefined);
    });
    // `close` follows every error; unheard, an error would end the process.
    socket.on("error", () => undefined);
    socket.on("close", (code) => {
      this.#isEnded = true;
      clearTimeout(this.#closeTimer);
      listener.onClose(code);
    });
  }

  /**
   * From here on what is sent leaves at the end of the turn of the event loop, after everything that has arrived was read: for a relay. Writing
   * to a peer that was killed is an error, upon which Node drops the socket with all that it has not read yet, and so the last writes of that
   * peer, which its kernel had still sent. It also saves system calls: one for all frames of a turn.
   * @param stream what the WebSocket runs over
   */
  sendInTurns(stream: Duplex): void {
    this.#stream = stream;
  }

  get isOpen(): boolean {
    return !this.#isEnded && this.#socket.readyState === WebSocket.OPEN;
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#cork();
    this.#socket.send(bytes, this.#afterWrite);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#socket.readyState !== WebSocket.OPEN) return this.#socket.terminate();
    this.#closeTimer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
    // A paused socket would never see the answer.
    this.#socket.resume();
    this.#socket.close(code);
  }

  cut(): void {
    this.#isEnded = true;
    this.#socket.terminate();
  }

  readonly #afterWrite = (): void => this.#listener.onDrain();

  #cork(): void {
    const stream = this.#stream;
    if (stream === undefined || this.#isCorked) return;
    this.#isCorked = true;
    stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }
}
