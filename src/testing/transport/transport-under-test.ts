import type { Accept, Connection, ConnectionListener, Dial } from "../../sync/index.ts";

/** One place where one process listens and another dials, made for one case. */
export interface TransportPlace {
  readonly dial: Dial;
  /** Where somebody listens. */
  readonly address: string;
  /** Where nobody does, and whoever dials is refused. */
  readonly nowhere: string;
  /** From now on every connection that is dialed to `address` is handed over, open. Called once, before anything is dialed. */
  listen(onConnection: (accept: Accept) => void): void;
  /** Lets that much time pass, with all that happens in it. Default: real time. */
  pass?(ms: number): Promise<void>;
  close(): Promise<void>;
}

export interface TransportUnderTest {
  /** For titles: "WebSocket". */
  readonly name: string;
  open(): Promise<TransportPlace>;
}

/** One side of a connection, and all that it heard, in order: `open`, `drain`, `closed 4000`, and `#3` for the message that begins with 3. */
export class Side implements ConnectionListener {
  readonly heard: string[] = [];
  /** Of each message the number that it begins with, and its length. */
  readonly messages: { readonly number: number; readonly length: number; readonly isWhole: boolean }[] = [];
  /** What was queued at each `onDrain`. */
  readonly queuedAtDrains: number[] = [];
  connection: Connection | undefined;

  onOpen(): void {
    this.heard.push("open");
  }

  onMessage(bytes: Uint8Array | undefined): void {
    const number = bytes === undefined ? Number.NaN : numberOf(bytes);
    this.heard.push(`#${number}`);
    this.messages.push({ number, length: bytes?.length ?? 0, isWhole: bytes !== undefined && isWhole(bytes) });
  }

  onDrain(): void {
    this.heard.push("drain");
    this.queuedAtDrains.push(this.connection?.queuedBytes ?? Number.NaN);
  }

  onClose(code: number | undefined): void {
    this.heard.push(`closed ${code}`);
  }

  get numbers(): number[] {
    return this.messages.map(({ number }) => number);
  }

  /** How often it heard that the connection is over, and whether that was the last that it heard. */
  get ending(): { readonly count: number; readonly isLast: boolean } {
    const count = this.heard.filter((what) => what.startsWith("closed")).length;
    return { count, isLast: this.heard.at(-1)?.startsWith("closed") === true };
  }

  send(number: number, length = 4): void {
    this.connection?.send(messageOf(number, length));
  }
}

/** `[u32 number][its lowest byte, again and again]`: what is cut, mixed or run together shows. */
function messageOf(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(4, length)).fill(number & 0xff);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return bytes.length < 4 ? Number.NaN : new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
}

function isWhole(bytes: Uint8Array): boolean {
  const filling = numberOf(bytes) & 0xff;
  return bytes.subarray(4).every((byte) => byte === filling);
}
