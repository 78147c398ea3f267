import type { SyncCounters, SyncLog } from "./counters.ts";
import { CLOSE_CODES, closeReasonOf, type CloseReason } from "./messages/close-codes.ts";
import { decodeFrame, FRAME_BYTES_MAX, GREETING_BYTES_MAX, type Frame } from "./messages/index.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Accept, Connection } from "./transport.ts";

/** Bytes that wait for a peer which does not read. What comes then is dropped until the peer has caught up (SEC-52). */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;
/** Room beyond that for heartbeats, acks and digests: they are small, and without them the peer would count as lost. */
const CONTROL_BYTES_MAX = 256 * 1024;
/**
 * Bulk work (a join, a repair) waits while more than this is queued: it never uses up the queue by itself, and what a request waits for is
 * behind it for a few milliseconds at most. And a peer has caught up when no more than this is left.
 */
const QUEUE_BYTES_BUSY = 256 * 1024;

export interface FrameSocketOptions {
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  /** A valid frame; `bytes` is the frame as it came. Throwing a ProtocolError closes the connection with its reason. */
  readonly onFrame: (frame: Frame, bytes: Uint8Array) => void;
  /** Only where this side dialed. */
  readonly onOpen?: () => void;
  /** Frames were dropped because too much was queued, and now the peer has read nearly all of it. */
  readonly onCaughtUp?: () => void;
  /** Once. `reason` as far as it is known: this side's own, or what the peer sent. Nothing comes after it. */
  readonly onClosed: (reason: CloseReason | undefined) => void;
}

/**
 * One connection as a stream of frames, for both sides of a connection. Frames leave in the tick in which they are sent; while they wait
 * for the peer they are counted, and when they become too many those that follow are dropped, until the peer has caught up: finding out
 * then what it lacks costs less than memory without bound. After `end` or a frame that was refused, nothing is delivered any more.
 */
export class FrameSocket {
  readonly #connection: Connection;
  readonly #options: FrameSocketOptions;
  #isGreeted = false;
  #isEnded = false;
  #isClosed = false;
  /** Frames were dropped, and the peer has not caught up yet. */
  #isBehind = false;
  #endedFor: CloseReason | undefined;
  readonly #waiting: (() => void)[] = [];

  /** `connect` dials, or takes over what somebody else dialed. */
  constructor(connect: Accept, options: FrameSocketOptions) {
    this.#options = options;
    this.#connection = connect({
      onOpen: () => options.onOpen?.(),
      onMessage: (bytes) => this.#receive(bytes),
      onDrain: () => {
        if (!this.isBusy) this.#drained();
      },
      onClose: (code) => this.#closed(code === undefined ? undefined : closeReasonOf(code)),
    });
  }

  get isOpen(): boolean {
    return !this.#isEnded && this.#connection.isOpen;
  }

  /** More is queued than bulk work may add to. */
  get isBusy(): boolean {
    return this.#connection.queuedBytes > QUEUE_BYTES_BUSY;
  }

  /** The peer showed that it knows the secret: from here on its frames may be large. */
  greeted(): void {
    this.#isGreeted = true;
  }

  /** Hands a frame to the operating system, or to the queue while the peer is slow. False: it was dropped. */
  send(frame: Uint8Array): boolean {
    if (!this.isOpen) return false;
    if (frame.length > FRAME_BYTES_MAX) {
      // The peer would close for it, and the reconnect would send it again, for ever.
      this.#options.counters.oversizeFrames += 1;
      this.#options.log("a session is too large to be sent (over 1 MiB): lower limits.sessionBytes");
      return false;
    }
    if (this.#isBehind) return false;
    if (this.#connection.queuedBytes + frame.length > QUEUE_BYTES_MAX) {
      this.#options.counters.queueOverflows += 1;
      // What follows would build on what is missing: nothing more until the peer has caught up.
      this.#isBehind = true;
      return false;
    }
    this.#connection.send(frame);
    return true;
  }

  /** As `send`, for heartbeats, acks and digests. */
  sendControl(frame: Uint8Array): void {
    if (this.isOpen && this.#connection.queuedBytes + frame.length <= QUEUE_BYTES_MAX + CONTROL_BYTES_MAX) this.#connection.send(frame);
  }

  /** Resolves when bulk work may go on, or the connection is over. */
  drained(): Promise<void> {
    if (!this.isOpen || !this.isBusy) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops reading for a while; TCP holds the peer back. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Says why, lets go of what is queued first, and cuts off a peer that does not answer. Idempotent. */
  end(reason: CloseReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#endedFor = reason;
    this.#connection.close(CLOSE_CODES[reason]);
    this.#release();
  }

  /** Ends at once, without a word. */
  cut(reason: CloseReason): void {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#endedFor = reason;
    }
    this.#connection.cut();
    this.#release();
  }

  #receive(bytes: Uint8Array | undefined): void {
    if (this.#isEnded) return;
    try {
      if (bytes === undefined) throw new ProtocolError("malformed", "a text frame came; this protocol has none");
      if (!this.#isGreeted && bytes.length > GREETING_BYTES_MAX)
        throw new ProtocolError("malformed", "a frame came that is too large for the greeting");
      this.#options.onFrame(decodeFrame(bytes), bytes);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const { counters, log } = this.#options;
    const reason = error instanceof ProtocolError ? error.reason : "internalError";
    if (reason === "malformed") counters.malformedFrames += 1;
    // A relay that is configured with all relays, say; nothing is wrong.
    if (reason !== "itself")
      log(`connection closed (${CLOSE_CODES[reason]} ${reason}): ${error instanceof Error ? error.message : "unknown failure"}`);
    this.end(reason);
  }

  #closed(reason: CloseReason | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isEnded = true;
    this.#release();
    this.#options.onClosed(this.#endedFor ?? reason);
  }

  #drained(): void {
    this.#release();
    if (!this.#isBehind || !this.isOpen) return;
    this.#isBehind = false;
    this.#options.onCaughtUp?.();
  }

  #release(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
