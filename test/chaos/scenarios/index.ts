import { KILLED_NODE, KILLED_RELAY } from "./kills.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIOS: readonly Scenario[] = [KILLED_NODE, KILLED_RELAY];
