import { NONE } from "./envelopes.ts";

/** One process and its disk. */
export interface Replica {
  /** What it holds in memory: the number of an envelope. */
  holds: number;
  /** What its disk has. */
  store: number;
  /** Of its clock against the true time, in ticks. */
  offset: number;
  /** By how much its clock is ahead of that, since it never goes back. */
  lag: number;
  /** It ever held that the session is over, and its disk was not replaced since. */
  knew: boolean;
}

/** The first word of the replicas. */
export const REPLICA_WORD = 2;
const OFFSET_BIAS = 8;

/** A state, unpacked; one is used again and again. */
export class Scene {
  time = 0;
  /** Envelopes that were ever sent, as bits. */
  sent = 0;
  /** True time of the last use. */
  usedAt = 0;
  /** The last use that the browser was told of, by the clock of the node; 0: none. */
  stamp = 0;
  uses = 0;
  wasEnded = false;
  wasRestored = false;
  wasRotated = false;
  wasSetBack = false;
  readonly replicas: readonly Replica[];

  constructor(replicaCount: number) {
    this.replicas = Array.from({ length: replicaCount }, () => ({ holds: NONE, store: NONE, offset: 0, lag: 0, knew: false }));
  }

  clock({ offset, lag }: Replica): number {
    return this.time + offset + lag;
  }

  clear(): void {
    this.#read(0, 0);
    for (const replica of this.replicas) readReplica(OFFSET_BIAS << 10, replica);
  }

  /** All but the replicas. */
  readRest(state: Int32Array): void {
    this.#read(state[0] as number, state[1] as number);
  }

  #read(word: number, sent: number): void {
    this.time = word & 31;
    this.usedAt = (word >> 5) & 31;
    this.stamp = (word >> 10) & 31;
    this.uses = (word >> 15) & 7;
    this.wasEnded = (word & (1 << 18)) !== 0;
    this.wasRestored = (word & (1 << 19)) !== 0;
    this.wasRotated = (word & (1 << 20)) !== 0;
    this.wasSetBack = (word & (1 << 21)) !== 0;
    this.sent = sent;
  }
}

export function readScene(state: Int32Array, scene: Scene): void {
  scene.readRest(state);
  for (let index = 0; index < scene.replicas.length; index++)
    readReplica(state[REPLICA_WORD + index] as number, scene.replicas[index] as Replica);
}

export function writeScene(scene: Scene, state: Int32Array): void {
  const flags =
    (Number(scene.wasEnded) << 18) |
    (Number(scene.wasRestored) << 19) |
    (Number(scene.wasRotated) << 20) |
    (Number(scene.wasSetBack) << 21);
  state[0] = scene.time | (scene.usedAt << 5) | (scene.stamp << 10) | (scene.uses << 15) | flags;
  state[1] = scene.sent;
  for (let index = 0; index < scene.replicas.length; index++) {
    const { holds, store, offset, lag, knew } = scene.replicas[index] as Replica;
    state[REPLICA_WORD + index] = holds | (store << 5) | ((offset + OFFSET_BIAS) << 10) | (lag << 14) | (Number(knew) << 17);
  }
}

export function readReplica(word: number, replica: Replica): void {
  replica.holds = word & 31;
  replica.store = (word >> 5) & 31;
  replica.offset = ((word >> 10) & 15) - OFFSET_BIAS;
  replica.lag = (word >> 14) & 7;
  replica.knew = (word & (1 << 17)) !== 0;
}
