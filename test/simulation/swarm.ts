import type { Dice } from "./dice.ts";
import type { Troubles, TroubleKind } from "./troubles.ts";
import type { Mix } from "./workload.ts";
import type { WorldOptions } from "./world.ts";

/**
 * How often each happens where it happens at all. Nothing is lost, doubled or swapped inside a connection by any transport that we ship
 * (TR1, TR2): `wildFrames` is for who asks for it.
 */
const ALL_TROUBLES: Troubles = {
  cut: 5,
  oneWayCut: 4,
  partition: 3,
  ring: 2,
  reset: 6,
  slow: 4,
  stall: 3,
  suspend: 4,
  crashNode: 4,
  crashRelay: 4,
  stop: 3,
  deploy: 3,
  slowDisk: 2,
  brokenDisk: 1,
  tornTail: 2,
  oldCopy: 2,
  clockJump: 2,
  clockSkew: 2,
  compact: 5,
  wildFrames: 0,
};

/** Most requests read, as those of any application do. */
const USUAL: Mix = {
  create: 9,
  write: 24,
  read: 50,
  end: 4,
  regenerate: 2,
  rotate: 3,
  login: 3,
  revoke: 1,
  claim: 3,
  once: 2,
  page: 6,
};

/** Kinds of trouble that a world has for certain, so that at least three strike. */
const ALWAYS_COUNT = 5;
/** Of all others, those that a world has. */
const KIND_CHANCE = 0.45;
const NEED_DISKS: ReadonlySet<string> = new Set<TroubleKind>(["slowDisk", "brokenDisk", "tornTail", "oldCopy"]);
/** Without these nothing would be proven. */
const NEEDED: ReadonlySet<string> = new Set<keyof Mix>(["create", "write", "read"]);

/**
 * What one seed is about (swarm testing: worlds in which everything happens hide what needs much of one thing and nothing of another): some
 * troubles and some requests never happen in it, the others as often as chance says.
 */
export function drawTroubles(dice: Dice, { nodeDisks, relayDisks }: Pick<WorldOptions, "nodeDisks" | "relayDisks">): Troubles {
  const possible = (Object.keys(ALL_TROUBLES) as TroubleKind[]).filter(
    (kind) => ALL_TROUBLES[kind] > 0 && (nodeDisks || relayDisks || !NEED_DISKS.has(kind)),
  );
  const drawn = new Set(possible.filter(() => dice.chance(KIND_CHANCE)));
  while (drawn.size < ALWAYS_COUNT) drawn.add(dice.pick(possible));
  return weights(ALL_TROUBLES, dice, (kind) => drawn.has(kind));
}

export function drawMix(dice: Dice): Mix {
  return weights(USUAL, dice, (kind) => NEEDED.has(kind) || dice.chance(0.7));
}

/** A quarter to four times as often as usual. */
function weights<Weights extends object>(usual: Weights, dice: Dice, has: (name: keyof Weights) => boolean): Weights {
  const entries = Object.entries(usual) as [keyof Weights, number][];
  return Object.fromEntries(entries.map(([name, weight]) => [name, has(name) ? weight * 4 ** dice.between(-1, 1) : 0])) as Weights;
}
