import type { Corpus } from "../corpus.ts";
import type { Target, TargetName } from "../target.ts";
import { recordTarget, rowTarget, valueTarget } from "./bytes.ts";
import { entryTarget, fileTarget, identityTarget } from "./disk.ts";
import { frameTarget } from "./frame.ts";
import { changeTarget, stateTarget } from "./intake.ts";
import { relayTarget } from "./relay.ts";
import { configTarget, cookieTarget, seenTarget } from "./texts.ts";

const TARGETS: Readonly<Record<TargetName, (corpus: Corpus) => Target | Promise<Target>>> = {
  frame: frameTarget,
  change: changeTarget,
  state: stateTarget,
  relay: relayTarget,
  row: rowTarget,
  value: valueTarget,
  record: recordTarget,
  entry: entryTarget,
  file: fileTarget,
  identity: identityTarget,
  cookie: cookieTarget,
  seen: seenTarget,
  config: configTarget,
};

export async function makeTarget(name: TargetName, corpus: Corpus): Promise<Target> {
  return TARGETS[name](corpus);
}
