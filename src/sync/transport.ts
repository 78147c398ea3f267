/**
 * A stream of whole messages between two processes. Everything in this folder is written against it; `websocket-transport.ts` is the one
 * that ships, the simulator (test/simulation) has one of its own with delay, loss and partitions.
 * - TR1 messages arrive whole, in the order in which they were sent, each at most once; a message may be lost only together with every later one.
 * - TR2 `send` hands over in the same tick (on a relay: the same turn of the event loop, after what arrived was read), and never throws; on a connection that is not open it does nothing.
 * - TR3 `onClose` comes exactly once, whoever ended it; nothing comes after it, and no message comes after `close` or `cut` was called here.
 * - TR4 `queuedBytes` is what the peer's machine has not taken yet; `onDrain` comes whenever it shrank.
 */
export interface Connection {
  readonly isOpen: boolean;
  readonly queuedBytes: number;
  send(bytes: Uint8Array): void;
  /** Stops reading for a while; the peer's queue grows meanwhile. */
  pause(): void;
  resume(): void;
  /** Says why with a WebSocket close code, lets go of what is queued first, and cuts off a peer that does not answer within a second. */
  close(code: number): void;
  /** Ends at once, without a word. */
  cut(): void;
}

/** Who uses a connection. Nothing of it is called from within the call that makes the connection. */
export interface ConnectionListener {
  /** Only where this side dialed. */
  onOpen(): void;
  /** Undefined for a message that is not binary. The bytes are the listener's. */
  onMessage(bytes: Uint8Array | undefined): void;
  onDrain(): void;
  /** `code`: what the peer said, where it said anything. */
  onClose(code: number | undefined): void;
}

/** Dials `address`; the connection may open later, or close without ever having been open. */
export type Dial = (address: string, listener: ConnectionListener) => Connection;

/** One connection that somebody else dialed, open already. Called once. */
export type Accept = (listener: ConnectionListener) => Connection;
