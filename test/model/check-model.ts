import { EnvelopeModel } from "./envelope-model.ts";
import { type Counterexample, type Exploration, explore, type ExplorerOptions } from "./explorer.ts";
import { SHIPPED } from "./rules.ts";
import type { Variant } from "./variants.ts";
import type { World } from "./world.ts";
import { worldsFor } from "./worlds.ts";

/** Every state of a world, by the rules as shipped. */
export function checkWorld(world: World, options?: ExplorerOptions): Exploration {
  return explore(new EnvelopeModel(world, SHIPPED), options);
}

/** A shortest way to a broken law without one of the guards; undefined: the model does not see it. */
export function refute({ world, rules }: Variant, options?: ExplorerOptions): Counterexample | undefined {
  const found = worldsFor(3).find(({ name }) => name === world);
  if (found === undefined) throw new Error(`There is no world called ${world}.`);
  return explore(new EnvelopeModel(found, rules), options).counterexample;
}
