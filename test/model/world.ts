/** What there is in one exhaustive search, and what may happen in it: everything that can be told in these bounds is tried. Times in ticks. */
export interface World {
  readonly name: string;
  /** What it is about, in a few words. */
  readonly about: string;
  readonly nodeCount: number;
  /** Replicas that are asked, and never serve. They keep what they were told. */
  readonly relayCount: number;
  /** Until when time goes on. The session is born at 0. */
  readonly horizon: number;
  readonly deadline: number;
  readonly idleTimeout: number;
  /** How far the clock of a node may be from the true time. */
  readonly offsets: readonly number[];
  readonly relayOffsets: readonly number[];
  /** One clock may be set back by so much, once. */
  readonly stepBack: number;
  /** Requests that count as a use. */
  readonly touches: number;
  /** Somebody may log out. */
  readonly hasEnd: boolean;
  /** The disk of one node may be replaced by a copy from when the session was born. */
  readonly hasOldCopy: boolean;
  /** A node may stop and start again. */
  readonly hasRestart: boolean;
  /** The id may be rotated, with this grace; 0: not. */
  readonly grace: number;
  /** A touch dated at this time, from a clock that is wrong, goes round from the beginning; 0: none. */
  readonly strayTouch: number;
}
