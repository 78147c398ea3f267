import type { Difference } from "./compare.ts";
import { INTENDED } from "./intended.ts";
import type { CaseResult } from "./run.ts";

/** The last line of `npm run differential`: scripts that ended alike, that differ as intended only, and those that differ otherwise. */
interface SummaryLine {
  readonly cases: number;
  readonly equal: number;
  readonly intended: number;
  readonly unexplained: number;
}

export interface Summary {
  readonly cases: number;
  add(result: CaseResult): void;
  line(): SummaryLine;
  /** How often each intended difference was seen, by framework. */
  table(): string;
}

export function summarize(): Summary {
  const results: CaseResult[] = [];
  return {
    get cases() {
      return results.length;
    },
    add: (result) => void results.push(result),
    line: () => {
      const unexplained = results.filter((result) => result.unexplained.length > 0).length;
      const intended = results.filter((result) => result.unexplained.length === 0 && result.intended.size > 0).length;
      return { cases: results.length, equal: results.length - intended - unexplained, intended, unexplained };
    },
    table: () =>
      INTENDED.map(({ id, frameworks }) => {
        const counts = frameworks.map((framework) => {
          const seen = results.filter(
            (result) => result.script.framework === framework && [...result.intended].some((each) => each.id === id),
          );
          return `${framework} ${seen.length}`;
        });
        return `intended  ${id.padEnd(24)} ${counts.join("  ")}`;
      }).join("\n"),
  };
}

/** Each request that differs once, with the fields in which it does. */
export function formatCase({ script, unexplained }: CaseResult): string {
  const lines = [`${script.framework}: ${script.name}${script.options === undefined ? "" : `  ${JSON.stringify(script.options)}`}`];
  for (const step of new Set(unexplained.map((difference) => difference.step))) {
    const { do: operations, ...request } = script.steps[step] ?? { do: [] };
    const also = Object.keys(request).length === 0 ? "" : `${JSON.stringify(request)} `;
    lines.push(`  request ${step + 1}: ${also}${JSON.stringify(operations)}`);
    for (const difference of unexplained) if (difference.step === step) lines.push(`    ${formatDifference(difference)}`);
  }
  return lines.join("\n");
}

function formatDifference({ field, theirs, ours }: Difference): string {
  return `${field}:  theirs ${shown(theirs)}  ours ${shown(ours)}`;
}

function shown(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}
