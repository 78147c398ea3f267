import { CLOCK_AHEAD, CLOCK_BEHIND } from "./clocks.ts";
import { CUT, ONE_WAY_CUT, RESET } from "./cuts.ts";
import { EMPTY_DISK, OLD_DISK } from "./disks.ts";
import { BROKEN_LINES, SLOW_LINES, SPLIT } from "./lines.ts";
import { KILLED_NODE, KILLED_RELAY, ROLLING_RESTART, STOPPED_NODE, STOPPED_RELAY } from "./processes.ts";
import type { Scenario } from "./scenario.ts";
import { STALLED_NODE, STALLED_RELAY } from "./stalls.ts";
import { CUT_THEN_KILL_TRIALS, KILL_TRIALS } from "./trials.ts";

export const SCENARIOS: readonly Scenario[] = [
  KILLED_NODE,
  KILLED_RELAY,
  STOPPED_NODE,
  STOPPED_RELAY,
  CUT,
  ONE_WAY_CUT,
  RESET,
  SPLIT,
  SLOW_LINES,
  BROKEN_LINES,
  CLOCK_AHEAD,
  CLOCK_BEHIND,
  OLD_DISK,
  EMPTY_DISK,
  STALLED_NODE,
  STALLED_RELAY,
  ROLLING_RESTART,
  KILL_TRIALS,
  CUT_THEN_KILL_TRIALS,
];
