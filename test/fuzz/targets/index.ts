import type { Corpus } from "../corpus.ts";
import type { Target, TargetName } from "../target.ts";
import { frameTarget } from "./frame.ts";
import { changeTarget, stateTarget } from "./intake.ts";

type MakeTarget = (corpus: Corpus) => Target | Promise<Target>;

const TARGETS: Readonly<Partial<Record<TargetName, MakeTarget>>> = {
  frame: frameTarget,
  change: changeTarget,
  state: stateTarget,
};

export async function makeTarget(name: TargetName, corpus: Corpus): Promise<Target> {
  const make = TARGETS[name];
  if (make === undefined) throw new Error(`there is no target ${name}`);
  return make(corpus);
}
