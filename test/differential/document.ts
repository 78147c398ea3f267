import { INTENDED } from "./intended.ts";
import { FRAMEWORKS } from "./script.ts";
import type { Framework } from "./script.ts";

/** What docs/migrating.md is to be: every list of differences as `INTENDED` has it, and the rest as it stands. */
export function withDifferences(page: string): string {
  return FRAMEWORKS.reduce((text, framework) => {
    const begin = `<!-- differences: ${framework} -->\n`;
    const from = text.indexOf(begin);
    const to = text.indexOf("<!-- end of differences -->", from);
    if (from < 0 || to < 0)
      throw new Error(`docs/migrating.md has no place for the differences of ${framework}: put back its two markers.`);
    return text.slice(0, from + begin.length) + listOf(framework) + text.slice(to);
  }, page);
}

function listOf(framework: Framework): string {
  const reasons = INTENDED.filter(({ frameworks }) => frameworks.includes(framework)).map(({ reason }) => reason);
  return `\n${reasons.map((reason, index) => `${index + 1}. ${reason}`).join("\n")}\n\n`;
}
