import type { Random } from "../cluster/random.ts";

export interface ScenarioContext {
  readonly random: Random;
  readonly seed: number;
  /** Shorter waits: what CI has time for. */
  readonly isQuick: boolean;
  /** Of each scenario that is made of trials. Default: 300 that kill, 100 that cut and kill. */
  readonly trialCount?: number | undefined;
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
  /** How long it may take in CI. Default 150 s. */
  readonly timeoutMs?: number;
  run(context: ScenarioContext): Promise<ScenarioResult>;
}
