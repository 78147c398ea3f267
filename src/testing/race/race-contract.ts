import { ok } from "node:assert/strict";
import type { Contract } from "../contract-case.ts";
import type { HttpAdapterUnderTest, RaceNode } from "./http-adapter.ts";
import { RaceHandlers } from "./race-handlers.ts";
import { type Race, RACES } from "./races.ts";

export interface RaceContractOptions {
  /** How many nodes one deployment has: `start` is called so often for each race. Default 1. */
  readonly nodeCount?: number;
  /** Default `RACES`. */
  readonly races?: readonly Race[];
  /** What answers the requests of one node. Default `new RaceHandlers()`. */
  readonly handlers?: () => RaceHandlers;
  /** As `RaceTargets.settleMs`. */
  readonly settleMs?: number;
}

/** The races (law A24), for any framework with sessions: nothing is lost, undone or revived. */
export function raceContract(
  adapter: HttpAdapterUnderTest,
  { nodeCount = 1, races = RACES, handlers = () => new RaceHandlers(), settleMs }: RaceContractOptions = {},
): Contract {
  return {
    name: `races: ${adapter.name}, ${nodeCount === 1 ? "one node" : `${nodeCount} nodes`}`,
    cases: races.map((race) => ({
      name: `[A24] ${race.title} (${race.wanted} of ${race.total})`,
      run: async () => {
        const nodes: RaceNode[] = [];
        try {
          for (let index = 0; index < nodeCount; index += 1) nodes.push(await adapter.start(handlers()));
          const [first, ...others] = nodes.map(({ url }) => url);
          if (first === undefined) throw new RangeError("nodeCount must be 1 or more.");
          const count = await race.run({ urls: [first, ...others], ...(settleMs === undefined ? {} : { settleMs }) });
          ok(count === race.wanted, `${race.name}: ${count} of ${race.total}, and ${race.wanted} where nothing is lost`);
        } finally {
          for (const node of nodes) await node.close();
        }
      },
    })),
  };
}
