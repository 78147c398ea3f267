import { newCounters } from "../../src/sync/counters.ts";
import { credentialsOf } from "../../src/sync/credentials.ts";
import { decodeFrame, type Frame } from "../../src/sync/messages/index.ts";
import { RelayCore } from "../../src/sync/relay-core.ts";
import { replicatorOptions, type RelaysOptions } from "../../src/sync/relays.ts";
import { Replicator } from "../../src/sync/replicator.ts";
import type { Connection, ConnectionListener, Dial } from "../../src/sync/transport.ts";
import { ManualRuntime, settle } from "./manual-runtime.ts";
import { TEST_SECRET } from "./relay-holder.ts";
import { SetReplica } from "./set-replica.ts";

type Direction = "up" | "down";

/** One end of a connection in this process: what is sent arrives in a later microtask, unless the test holds it or loses it. */
class WireEnd implements Connection {
  isOpen = false;
  queuedBytes = 0;
  readonly #wire: Wire;
  readonly #direction: Direction;
  readonly #listener: ConnectionListener;
  readonly #queue: Uint8Array[] = [];
  peer: WireEnd | undefined;
  #isPumping = false;

  constructor(wire: Wire, direction: Direction, listener: ConnectionListener) {
    this.#wire = wire;
    this.#direction = direction;
    this.#listener = listener;
  }

  opened(): void {
    this.isOpen = true;
    this.#listener.onOpen();
  }

  send(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.queuedBytes += bytes.length;
    this.#queue.push(bytes);
    this.pump();
  }

  pump(): void {
    if (this.#isPumping || this.#wire.held.has(this.#direction)) return;
    this.#isPumping = true;
    void Promise.resolve().then(() => {
      this.#isPumping = false;
      while (this.#queue.length > 0 && !this.#wire.held.has(this.#direction)) {
        const bytes = this.#queue.shift() ?? new Uint8Array();
        this.queuedBytes -= bytes.length;
        if (!this.#wire.loses(this.#direction, bytes)) this.peer?.receive(bytes);
      }
      if (this.isOpen) this.#listener.onDrain();
    });
  }

  receive(bytes: Uint8Array): void {
    if (this.isOpen) this.#listener.onMessage(bytes);
  }

  pause(): void {}

  resume(): void {}

  close(code: number): void {
    void Promise.resolve().then(() => this.#gone(code));
  }

  cut(): void {
    this.#gone(undefined);
  }

  #gone(code: number | undefined): void {
    if (!this.isOpen) return;
    for (const end of [this, this.peer]) {
      if (end === undefined) continue;
      end.isOpen = false;
      void Promise.resolve().then(() => end.#listener.onClose(code));
    }
  }
}

/** A relay and its nodes in this process, by a clock that the test moves, over a wire that loses and holds what the test says. */
export class Wire {
  readonly runtime = new ManualRuntime();
  readonly replica = new SetReplica();
  readonly core: RelayCore;
  readonly counters = newCounters();
  /** Directions in which nothing arrives; it waits. */
  readonly held = new Set<Direction>();
  /** What arrived or was lost, since `clear`. */
  readonly frames: { readonly direction: Direction; readonly frame: Frame; readonly byteCount: number }[] = [];
  isReachable = true;
  #lose: ((frame: Frame, direction: Direction) => boolean) | undefined;
  readonly #ends: WireEnd[] = [];
  readonly #replicators: Replicator[] = [];

  constructor() {
    const { runtime, replica, counters } = this;
    this.core = new RelayCore({ runtime, replica, counters, credentials: credentialsOf({ secret: TEST_SECRET }), log: () => undefined });
  }

  /** Started; connected once the runtime went on. */
  node(replica: SetReplica, options: Partial<RelaysOptions> = {}): Replicator {
    const replicator = new Replicator({
      ...replicatorOptions(["ws://relay"], { secret: TEST_SECRET, alone: "serve", ...options }),
      runtime: this.runtime,
      clockErrorMs: 2_000,
      emit: () => undefined,
      dial: this.#dial,
    });
    this.#replicators.push(replicator);
    replicator.start(replica);
    return replicator;
  }

  /** Loses the next frame of which `isLost` is true. */
  loseNext(isLost: (frame: Frame, direction: Direction) => boolean): void {
    this.#lose = isLost;
  }

  loses(direction: Direction, bytes: Uint8Array): boolean {
    const frame = decodeFrame(bytes);
    this.frames.push({ direction, frame, byteCount: bytes.length });
    if (this.#lose?.(frame, direction) !== true) return false;
    this.#lose = undefined;
    return true;
  }

  release(direction: Direction): void {
    this.held.delete(direction);
    for (const end of this.#ends) end.pump();
  }

  /** As a cable that is pulled. */
  cut(): void {
    for (const end of this.#ends.splice(0)) end.cut();
  }

  /** Moves the clock in small steps, and lets everything happen that follows. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    await settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.runtime.advance(Math.min(stepMs, ms - passed));
      await settle();
    }
  }

  kinds(direction: Direction): string[] {
    return this.frames.filter((each) => each.direction === direction).map(({ frame }) => frame.kind);
  }

  async close(): Promise<void> {
    const closed = this.#replicators.map((replicator) => replicator.close());
    await this.pass(10);
    await Promise.all(closed);
    await this.core.close();
    await this.pass(10);
  }

  readonly #dial: Dial = (_address, listener) => {
    const up = new WireEnd(this, "up", listener);
    this.#ends.push(up);
    void Promise.resolve().then(() => {
      if (!this.isReachable) return listener.onClose(undefined);
      this.core.accept(
        (accepted) => {
          const down = new WireEnd(this, "down", accepted);
          this.#ends.push(down);
          [up.peer, down.peer] = [down, up];
          down.isOpen = true;
          return down;
        },
        () => undefined,
      );
      up.opened();
    });
    return up;
  };
}
