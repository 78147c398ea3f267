import type { Dice } from "../simulation/dice.ts";

/** One decoder, or one way in, with what makes inputs for it and what must hold of whatever it says. */
export interface Target {
  readonly name: TargetName;
  /** For an input that depends on the dice alone. */
  input(dice: Dice): Uint8Array;
  /**
   * Hands an input over, as the product would get it: true where it was taken, false where it was refused as it should be. This is what is timed.
   * Any error that it lets through is a crash. Begins in the same state each time.
   */
  take(input: Uint8Array): boolean | Promise<boolean>;
  /** Whether what was taken is sound, and what was refused changed nothing; then puts everything back. @throws Inconsistent */
  check?(input: Uint8Array, isTaken: boolean): void | Promise<void>;
  /** Puts away what it made outside of memory. */
  close?(): void | Promise<void>;
}

/** What is fuzzed, and which part of a run's inputs each gets: by how much there is to find, and by what an input costs. */
export const TARGET_SHARES = {
  /** Wire frames of all kinds: src/sync/messages, `decodeFrame`. */
  frame: 52,
  /** A commit of a peer, on its way into a live session of an engine. */
  change: 10,
  /** A session whole, of a peer, on its way into an engine that holds it, held it, or does not know it. */
  state: 8,
  /** Frames to a relay, after the greeting and before. */
  relay: 1,
  /** Rows, the elements of a document. */
  row: 30,
  /** Values inside rows. */
  value: 30,
  /** Records, envelopes and changes as they are stored and sent. */
  record: 30,
  /** Entries of the store on disk: checksum, record and document. */
  entry: 10,
  /** The file of the store on disk, before LMDB follows it. */
  file: 5,
  /** What a relay's data folder says of itself (relay.json). */
  identity: 1,
  /** Session cookies, and ids inside them. */
  cookie: 8,
  /** Version tokens: companions of the cookie, and the header Session-Seen. */
  seen: 8,
  /** The relay's config file, TOML and JSON, and its settings. */
  config: 7,
} as const;

export type TargetName = keyof typeof TARGET_SHARES;

/** Something that was taken is not what it should be, or something that was refused left a trace. */
export class Inconsistent extends Error {
  override readonly name = "Inconsistent";
}

export function isTargetName(name: string): name is TargetName {
  return Object.hasOwn(TARGET_SHARES, name);
}

/** How many of `count` inputs each of these targets gets: at least one. */
export function sharesOf(names: readonly TargetName[], count: number): ReadonlyMap<TargetName, number> {
  const total = names.reduce((sum, name) => sum + TARGET_SHARES[name], 0);
  return new Map(names.map((name) => [name, Math.max(1, Math.ceil((count * TARGET_SHARES[name]) / total))]));
}
