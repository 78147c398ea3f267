/**
 * One process of a fuzz run, started by `fuzz.ts` with its plan as the argument: hands the inputs over, and tells what came of them, a line of JSON
 * each. Whatever ends it, the journal has the input that did.
 */
import { buildCorpus } from "./corpus.ts";
import { cpuSecondsSince, feed, feedOne } from "./feed.ts";
import type { Finding, Tally } from "./finding.ts";
import { HeapGrowth, PROCESS_GROWTH_MAX, TARGET_GROWTH_MAX, WARM_UP } from "./heap-growth.ts";
import { JournalWriter } from "./journal.ts";
import type { TargetName } from "./target.ts";
import { makeTarget } from "./targets/index.ts";

/** What one process is to do. */
export interface Plan {
  readonly seed: number;
  readonly journal: string;
  readonly parts: readonly PlanPart[];
}

export interface PlanPart {
  readonly target: TargetName;
  readonly from: number;
  readonly count: number;
  /** One input, given as it is. */
  readonly hex?: string | undefined;
}

export type Told =
  | { readonly kind: "begun"; readonly target: TargetName }
  | { readonly kind: "finding"; readonly finding: Finding }
  | { readonly kind: "done"; readonly target: TargetName; readonly tally: Tally }
  /** Last of all: what the process holds more than before its first input. */
  | { readonly kind: "ended"; readonly grownBytes: number };

/** Between two lines of progress of one target, so that a death costs no more than that. */
const SLICE = 5_000;

function tell(told: Told): void {
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

const { seed, journal, parts } = JSON.parse(process.argv[2] ?? "") as Plan;
// Refusing is throwing here, and nobody reads more of where.
Error.stackTraceLimit = 5;
const writer = new JournalWriter(journal);
const corpus = await buildCorpus();
const ofProcess = new HeapGrowth();
ofProcess.begin();
for (const { target: name, from, count, hex } of parts) {
  const target = await makeTarget(name, corpus);
  writer.clear();
  tell({ kind: "begun", target: name });
  if (hex !== undefined) {
    const before = process.cpuUsage();
    const input = Buffer.from(hex, "hex");
    const sums = { accepted: 0, slowestMs: 0 };
    writer.write(from, input);
    await feedOne(target, input, (kind, why) => tell({ kind: "finding", finding: { kind, target: name, index: -1, hex, why } }), sums);
    tell({ kind: "done", target: name, tally: { inputs: 1, ...sums, cpuSeconds: cpuSecondsSince(before), grownBytes: 0 } });
  }
  const end = hex === undefined ? from + count : from;
  const ofTarget = new HeapGrowth();
  for (let at = from; at < end;) {
    const size = Math.min(at === from ? WARM_UP : SLICE, end - at);
    const tally = await feed(target, {
      seed,
      from: at,
      count: size,
      onInput: (index, input) => writer.write(index, input),
      onFinding: (finding) => tell({ kind: "finding", finding }),
    });
    if (at === from) ofTarget.begin();
    at += size;
    // Nothing is under way: collecting garbage, and making the next target, may take a busy machine long.
    if (at === end) writer.clear();
    tell({
      kind: "done",
      target: name,
      tally: at < end ? tally : { ...tally, grownBytes: checkedGrowth(ofTarget, TARGET_GROWTH_MAX, name) },
    });
  }
  await target.close?.();
}
const [first] = parts;
if (first !== undefined) tell({ kind: "ended", grownBytes: checkedGrowth(ofProcess, PROCESS_GROWTH_MAX, first.target) });
writer.close();

function checkedGrowth(growth: HeapGrowth, bytesMax: number, target: TargetName): number {
  const grownBytes = growth.grownBytes();
  const why = `${grownBytes} bytes more are held than before, over the bound of ${bytesMax}`;
  if (grownBytes > bytesMax) tell({ kind: "finding", finding: { kind: "memory", target, index: -1, hex: "", why } });
  return grownBytes;
}
