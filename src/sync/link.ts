import type { Runtime } from "../engine/index.ts";
import type { Credentials } from "./credentials.ts";
import type { SyncCounters, SyncLog } from "./counters.ts";
import { FrameSocket } from "./frame-socket.ts";
import { DialerGreeting, type KnownRelay } from "./greeting.ts";
import { linkDeadline, nextLink, retryDelay, type LinkEvent, type LinkState } from "./link-state.ts";
import { NONCE_BYTES } from "./messages/challenge.ts";
import { CLOSE_CODES, type CloseReason } from "./messages/close-codes.ts";
import type { Dialer } from "./messages/hello.ts";
import type { Frame } from "./messages/index.ts";
import { encodePing } from "./messages/ping.ts";
import { encodePong, type Pong } from "./messages/pong.ts";
import type { Dial } from "./transport.ts";

export interface LinkOptions {
  readonly runtime: Runtime;
  readonly dial: Dial;
  /** `ws://` or `wss://`. */
  readonly address: string;
  readonly credentials: Credentials;
  /** This process, as it says in its hello. */
  readonly dialer: Dialer;
  readonly counters: SyncCounters;
  readonly log: SyncLog;
  /** The relay is known and listens. Frames may be sent from here on, and from within. */
  readonly onUp: (relay: KnownRelay) => void;
  /** A frame after the greeting, heartbeats excepted. */
  readonly onFrame: (frame: Frame, bytes: Uint8Array) => void;
  /** Frames were dropped because too much was queued, and now the relay has read nearly all of it. */
  readonly onCaughtUp: () => void;
  /** What this process says in its pings and answers others' with: its wall clock, milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** What the relay's clock said, and how long asking took. */
  readonly onPong?: ((theirMs: number, rttMs: number, hasToldAll: boolean) => void) | undefined;
  /** For what is answered to the other's pings, see `Pong`. Default: nobody wants to know. */
  readonly hasToldAll?: (() => boolean) | undefined;
  /** It was up and is not any more. */
  readonly onDown: () => void;
  /** The address turned out to be this process's own. It is not dialed again. */
  readonly onItself?: () => void;
  /** The first dial is over, one way or the other. Once. */
  readonly onSettled: () => void;
}

/**
 * The connection to one relay, dialed again for as long as it is not closed. Carries out what `link-state.ts` decides. Its timers do
 * not keep the process alive.
 */
