import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeFrame, type Frame } from "../../src/sync/messages/index.ts";
import { buildCorpus, type Corpus } from "./corpus.ts";
import { cpuSecondsSince, feed, feedOne } from "./feed.ts";
import type { Finding } from "./finding.ts";
import { FRAME_KINDS } from "./frame-encoders.ts";
import { CI_INPUTS, fuzz, partsOf, replayOf } from "./fuzz.ts";
import { HeapGrowth, PROCESS_GROWTH_MAX, TARGET_GROWTH_MAX } from "./heap-growth.ts";
import { REGRESSIONS } from "./regressions.ts";
import { isTargetName, TARGET_SHARES } from "./target.ts";
import { frameTarget } from "./targets/frame.ts";
import { makeTarget } from "./targets/index.ts";

const ALL = Object.keys(TARGET_SHARES).filter(isTargetName);
/** By the clock: another run tries other inputs. The failure names it. */
const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);

let corpus: Corpus;
beforeAll(async () => {
  corpus = await buildCorpus();
});

test(
  "[D16] broken and hostile bytes never crash or hold up a decoder, and what is taken is sound",
  async () => {
    const { inputs, findings, byTarget } = await fuzz({ seed, parts: partsOf(ALL, CI_INPUTS), log: () => undefined });
    expect(findings.slice(0, 5).map((finding) => `${finding.kind}: ${finding.why} | ${replayOf(seed, finding)}`)).toEqual([]);
    expect(inputs).toBeGreaterThanOrEqual(CI_INPUTS);
    // Measured: a collector was there. One that holds less at its end counts as 0.
    expect([...byTarget.values()].some((tally) => tally.grownBytes !== 0)).toBe(true);
    // Of each target some are taken: a generator of which everything is refused looks at one line.
    expect([...byTarget].filter(([, { accepted }]) => accepted === 0)).toEqual([]);
  },
  15 * 60_000,
);

describe("bytes that showed a bug once", () => {
  test.each(REGRESSIONS)("[D16] $what", async ({ target: name, hex }) => {
    const target = await makeTarget(name, corpus);
    const found: string[] = [];
    await feedOne(target, Buffer.from(hex, "hex"), (kind, why) => found.push(`${kind}: ${why}`));
    expect(found).toEqual([]);
  });
});

test("the corpus has frames of every kind, and each is taken as it is", () => {
  expect([...corpus.frames.keys()].toSorted()).toEqual(FRAME_KINDS.toSorted());
  const target = frameTarget(corpus);
  for (const frames of corpus.frames.values()) for (const frame of frames) expect(target.take(frame)).toBe(true);
});

test("a number of a seed names the same input wherever a run begins", async () => {
  const inputs = async (from: number, count: number): Promise<string[]> => {
    const seen: string[] = [];
    const onInput = (_index: number, input: Uint8Array): void => void seen.push(Buffer.from(input).toString("hex"));
    await feed(frameTarget(corpus), { seed: 7, from, count, onInput, onFinding: () => undefined });
    return seen;
  };
  expect((await inputs(0, 40)).slice(30)).toEqual(await inputs(30, 10));
});

test("what a decoder keeps of each input is told, and what it lets go of is not", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const grown = (keep: (bytes: Uint8Array) => unknown): number => {
    let last: unknown;
    const growth = new HeapGrowth(collect);
    growth.begin();
    for (let count = 0; count < 30_000; count++) last = keep(new Uint8Array(1_000));
    expect(last).toBeDefined();
    return growth.grownBytes();
  };
  const leak: Uint8Array[] = [];
  expect(grown((bytes) => leak.push(bytes))).toBeGreaterThan(TARGET_GROWTH_MAX);
  expect(leak).toHaveLength(30_000);
  expect(grown((bytes) => bytes)).toBeLessThan(PROCESS_GROWTH_MAX / 4);
  expect(new HeapGrowth(collect).grownBytes()).toBe(0);
});

describe("a decoder with a fault in it is found", () => {
  /** So that nothing is optimised away. */
  const taken: Uint8Array[] = [];
  const faults: readonly (readonly [what: string, kind: Finding["kind"], decode: (bytes: Uint8Array) => Frame])[] = [
    [
      "reads past the end",
      "crash",
      (bytes) => {
        if (bytes[0] === 24 && bytes.length < 4) throw new TypeError("Cannot read properties of undefined");
        return decodeFrame(bytes);
      },
    ],
    [
      "believes a length before it looks",
      "memory",
      (bytes) => {
        if (bytes[0] === 22 && (bytes[1] ?? 0) > 0xf0) taken.push(new Uint8Array(40_000_000));
        taken.length = 0;
        return decodeFrame(bytes);
      },
    ],
    [
      "takes as long as a number says",
      "hang",
      (bytes) => {
        // Of the processor: that the machine is busy is no fault.
        const before = process.cpuUsage();
        const wantedMs = bytes[0] === 4 && (bytes[1] ?? 0) === 0xff ? 120 : 0;
        while (cpuSecondsSince(before) * 1_000 < wantedMs);
        return decodeFrame(bytes);
      },
    ],
    ["lets bytes ride along", "inconsistent", (bytes) => decodeFrame(bytes[0] === 17 ? bytes.subarray(0, 17) : bytes)],
  ];

  test.each(faults)("one that %s", async (_what, kind, decode) => {
    const target = frameTarget(corpus, decode);
    const findings: Finding[] = [];
    for (let from = 0; findings.length === 0 && from < 50_000; from += 500)
      await feed(target, { seed: 1, from, count: 500, onFinding: (finding) => findings.push(finding) });
    expect(findings[0]?.kind).toBe(kind);
    // It fails again by its bytes alone.
    const again: string[] = [];
    await feedOne(target, Buffer.from(findings[0]?.hex ?? "", "hex"), (found) => again.push(found));
    expect(again).toContain(kind);
  });

  test("one that does not come back, and one that ends the process: told with the input, and the rest is tried all the same", async () => {
    const { inputs, findings } = await fuzz({
      seed: 5,
      parts: [{ target: "row", from: 0, count: 6 }],
      log: () => undefined,
      stuckAfterMs: 1_500,
      program: join(import.meta.dirname, "failing-process.ts"),
    });
    expect(findings.map(({ kind, index, hex }) => [kind, index, hex])).toEqual([
      ["hang", 0, "00"],
      ["crash", 2, "02"],
    ]);
    expect(inputs).toBe(4);
    expect(findings.map((finding) => replayOf(5, finding))).toEqual([
      "npm run fuzz -- --target row --seed 5 --input 0",
      "npm run fuzz -- --target row --seed 5 --input 2",
    ]);
  }, 120_000);
});
