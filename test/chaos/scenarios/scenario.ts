import type { Random } from "../cluster/random.ts";

export interface ScenarioContext {
  readonly random: Random;
  readonly seed: number;
  /** Shorter waits, fewer trials: what CI has time for. */
  readonly isQuick: boolean;
  readonly log: (line: string) => void;
}

/** What a scenario found. It passed where there are no violations. */
export interface ScenarioResult {
  readonly violations: readonly string[];
  /** How much was done and looked at: a zero elsewhere means something only beside these. */
  readonly counts: Readonly<Record<string, number>>;
  /** Write on one node to readable on all others, without a fault near. */
  readonly convergenceMs: readonly number[];
  /** For each session: from heal until all nodes showed the same. */
  readonly healMs: readonly number[];
}

export interface Scenario {
  readonly name: string;
  /** What happens, in a few words. */
  readonly what: string;
  /** Programs of the system, besides those of every Debian. */
  readonly tools: readonly ("nft" | "faketime")[];
  /** Runs in CI. */
  readonly isQuick: boolean;
  run(context: ScenarioContext): Promise<ScenarioResult>;
}
