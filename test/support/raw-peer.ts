import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";
import { credentialsOf } from "../../src/sync/credentials.ts";
import { DialerGreeting, RelayGreeting } from "../../src/sync/greeting.ts";
import { decodeFrame, type Frame } from "../../src/sync/messages/index.ts";
import { encodeWelcome } from "../../src/sync/messages/welcome.ts";

/** What a relay made by hand says of itself: it knows all. */
const STANDING = { incarnation: new Uint8Array(16), status: { isComplete: true, completeSinceMs: 0, memberCount: 1 } };

/** A WebSocket that a test speaks the protocol over by hand: what it sends is up to the test, what it gets is written down. */
export class RawPeer {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  /** The same, as they came. */
  readonly received: Uint8Array[] = [];
  closeCode: number | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => {
      this.received.push(data as Buffer);
      this.frames.push(decodeFrame(data as Buffer));
    });
    socket.on("error", () => undefined);
    socket.on("close", (code) => (this.closeCode = code));
  }

  /** Connected, and nothing said yet. */
  static async connect(address: string): Promise<RawPeer> {
    const peer = new RawPeer(new WebSocket(address, { perMessageDeflate: false }));
    await once(peer.socket, "open");
    return peer;
  }

  /** Connected and welcome, as a node with these credentials would be; or closed, when it is not. */
  static async greet(address: string, options: { secret: string; domain?: string }): Promise<RawPeer> {
    const peer = await RawPeer.connect(address);
    const dialer = { role: "node", id: new Uint8Array(16), incarnation: new Uint8Array(16), wantsPromptAcks: false } as const;
    const greeting = new DialerGreeting(credentialsOf(options), dialer, new Uint8Array(32));
    const answer = (frame: Frame): void => {
      const { reply } = greeting.receive(frame);
      if (reply !== undefined) peer.send(reply);
    };
    const [challenge] = peer.frames;
    if (challenge !== undefined) answer(challenge);
    else peer.socket.once("message", (data) => answer(decodeFrame(data as Buffer)));
    while (!peer.isWelcome && peer.closeCode === undefined) await Promise.race([once(peer.socket, "message"), once(peer.socket, "close")]);
    return peer;
  }

  get isWelcome(): boolean {
    return this.frames.some(({ kind }) => kind === "welcome");
  }

  kinds(): string[] {
    return this.frames.map(({ kind }) => kind);
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  /** Goes away without a word. */
  cut(): void {
    this.socket.terminate();
  }
}

/** A relay that greets and then does what the test says: for what a real one never does. */
export class RawRelay {
  readonly peers: RawPeer[] = [];
  readonly #server: WebSocketServer;
  readonly #credentials: ReturnType<typeof credentialsOf>;

  private constructor(server: WebSocketServer, secret: string) {
    this.#server = server;
    this.#credentials = credentialsOf({ secret });
    server.on("connection", (socket) => this.#greet(socket));
  }

  static async listen(secret: string): Promise<RawRelay> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    return new RawRelay(server, secret);
  }

  get address(): string {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? `ws://127.0.0.1:${address.port}` : "";
  }

  close(): void {
    for (const peer of this.peers) peer.cut();
    this.#server.close();
  }

  #greet(socket: WebSocket): void {
    const peer = new RawPeer(socket);
    const greeting = new RelayGreeting(this.#credentials, new Uint8Array(16).fill(1), new Uint8Array(32));
    socket.once("message", (data) => {
      socket.send(this.#welcome(greeting, decodeFrame(data as Buffer)));
    });
    this.peers.push(peer);
    socket.send(greeting.challenge);
  }

  /** To a node with another secret: a MAC that is a guess. */
  #welcome(greeting: RelayGreeting, hello: Frame): Uint8Array {
    try {
      return greeting.receive(hello, () => STANDING).reply ?? new Uint8Array();
    } catch {
      return encodeWelcome({ standing: STANDING, mac: new Uint8Array(32) });
    }
  }
}
