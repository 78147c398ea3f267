import type { Runtime } from "../../src/engine/runtime.ts";
import { sha256 } from "../support/manual-runtime.ts";
import type { Dice } from "./dice.ts";
import type { Timeline } from "./timeline.ts";

/** When every world begins: a date, since the engine knows no session from before 1970. */
export const EPOCH_MS = 1_700_000_000_000;

/** A computer: its clocks go as they like, it can stand still, and one process runs on it at a time. */
export class Machine {
  readonly name: string;
  readonly timeline: Timeline;
  readonly dice: Dice;
  /** How far its wall clock is off while nothing is wrong with it; and how far it is off now. */
  skewMs: number;
  wallOffsetMs: number;
  /** How much faster than true time its clocks run: 0.0001 is 100 ppm. */
  readonly drift: number;
  #isSuspended = false;
  readonly #late: (() => void)[] = [];
  #lives = 0;

  constructor(name: string, timeline: Timeline, dice: Dice, skewMsMax = 0) {
    this.name = name;
    this.timeline = timeline;
    this.dice = dice.for(name);
    this.drift = this.dice.between(-0.0001, 0.0001);
    this.skewMs = this.dice.between(-skewMsMax, skewMsMax);
    this.wallOffsetMs = this.skewMs;
  }

  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Its wall clock jumped, and is not back. */
  get isWrong(): boolean {
    return this.wallOffsetMs !== this.skewMs;
  }

  monotonicMs(): number {
    return this.timeline.nowMs * (1 + this.drift);
  }

  wallMs(): number {
    return EPOCH_MS + this.monotonicMs() + this.wallOffsetMs;
  }

  /** A process starts. */
  begin(onDeath: () => void): Life {
    this.#lives += 1;
    return new Life(this, this.dice.for(`life ${this.#lives}`), onDeath);
  }

  /** Everything on it stands still (SIGSTOP, a hypervisor): what comes meanwhile comes afterwards, in the same order. */
  suspend(): void {
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
    for (const run of this.#late.splice(0)) this.timeline.after(0, () => this.attempt(run));
  }

  /** Runs it now, or when the machine goes on. */
  attempt(run: () => void): void {
    if (this.#isSuspended) this.#late.push(run);
    else run();
  }
}

/** One process, from its start to its end. Whatever of it is still under way when it is dead reaches nobody. */
export class Life implements Runtime {
  readonly machine: Machine;
  /** Never resolves: rejects when the process dies. */
  readonly died: Promise<never>;
  readonly #dice: Dice;
  readonly #onDeath: () => void;
  #isAlive = true;
  #fuse = Infinity;
  #fail: (error: Error) => void = () => undefined;

  constructor(machine: Machine, dice: Dice, onDeath: () => void) {
    this.machine = machine;
    this.#dice = dice;
    this.#onDeath = onDeath;
    this.died = new Promise((_resolve, reject) => (this.#fail = reject));
    this.died.catch(() => undefined);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** It dies in the middle of what it does: at the `count`th frame or append from now. */
  lightFuse(count: number): void {
    this.#fuse = count;
  }

  /** It is about to do something that others could notice. False: it just died. */
  act(): boolean {
    if (this.#isAlive && --this.#fuse <= 0) this.die();
    return this.#isAlive;
  }

  die(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#onDeath();
    this.#fail(new ProcessDied());
  }

  /** Runs after `delayMs` of true time, if the process still lives, and its machine does not stand still. */
  after(delayMs: number, run: () => void): () => void {
    return this.machine.timeline.after(delayMs, () =>
      this.machine.attempt(() => {
        if (this.#isAlive) run();
      }),
    );
  }

  /** Resolves after `delayMs` of true time; never, if the process is dead by then. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.after(delayMs, resolve));
  }

  nowMs(): number {
    return this.machine.wallMs();
  }

  monotonicMs(): number {
    return this.machine.monotonicMs();
  }

  setTimer(delayMs: number, run: () => void): () => void {
    if (!(delayMs >= 0 && delayMs <= 24 * 60 * 60 * 1000)) throw new Error("a timer waits 0 to 24 h");
    let isArmed = this.#isAlive;
    if (!isArmed) return () => undefined;
    const cancel = this.after(delayMs / (1 + this.machine.drift), () => {
      if (isArmed) run();
    });
    return () => {
      isArmed = false;
      cancel();
    };
  }

  randomBytes(byteCount: number): Uint8Array {
    return this.#dice.bytes(byteCount);
  }

  sha256(data: Uint8Array | string): Uint8Array {
    return sha256(data);
  }
}

/** What a client sees of a process that died under its request. */
export class ProcessDied extends Error {
  constructor() {
    super("the process died");
  }
}
