import { EngineClock } from "../../src/engine/hybrid-clock.ts";
import { DriftingRuntime } from "./drifting-runtime.ts";
import { seededRandom } from "./manual-runtime.ts";

const PING_MS = 2_000;
const NODE_COUNT = 3;

export interface MachineOptions {
  /** How wrong its wall clock is at the start. */
  readonly skewMs?: number;
  readonly wallPpm?: number;
  readonly monotonicPpm?: number;
}

/** A machine of a cluster with the clock of its engine. */
export class ClusterMachine {
  readonly runtime: DriftingRuntime;
  readonly clock: EngineClock;
  readonly isRelay: boolean;
  readonly name: string;
  /** How often the time went back, but for the first exchange. */
  stepsBack = 0;
  faultCount = 0;
  #wasSettled = false;
  #lastMs = 0;

  constructor(name: string, isRelay: boolean, upMs: number, options: MachineOptions) {
    this.name = name;
    this.isRelay = isRelay;
    this.runtime = new DriftingRuntime({ ...options, upMs });
    this.runtime.stepTo(this.runtime.nowMs() + (options.skewMs ?? 0));
    this.clock = new EngineClock(this.runtime, 0, 2_000, () => this.faultCount++);
    this.clock.expectPeers();
  }

  /** What its wall clock says, and what its engine goes by, ahead of true time. */
  get wallAheadMs(): number {
    return this.runtime.nowMs() - this.runtime.trueMs;
  }

  get aheadMs(): number {
    return this.clock.nowMs() - this.runtime.trueMs;
  }

  look(): void {
    const nowMs = this.clock.nowMs();
    if (this.#wasSettled && nowMs < this.#lastMs) this.stepsBack++;
    this.#wasSettled = this.clock.isSettled;
    this.#lastMs = nowMs;
  }
}

interface Message {
  readonly atMs: number;
  readonly run: () => void;
}

/**
 * Three nodes and relays whose links ask each other the time every two seconds, as the sync layer does: nodes and relays know each other,
 * nodes do not. Answers take up to 30 ms each way, now and then a second.
 */
export class ClockCluster {
  readonly machines: readonly ClusterMachine[];
  /** Links that are down, as "a-b". */
  readonly down = new Set<string>();
  readonly #random: () => number;
  readonly #messages: Message[] = [];
  #atMs = 0;

  constructor(seed: number, relayCount: number, options: readonly MachineOptions[]) {
    this.#random = seededRandom(seed);
    this.machines = Array.from({ length: NODE_COUNT + relayCount }, (_, index) => {
      const isRelay = index >= NODE_COUNT;
      const name = isRelay ? `relay${index - NODE_COUNT}` : `node${index}`;
      return new ClusterMachine(name, isRelay, Math.floor(this.#random() * 1e6), options[index] ?? {});
    });
    for (const one of this.machines)
      for (const other of this.machines)
        if (one !== other && (one.isRelay || other.isRelay)) this.#ask(one, other, Math.floor(this.#random() * PING_MS));
  }

  get nodes(): readonly ClusterMachine[] {
    return this.machines.slice(0, NODE_COUNT);
  }

  get relays(): readonly ClusterMachine[] {
    return this.machines.slice(NODE_COUNT);
  }

  cut(one: ClusterMachine, other: ClusterMachine): void {
    this.down.add(linkOf(one, other));
    one.clock.lost(other.name);
    other.clock.lost(one.name);
  }

  heal(): void {
    this.down.clear();
  }

  /** True time passes; everybody looks at the clock once a second. */
  pass(ms: number): void {
    const untilMs = this.#atMs + ms;
    while (this.#atMs < untilMs) {
      this.#passTo(Math.min(untilMs, this.#atMs + 1_000));
      for (const machine of this.machines) machine.look();
    }
  }

  #passTo(untilMs: number): void {
    for (;;) {
      let next: Message | undefined;
      for (const message of this.#messages) if (message.atMs <= untilMs && !(message.atMs >= (next?.atMs ?? Infinity))) next = message;
      if (next === undefined) break;
      this.#messages.splice(this.#messages.indexOf(next), 1);
      this.#advance(next.atMs);
      next.run();
    }
    this.#advance(untilMs);
  }

  #advance(toMs: number): void {
    for (const { runtime } of this.machines) runtime.advance(toMs - this.#atMs);
    this.#atMs = toMs;
  }

  #ask(one: ClusterMachine, other: ClusterMachine, afterMs: number): void {
    const isAgreed = other.isRelay && !one.isRelay;
    this.#after(afterMs, () => {
      this.#ask(one, other, PING_MS);
      const askedAtMs = one.runtime.monotonicMs();
      this.#after(this.#delayMs(), () => {
        const theirMs = isAgreed ? other.clock.agreedMs() : other.clock.ownMs();
        this.#after(this.#delayMs(), () => {
          if (this.down.has(linkOf(one, other))) return;
          one.clock.heard(other.name, theirMs, one.runtime.monotonicMs() - askedAtMs, isAgreed);
        });
      });
    });
  }

  #delayMs(): number {
    return this.#random() < 0.02 ? this.#random() * 1_000 : this.#random() * 30;
  }

  #after(ms: number, run: () => void): void {
    this.#messages.push({ atMs: this.#atMs + ms, run });
  }
}

function linkOf(one: ClusterMachine, other: ClusterMachine): string {
  return [one.name, other.name].sort().join("-");
}
