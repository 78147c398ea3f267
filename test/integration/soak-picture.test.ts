import { expect, test } from "vitest";
import { ruleOfThree, soakFigures, soakPicture } from "../../scripts/soak-picture.ts";

const SIM = { seeds: 1_000, operations: 500_000, faults: { kill: 300, "<cut>": 20 }, violations: 0, virtualSeconds: 7_200 };
const FUZZ = { inputs: 500_000, crashes: 0, hangs: 0, acceptedInconsistent: 0 };
const CHAOS = { killTrials: 300, cutThenKillTrials: 100, lostAcked: 0, resurrected: 0, diverged: 0 };

function soak(...lines: readonly object[]): string {
  return `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`;
}

test("a soak in parts is one: lines of a command are added up", () => {
  const figures = soakFigures(soak(SIM, { ...SIM, faults: { kill: 1, pause: 2 } }, FUZZ, FUZZ, CHAOS));
  expect(figures).toMatchObject({ seeds: 2_000, operations: 1_000_000, virtualSeconds: 14_400, findings: 0 });
  expect(figures.faults).toEqual({ kill: 301, "<cut>": 20, pause: 2 });
  expect(figures.others).toEqual([
    { what: "fuzz inputs", count: 1_000_000, findings: 0 },
    { what: "kill -9 trials", count: 300, findings: 0 },
    { what: "cut-then-kill trials", count: 100, findings: 0 },
  ]);
});

test("whatever any command found is a finding", () => {
  expect(soakFigures(soak({ ...SIM, violations: 2 }, { ...FUZZ, hangs: 3 }, { ...CHAOS, lostAcked: 1 })).findings).toBe(6);
});

test("the picture says it in words, names each kind of fault, and breaks at none", () => {
  const picture = soakPicture(soakFigures(soak(SIM, FUZZ)));
  for (const words of ["500,000", "operations", "&lt;cut&gt;", "0 of 1,000 seeds failed", "0.0030", "prefers-color-scheme: dark"])
    expect(picture).toContain(words);
  expect(picture).not.toContain("<cut>");
  expect(picture.match(/<text/g)?.length).toBe(picture.match(/<\/text>/g)?.length);
  expect(soakPicture(soakFigures(soak({ ...SIM, violations: 1 })))).not.toContain("seeds failed");
  expect(ruleOfThree(2_000)).toBe(0.0015);
});

test("a file without such lines is refused", () => {
  expect(() => soakFigures(soak({ tests: 5 }))).toThrow(/no last line/);
});
