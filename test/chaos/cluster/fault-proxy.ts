import { createServer, connect, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { Random } from "./random.ts";

/** What happens to bytes on their way. `up` is from who connected to where it connects. */
export interface Weather {
  /** Each chunk is held for so long, never overtaking the one before. Default 0. */
  readonly delayMs?: number;
  /** Drawn anew for each chunk: up to so much more or less. Default 0. */
  readonly jitterMs?: number;
  /** Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Directions in which nothing passes, while connections stay open as over a cut cable: what was sent waits. Default none. */
  readonly stalled?: "up" | "down" | "both" | undefined;
}

/** Chunks of one direction that wait here; beyond this the sender's kernel holds the rest, as over a real slow line. */
const HELD_BYTES_MAX = 256 * 1024;

/** A TCP proxy that does to a connection what networks do. One target; any number of connections. */
export class FaultProxy {
  readonly #server: Server;
  readonly #random: Random;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #lines = new Set<Line>();
  #weather: Weather = {};

  private constructor(target: { readonly host: string; readonly port: number }, random: Random) {
    this.#target = target;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  static async start(target: { readonly host: string; readonly port: number }, random: Random): Promise<FaultProxy> {
    const proxy = new FaultProxy(target, random);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#lines.size;
  }

  /** From now on, for all connections, those to come as well; all of it is replaced. */
  setWeather(weather: Weather): void {
    this.#weather = weather;
    for (const line of this.#lines) line.flow();
  }

  /** Both ends of every connection get a RST. */
  reset(): void {
    for (const line of this.#lines) line.reset();
  }

  /** Who connected is told that the other side sends no more; in the other direction bytes still pass. */
  halfClose(): void {
    for (const line of this.#lines) line.halfClose();
  }

  /** Every connection breaks after so many more bytes towards the target, in the middle of whatever they are part of. */
  cutAfter(byteCount: number): void {
    for (const line of this.#lines) line.cutAfter(byteCount);
  }

  /** Every connection ends, and what waited here is lost. */
  destroyAll(): void {
    for (const line of this.#lines) line.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.destroyAll();
    await closed;
  }

  #accept(client: Socket): void {
    const target = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const line = new Line(
      client,
      target,
      () => this.#weather,
      this.#random,
      () => this.#lines.delete(line),
    );
    this.#lines.add(line);
  }
}

/** One connection: two pipes. */
class Line {
  readonly #sockets: readonly [Socket, Socket];
  readonly #up: Pipe;
  readonly #down: Pipe;

  constructor(client: Socket, target: Socket, weather: () => Weather, random: Random, onClose: () => void) {
    this.#sockets = [client, target];
    this.#up = new Pipe(client, target, "up", weather, random);
    this.#down = new Pipe(target, client, "down", weather, random);
    for (const socket of this.#sockets) {
      socket.on("error", () => this.reset());
      socket.on("close", () => {
        if (!client.destroyed || !target.destroyed) return;
        this.#up.stop();
        this.#down.stop();
        onClose();
      });
    }
  }

  flow(): void {
    this.#up.flow();
    this.#down.flow();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  halfClose(): void {
    this.#sockets[0].end();
  }

  cutAfter(byteCount: number): void {
    this.#up.cutAfter(byteCount, () => this.destroy());
  }
}

interface Held {
  readonly chunk: Buffer | "end";
  readonly dueMs: number;
}

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: "up" | "down";
  readonly #weather: () => Weather;
  readonly #random: Random;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #bytesLeft = Infinity;
  #onCut: () => void = () => undefined;

  constructor(from: Socket, to: Socket, direction: "up" | "down", weather: () => Weather, random: Random) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#weather = weather;
    this.#random = random;
    from.on("data", (chunk: Buffer) => this.#hold(chunk));
    from.on("end", () => this.#hold("end"));
    to.on("drain", () => this.flow());
    if (this.#isStalled) from.pause();
  }

  /** Passes on what is due. */
  flow(): void {
    clearTimeout(this.#timer);
    if (!this.#isStalled) this.#pass();
    this.#throttleSource();
  }

  cutAfter(byteCount: number, onCut: () => void): void {
    this.#bytesLeft = byteCount;
    this.#onCut = onCut;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  get #isStalled(): boolean {
    const { stalled } = this.#weather();
    return stalled === "both" || stalled === this.#direction;
  }

  #hold(chunk: Buffer | "end"): void {
    const { delayMs = 0, jitterMs = 0, bytesPerSecond = Infinity } = this.#weather();
    const bytes = chunk === "end" ? 0 : chunk.length;
    const delay = Math.max(0, delayMs + jitterMs * (2 * this.#random() - 1));
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + delay) + (bytes / bytesPerSecond) * 1000;
    this.#held.push({ chunk, dueMs: this.#lastDueMs });
    this.#heldBytes += bytes;
    this.flow();
  }

  #pass(): void {
    for (let next = this.#held[0]; next !== undefined && !this.#to.writableNeedDrain; next = this.#held[0]) {
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flow(), Math.ceil(waitMs));
        return;
      }
      this.#held.shift();
      if (next.chunk === "end") this.#to.end();
      else this.#write(next.chunk);
    }
  }

  #write(chunk: Buffer): void {
    this.#heldBytes -= chunk.length;
    const part = chunk.subarray(0, Math.min(chunk.length, this.#bytesLeft));
    this.#bytesLeft -= part.length;
    if (this.#to.writable && part.length > 0) this.#to.write(part);
    if (this.#bytesLeft <= 0) this.#onCut();
  }

  #throttleSource(): void {
    if (this.#isStalled || this.#heldBytes > HELD_BYTES_MAX) this.#from.pause();
    else this.#from.resume();
  }
}
