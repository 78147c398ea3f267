/** What commands of the proof say in their last lines, summed over all parts of a soak. */
export interface SoakFigures {
  readonly seeds: number;
  readonly operations: number;
  readonly virtualSeconds: number;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Of the other commands: how much they looked at, and what they found. Only those that ran. */
  readonly others: readonly { readonly what: string; readonly count: number; readonly findings: number }[];
  readonly findings: number;
}

type Line = Readonly<Record<string, unknown>>;

/** Which command a line is from: by a name that no other line has. `findings`: what may not be there. */
const OTHERS: readonly { readonly what: string; readonly count: string; readonly only: string; readonly findings: readonly string[] }[] = [
  { what: "envelope events", count: "events", only: "worlds", findings: ["violations"] },
  { what: "states of the model", count: "states", only: "weakened", findings: ["violations"] },
  { what: "fuzz inputs", count: "inputs", only: "acceptedInconsistent", findings: ["crashes", "hangs", "acceptedInconsistent"] },
  { what: "kill -9 trials", count: "killTrials", only: "killTrials", findings: ["lostAcked", "resurrected", "diverged"] },
  { what: "cut-then-kill trials", count: "cutThenKillTrials", only: "killTrials", findings: [] },
];

/** Reads a soak file: one JSON object a line, each the last line of a command of the proof. Lines of the same command are added up. */
export function soakFigures(file: string): SoakFigures {
  const lines = file
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line) as Line);
  const simulated = lines.filter((line) => "virtualSeconds" in line);
  const faults: Record<string, number> = {};
  for (const { faults: kinds } of simulated)
    for (const [kind, count] of Object.entries((kinds ?? {}) as Record<string, number>)) faults[kind] = (faults[kind] ?? 0) + count;
  const sum = (of: readonly Line[], name: string): number => of.reduce((total, line) => total + Number(line[name] ?? 0), 0);
  const others = OTHERS.flatMap(({ what, count, only, findings }) => {
    const own = lines.filter((line) => only in line);
    if (own.length === 0) return [];
    return [{ what, count: sum(own, count), findings: findings.reduce((total, name) => total + sum(own, name), 0) }];
  });
  if (simulated.length === 0 && others.length === 0) throw new Error("There is no last line of a command of the proof in this file.");
  const violations = sum(simulated, "violations");
  return {
    seeds: sum(simulated, "seeds"),
    operations: sum(simulated, "operations"),
    virtualSeconds: sum(simulated, "virtualSeconds"),
    faults,
    others,
    findings: others.reduce((total, { findings }) => total + findings, violations),
  };
}

/** What 0 findings in `count` runs say of the next one, at 95 %: the rule of three. */
export function ruleOfThree(count: number): number {
  return 3 / count;
}

const WIDTH = 760;
const MARGIN = 24;
const TILE_HEIGHT = 64;
const ROW_HEIGHT = 26;
const LABEL_WIDTH = 190;
const BAR_END = WIDTH - MARGIN - 96;

/** One hue for amounts, one for what was found; both read on light and on dark. */
const STYLE = `
  svg { color-scheme: light dark; font: 14px system-ui, sans-serif; }
  .ground { fill: #ffffff } .ink { fill: #1b1f24 } .soft { fill: #59636e } .bar { fill: #2f6fb7 } .line { stroke: #d1d9e0 }
  .good { fill: #1a7f37 } .bad { fill: #b3261e } .big { font-size: 22px; font-weight: 600 } .title { font-size: 16px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } .ink { fill: #e6edf3 } .soft { fill: #9198a1 } .bar { fill: #6cb0f5 } .line { stroke: #3d444d }
    .good { fill: #4ac26b } .bad { fill: #ff8f85 }
  }`;

/** An SVG for docs: operations, faults by kind, and what was found. */
export function soakPicture(figures: SoakFigures): string {
  const { seeds, operations, virtualSeconds, faults, others, findings } = figures;
  const tiles = [
    [amount(operations), "operations"],
    [amount(Object.values(faults).reduce((sum, count) => sum + count, 0)), "faults injected"],
    [`${amount(Math.round(virtualSeconds / 3_600))} h`, "of virtual time"],
    [String(findings), findings === 1 ? "finding" : "findings"],
  ] as const;
  const bars = Object.entries(faults).sort(([, left], [, right]) => right - left);
  const most = Math.max(1, ...bars.map(([, count]) => count));
  const parts: string[] = [];
  let y = MARGIN + 16;
  parts.push(text(MARGIN, y, "title ink", `The last soak: ${amount(seeds)} seeds of the simulator`));
  y += 20;
  tiles.forEach(([value, label], index) => {
    const x = MARGIN + index * ((WIDTH - 2 * MARGIN) / tiles.length);
    const isFound = label.startsWith("finding");
    parts.push(text(x, y + 30, `big ${isFound ? (findings === 0 ? "good" : "bad") : "ink"}`, value), text(x, y + 50, "soft", label));
  });
  y += TILE_HEIGHT + 16;
  if (bars.length > 0) {
    parts.push(rule(y), text(MARGIN, (y += 28), "title ink", "Faults by kind"));
    y += 12;
    for (const [kind, count] of bars) {
      const length = Math.max(2, ((BAR_END - MARGIN - LABEL_WIDTH) * count) / most);
      parts.push(
        text(MARGIN, y + 17, "ink", kind),
        `<rect class="bar" x="${MARGIN + LABEL_WIDTH}" y="${y + 5}" width="${length.toFixed(1)}" height="${ROW_HEIGHT - 10}" rx="3"/>`,
        text(MARGIN + LABEL_WIDTH + length + 8, y + 17, "soft", amount(count)),
      );
      y += ROW_HEIGHT;
    }
    y += 12;
  }
  if (others.length > 0) {
    parts.push(rule(y), text(MARGIN, (y += 28), "title ink", "Beside the simulator"));
    y += 12;
    for (const { what, count, findings: found } of others) {
      parts.push(
        text(MARGIN, y + 17, "ink", what),
        text(MARGIN + LABEL_WIDTH, y + 17, "ink", amount(count)),
        text(MARGIN + LABEL_WIDTH + 130, y + 17, found === 0 ? "good" : "bad", found === 0 ? "nothing found" : `${amount(found)} found`),
      );
      y += ROW_HEIGHT;
    }
    y += 12;
  }
  if (findings === 0 && seeds > 0) {
    const bound = ruleOfThree(seeds).toPrecision(2);
    parts.push(
      rule(y),
      text(MARGIN, (y += 24), "soft", `0 of ${amount(seeds)} seeds failed: below ${bound} of all seeds do, at 95 % (3/N)`),
    );
  }
  const height = y + MARGIN;
  const about = `${amount(operations)} operations, ${amount(findings)} findings`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${about}">
<title>${about}</title>
<style>${STYLE}
</style>
<rect class="ground" width="${WIDTH}" height="${height}" rx="8"/>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, classes: string, words: string): string {
  return `<text class="${classes}" x="${x.toFixed(1)}" y="${y}">${escaped(words)}</text>`;
}

function rule(y: number): string {
  return `<path class="line" d="M${MARGIN} ${y}H${WIDTH - MARGIN}"/>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** 12,345,678 */
function amount(count: number): string {
  return count.toLocaleString("en-US");
}
