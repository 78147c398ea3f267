import { ABSENCE_WORLDS, AbsenceModel } from "./absence-model.ts";
import { EnvelopeModel } from "./envelope-model.ts";
import { type Counterexample, type Exploration, explore, type ExplorerLimits, type Model } from "./explorer.ts";
import { RevocationModel } from "./revocation-model.ts";
import { revocationWorlds } from "./revocation-worlds.ts";
import { type Rules, SHIPPED } from "./rules.ts";
import type { Variant } from "./variants.ts";
import { worldsFor } from "./worlds.ts";

/** One world of a model. */
interface NamedModel {
  readonly name: string;
  readonly about: string;
  readonly modelOf: (rules: Rules) => Model;
}

/** What was found in one world, by the rules as shipped. */
export interface Found extends Exploration {
  readonly name: string;
  readonly about: string;
}

export function models(nodeCount: number): readonly NamedModel[] {
  const envelopes = worldsFor(nodeCount).map((world) => ({
    name: world.name,
    about: world.about,
    modelOf: (rules: Rules) => new EnvelopeModel(world, rules),
  }));
  const absences = ABSENCE_WORLDS.map((world) => ({
    name: world.name,
    about: world.about,
    modelOf: (rules: Rules) => new AbsenceModel(world, rules),
  }));
  const revocations = revocationWorlds(nodeCount).map((world) => ({
    name: world.name,
    about: world.about,
    modelOf: (rules: Rules) => new RevocationModel(world, rules),
  }));
  return [...envelopes, ...absences, ...revocations];
}

/** Every state of every world, one world after the other. */
export function* checkWorlds(nodeCount: number, say: (line: string) => void, limits?: ExplorerLimits): Iterable<Found> {
  for (const { name, about, modelOf } of models(nodeCount)) {
    const beganAtMs = performance.now();
    const seconds = (): string => `${((performance.now() - beganAtMs) / 1000).toFixed(1)} s`;
    const exploration = explore(modelOf(SHIPPED), {
      limits,
      onProgress: (stateCount, depth) => say(`  ${name}: ${stateCount} states, ${depth} steps away, ${seconds()}`),
    });
    const { stateCount, depth, isComplete } = exploration;
    say(
      `${name}: ${stateCount} states, up to ${depth} steps, ${seconds()}${isComplete ? "" : "; there are more: all that are fewer steps away were looked at"}`,
    );
    yield { name, about, ...exploration };
  }
}

/** A shortest way to a broken law without one of the guards, among three nodes; undefined: the model does not see it. */
export function refute({ world, rules }: Variant): Counterexample | undefined {
  const found = models(3).find(({ name }) => name === world);
  if (found === undefined) throw new Error(`There is no world called ${world}.`);
  return explore(found.modelOf(rules)).counterexample;
}
