import type { Accept, Connection, ConnectionListener, Dial } from "./transport.ts";

/** What went over the connections of one process since its start, and what waits to go. */
export interface TrafficFigures {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes that peers have not taken yet, over all connections. */
  readonly queuedBytes: number;
  /** Connections that are open, strangers included. */
  readonly connectionCount: number;
}

/** Counts what goes over connections, by standing between them and whoever uses them. Frames are whole messages, heartbeats included. */
export class Traffic {
  readonly #open = new Set<Connection>();
  #framesIn = 0;
  #framesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  figures(): TrafficFigures {
    return {
      framesIn: this.#framesIn,
      framesOut: this.#framesOut,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      queuedBytes: this.queuedBytes(),
      connectionCount: this.#open.size,
    };
  }

  queuedBytes(): number {
    let bytes = 0;
    for (const connection of this.#open) bytes += connection.queuedBytes;
    return bytes;
  }

  /** The same connection, counted. */
  accept(connect: Accept): Accept {
    return (listener) => this.#meter(connect, listener);
  }

  dial(dial: Dial): Dial {
    return (address, listener) => this.#meter((counted) => dial(address, counted), listener);
  }

  #meter(connect: Accept, listener: ConnectionListener): Connection {
    const connection = connect({
      onOpen: () => listener.onOpen(),
      onMessage: (bytes) => {
        this.#framesIn += 1;
        this.#bytesIn += bytes?.length ?? 0;
        listener.onMessage(bytes);
      },
      onDrain: () => listener.onDrain(),
      onClose: (code) => {
        this.#open.delete(connection);
        listener.onClose(code);
      },
    });
    this.#open.add(connection);
    return new MeteredConnection(connection, (bytes) => {
      this.#framesOut += 1;
      this.#bytesOut += bytes.length;
    });
  }
}

class MeteredConnection implements Connection {
  readonly #connection: Connection;
  readonly #count: (bytes: Uint8Array) => void;

  constructor(connection: Connection, count: (bytes: Uint8Array) => void) {
    this.#connection = connection;
    this.#count = count;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  send(bytes: Uint8Array): void {
    if (this.#connection.isOpen) this.#count(bytes);
    this.#connection.send(bytes);
  }

  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  close(code: number): void {
    this.#connection.close(code);
  }

  cut(): void {
    this.#connection.cut();
  }
}
