import { describe, expect, it } from "vitest";
import { absenceCounts, type AbsenceQuestion, type HolderAnswer } from "./completeness.ts";

const QUESTION: AbsenceQuestion = { bornAtMs: 100_000, nowMs: 200_000, clockErrorMs: 2_000, forgetLossAfterMs: 1_800_000 };

function said(
  answer: HolderAnswer["answer"],
  {
    isComplete = true,
    completeSinceMs = 90_000,
    memberCount = 2,
  }: { isComplete?: boolean; completeSinceMs?: number; memberCount?: number },
): HolderAnswer {
  return { answer, status: { isComplete, completeSinceMs, memberCount } };
}

const AWAY: HolderAnswer = { answer: "none", status: undefined };
const KNOWING = said("absent", {});

const CASES: readonly (readonly [title: string, answers: readonly HolderAnswer[], counts: boolean, question?: Partial<AbsenceQuestion>])[] =
  [
    ["nobody was asked", [], false],
    ["nobody answered", [AWAY, AWAY], false],
    ["one says so who hears of all the others", [KNOWING, AWAY], true],
    ["the same, and the other has yet to answer", [KNOWING, said("none", {})], true],
    ["the one who would know was not asked about it", [said("none", {}), AWAY], false],
    ["one says so who is joining", [said("absent", { isComplete: false }), AWAY], false],
    ["one says so who knows too few of the others", [said("absent", { memberCount: 1 }), AWAY], false],
    [
      "one who knows too few says so, and another who is joining",
      [said("absent", { memberCount: 1 }), said("absent", { isComplete: false })],
      false,
    ],
    ["all say so who know nothing of each other", [said("absent", { memberCount: 1 }), said("absent", { memberCount: 1 })], true],
    ["the only one says so", [said("absent", { memberCount: 1 })], true],
    [
      "all say so, and one of them came back empty since the birth",
      [said("absent", { memberCount: 1 }), said("absent", { memberCount: 1, completeSinceMs: 150_000 })],
      false,
    ],
    ["one says so who lost another since the birth", [said("absent", { completeSinceMs: 150_000 }), AWAY], false],
    ["one says so who lost another within the error of the clocks before it", [said("absent", { completeSinceMs: 98_001 }), AWAY], false],
    ["one says so who lost another just before that", [said("absent", { completeSinceMs: 98_000 }), AWAY], true],
    [
      "the loss is so long ago that nothing alive can be missing",
      [said("absent", { completeSinceMs: 150_000 }), AWAY],
      true,
      { nowMs: 1_950_000 },
    ],
    ["the loss is nearly so long ago", [said("absent", { completeSinceMs: 150_000 }), AWAY], false, { nowMs: 1_949_999 }],
    ["the id says nothing of its birth", [said("absent", { completeSinceMs: 150_000 }), AWAY], true, { bornAtMs: undefined }],
    [
      "the id says nothing of its birth, and who answers is joining",
      [said("absent", { isComplete: false })],
      false,
      { bornAtMs: undefined },
    ],
  ]
 as const satisfies readonly (readonly [string, readonly HolderAnswer[], boolean, Partial<AbsenceQuestion>?])[]
).map(([title, answers, counts, question = {}]) => ({ title, answers, counts, question }));

describe("whether an absence counts", () => {
  it.each(CASES)("[SY23] $title", ({ answers, counts, question }) => {
    expect(absenceCounts(answers, { ...QUESTION, ...question })).toBe(counts);
  });
});
