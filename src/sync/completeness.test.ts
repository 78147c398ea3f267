import { describe, expect, it } from "vitest";
import { absenceCounts, type AbsenceQuestion, type HolderAnswer } from "./completeness.ts";

const QUESTION: AbsenceQuestion = { bornAtMs: 100_000, nowMs: 200_000, clockErrorMs: 2_000, forgetLossAfterMs: 1_800_000 };

function said(
  answer: HolderAnswer["answer"],
  {
    isComplete = true,
    completeSinceMs = 90_000,
    memberCount = 2,
    heardUntilMs,
  }: { isComplete?: boolean; completeSinceMs?: number; memberCount?: number; heardUntilMs?: number },
): HolderAnswer {
  return { answer, status: { isComplete, completeSinceMs, memberCount }, heardUntilMs };
}

const AWAY: HolderAnswer = { answer: "none", status: undefined };
const KNOWING = said("absent", {});

interface Case {
  readonly title: string;
  readonly answers: readonly HolderAnswer[];
  readonly counts: boolean;
  readonly question: Partial<AbsenceQuestion>;
}

const of = (title: string, answers: readonly HolderAnswer[], counts: boolean, question: Partial<AbsenceQuestion> = {}): Case => ({
  title,
  answers,
  counts,
  question,
});

const CASES: readonly Case[] = [
  of("nobody was asked", [], false),
  of("nobody answered", [AWAY, AWAY], false),
  of("one says so who hears of all the others", [KNOWING, AWAY], true),
  of("the same, and the other has yet to answer", [KNOWING, said("none", {})], true),
  of("the one who would know was not asked about it", [said("none", {}), AWAY], false),
  of("one says so who is joining", [said("absent", { isComplete: false }), AWAY], false),
  of("one says so who knows too few of the others", [said("absent", { memberCount: 1 }), AWAY], false),
  of(
    "one who knows too few says so, and another who is joining",
    [said("absent", { memberCount: 1 }), said("absent", { isComplete: false })],
    false,
  ),
  of("all say so who know nothing of each other", [said("absent", { memberCount: 1 }), said("absent", { memberCount: 1 })], true),
  of("the only one says so", [said("absent", { memberCount: 1 })], true),
  of(
    "all say so, and one of them came back empty since the birth",
    [said("absent", { memberCount: 1 }), said("absent", { memberCount: 1, completeSinceMs: 150_000 })],
    false,
  ),
  of("one says so who lost another since the birth", [said("absent", { completeSinceMs: 150_000 }), AWAY], false),
  of("one says so who lost another within the error of the clocks before it", [said("absent", { completeSinceMs: 98_001 }), AWAY], false),
  of("one says so who lost another just before that", [said("absent", { completeSinceMs: 98_000 }), AWAY], true),
  of("the loss is so long ago that nothing alive can be missing", [said("absent", { completeSinceMs: 150_000 }), AWAY], true, {
    nowMs: 1_950_000,
  }),
  of("the loss is nearly so long ago", [said("absent", { completeSinceMs: 150_000 }), AWAY], false, { nowMs: 1_949_999 }),
  of("one says so who heard from the others since the birth", [said("absent", { heardUntilMs: 102_000 }), AWAY], true),
  of("one says so who heard from the others nearly since then", [said("absent", { heardUntilMs: 101_999 }), AWAY], false),
  of("one says so who never heard from another yet", [said("absent", { heardUntilMs: 0 }), AWAY], false),
  of("all say so, whenever they heard from each other", [said("absent", { heardUntilMs: 0 }), said("absent", { heardUntilMs: 0 })], true),
  of("the id says nothing of its birth, nor who answers of the others", [said("absent", { heardUntilMs: 0 }), AWAY], true, {
    bornAtMs: undefined,
  }),
  of("the id says nothing of its birth", [said("absent", { completeSinceMs: 150_000 }), AWAY], true, { bornAtMs: undefined }),
  of("the id says nothing of its birth, and who answers is joining", [said("absent", { isComplete: false })], false, {
    bornAtMs: undefined,
  }),
];

describe("whether an absence counts", () => {
  it.each(CASES)("[SY23] $title", ({ answers, counts, question }) => {
    expect(absenceCounts(answers, { ...QUESTION, ...question })).toBe(counts);
  });
});
