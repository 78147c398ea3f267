import type { World } from "./world.ts";

const NOTHING = {
  relayCount: 0,
  offsets: [0],
  relayOffsets: [0],
  stepBack: 0,
  touches: 0,
  hasEnd: false,
  hasOldCopy: false,
  hasRestart: false,
  grace: 0,
  strayTouch: 0,
};
/** Longer than any of these worlds lasts. */
const NEVER = 1_000;

/**
 * Small worlds, since one with everything in it has more states than memory has room. ε is one tick. Deadlines lie near the birth, and the
 * end of time behind the last instant at which anybody may forget anything.
 */
export function worldsFor(nodeCount: number): readonly World[] {
  return [
    {
      ...NOTHING,
      name: "logout",
      about: "a logout, restarts, an old disk, a join barrier of two relays; every clock is off by ε, either way",
      nodeCount,
      relayCount: 2,
      horizon: 6,
      deadline: 2,
      idleTimeout: NEVER,
      offsets: [-1, 1],
      relayOffsets: [-1, 1],
      hasEnd: true,
      hasOldCopy: true,
      hasRestart: true,
    },
    {
      ...NOTHING,
      name: "set-back",
      about: "a logout and an old disk, one relay; besides being off, one clock is set back by ε",
      nodeCount,
      relayCount: 1,
      horizon: 7,
      deadline: 2,
      idleTimeout: NEVER,
      offsets: [-1, 0, 1],
      relayOffsets: [-1, 1],
      stepBack: 1,
      hasEnd: true,
      hasOldCopy: true,
    },
    {
      ...NOTHING,
      name: "jump",
      about: "a logout; one clock jumps back by 5ε",
      nodeCount,
      horizon: 9,
      deadline: 2,
      idleTimeout: NEVER,
      stepBack: 5,
      hasEnd: true,
      hasRestart: true,
    },
    {
      ...NOTHING,
      name: "idle",
      about: "three uses, a logout, and whoever comes too late is told so; clocks differ by up to ε",
      nodeCount,
      horizon: 9,
      deadline: 20,
      idleTimeout: 3,
      offsets: [0, 1],
      touches: 3,
      hasEnd: true,
    },
    {
      ...NOTHING,
      name: "rotation",
      about: "the id is rotated with a grace; restarts and an old disk, one relay; clocks differ by up to ε",
      nodeCount,
      relayCount: 1,
      horizon: 8,
      deadline: 4,
      idleTimeout: 3,
      offsets: [0, 1],
      relayOffsets: [1],
      hasOldCopy: true,
      hasRestart: true,
      grace: 1,
    },
    {
      ...NOTHING,
      name: "stray-touch",
      about: "a touch from a clock that is far ahead goes round",
      nodeCount,
      horizon: 9,
      deadline: 20,
      idleTimeout: 3,
      offsets: [0, 1],
      touches: 1,
      strayTouch: 12,
    },
  ];
}