export class Link {
  readonly #options: LinkOptions;
  #state: LinkState = { kind: "idle" };
  #socket: FrameSocket | undefined;
  #stopTimer: () => void = () => undefined;
  #failureCount = 0;
  #pingCount = 0;
  #pingedAtMs = 0;
  /** 0: no ping of this connection was answered. */
  #rttMs = 0;
  #lastLogged: string | undefined;
  #isSettled = false;
  #relay: KnownRelay | undefined;
  #onSocketGone: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#state.kind === "up" && this.#socket?.isOpen === true;
  }

  /** True until the first dial succeeded or failed. */
  get isFirstDial(): boolean {
    return !this.#isSettled;
  }

  dial(): void {
    this.#step({ kind: "dial" });
  }

  /** False: the frame was dropped, for the link is not up or its queue is full. */
  send(frame: Uint8Array): boolean {
    return this.isUp && this.#socket?.send(frame) === true;
  }

  /** As `send`, for what is small and must not be dropped with the rest. */
  sendControl(frame: Uint8Array): void {
    if (this.isUp) this.#socket?.sendControl(frame);
  }

  /** See `FrameSocket.drained`. */
  drained(): Promise<void> {
    return this.#socket?.drained() ?? Promise.resolve();
  }

  /** Ends this connection; another one follows. */
  drop(reason: CloseReason): void {
    this.#socket?.end(reason);
  }

  /** Resolves when the socket is gone. Sends what is queued first, as far as the relay takes it within a second. */
  close(): Promise<void> {
    const socket = this.#socket;
    const gone = socket === undefined ? Promise.resolve() : new Promise<void>((resolve) => (this.#onSocketGone = resolve));
    this.#step({ kind: "close" });
    return gone;
  }

  #step(event: LinkEvent): void {
    const before = this.#state;
    const delayMs = (): number => retryDelay(this.#failureCount, this.#random());
    const after = nextLink(before, event, this.#options.runtime.monotonicMs(), delayMs);
    if (after === before) return this.#arm();
    this.#state = after;
    if (after.kind === "dialing") this.#open();
    if (after.kind === "up" && before.kind === "up" && event.kind === "tick") this.#ping();
    if (after.kind === "waiting" || after.kind === "closed") this.#drop(before, event);
    if (after.kind === "up" && before.kind !== "up") {
      this.#failureCount = 0;
      this.#lastLogged = undefined;
      this.#settle();
      if (this.#relay !== undefined) this.#options.onUp(this.#relay);
      this.#rttMs = 0;
      this.#ping();
    }
    if (event.kind !== "heard") this.#arm();
  }

  /** One timer for the next deadline. What is heard only moves deadlines back, so the timer may come early and is then set again. */
  #arm(): void {
    const { runtime } = this.#options;
    this.#stopTimer();
    const deadlineMs = linkDeadline(this.#state);
    if (deadlineMs === undefined) return;
    this.#stopTimer = runtime.setTimer(Math.max(1, Math.ceil(deadlineMs - runtime.monotonicMs())), () => this.#step({ kind: "tick" }));
  }

  #open(): void {
    const { runtime, dial, address, credentials, dialer, counters, log } = this.#options;
    const greeting = new DialerGreeting(credentials, dialer, runtime.randomBytes(NONCE_BYTES));
    // Late events of a socket that was given up must not touch its successor.
    const ifCurrent = (event: LinkEvent): void => {
      if (this.#socket === socket) this.#step(event);
    };
    const socket: FrameSocket = new FrameSocket((listener) => dial(address, listener), {
      counters,
      log,
      onOpen: () => ifCurrent({ kind: "opened" }),
      onFrame: (frame, bytes) => {
        if (this.#socket !== socket) return;
        this.#step({ kind: "heard" });
        if (this.isUp) return this.#receive(frame, bytes);
        const { reply, peer } = greeting.receive(frame);
        if (reply !== undefined) socket.send(reply);
        if (peer !== undefined) {
          this.#relay = peer;
          socket.greeted();
          this.#step({ kind: "greeted" });
        }
      },
      onCaughtUp: () => {
        if (this.#socket === socket && this.isUp) this.#options.onCaughtUp();
      },
      onClosed: (reason) => {
        if (reason === "itself") {
          this.#options.onItself?.();
          ifCurrent({ kind: "close" });
        } else {
          this.#explain(reason);
          ifCurrent({ kind: "lost" });
        }
        this.#gone(socket);
      },
    });
    this.#socket = socket;
  }

  /** In [0, 1). */
  #random(): number {
    const [high = 0, low = 0] = this.#options.runtime.randomBytes(2);
    return (high * 256 + low) / 65_536;
  }

  #receive(frame: Frame, bytes: Uint8Array): void {
    const { nowMs, hasToldAll } = this.#options;
    if (frame.kind === "ping")
      this.#socket?.sendControl(encodePong({ token: frame.token, nowMs: nowMs(), hasToldAll: hasToldAll?.() ?? true }));
    else if (frame.kind === "pong") this.#ponged(frame);
    else this.#options.onFrame(frame, bytes);
  }

  #ping(): void {
    this.#pingCount += 1;
    this.#pingedAtMs = this.#options.runtime.monotonicMs();
    this.#socket?.sendControl(encodePing({ token: this.#pingCount, nowMs: this.#options.nowMs(), rttMs: this.#rttMs }));
  }

  #ponged({ token, nowMs, hasToldAll }: Pong): void {
    // An older one says nothing of how long it took.
    if (token !== this.#pingCount) return;
    const isFirst = this.#rttMs === 0;
    const rttMs = this.#options.runtime.monotonicMs() - this.#pingedAtMs;
    this.#rttMs = Math.max(1, Math.ceil(rttMs));
    this.#options.onPong?.(nowMs, rttMs, hasToldAll);
    // Now the other side can be told the time, too.
    if (isFirst) this.#ping();
  }

  #drop(before: LinkState, event: LinkEvent): void {
    const socket = this.#socket;
    if (this.#state.kind === "closed") socket?.end("goingAway");
    else {
      this.#failureCount += 1;
      if (event.kind === "tick") this.#explain(before.kind === "up" ? "silent" : "greetingTimeout");
      this.#socket = undefined;
      socket?.cut(before.kind === "up" ? "silent" : "greetingTimeout");
    }
    if (before.kind === "greeting") this.#options.counters.refusedGreetings += 1;
    if (before.kind === "up") this.#options.onDown();
    this.#settle();
  }

  #gone(socket: FrameSocket): void {
    if (this.#socket === socket) this.#socket = undefined;
    if (this.#state.kind === "closed") this.#onSocketGone?.();
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#options.onSettled();
  }

  /** Each reason once in a row: a relay that is away for a night is one line, not ten thousand. */
  #explain(reason: CloseReason | undefined): void {
    if (this.#state.kind === "closed") return;
    const line = reason === undefined ? "not reachable" : `${CLOSE_CODES[reason]} ${reason}`;
    if (line === this.#lastLogged) return;
    this.#lastLogged = line;
    this.#options.log(`relay ${this.#options.address}: ${line}; dialing again`);
  }
}
