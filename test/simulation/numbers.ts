/** `1-4,9` for 1, 2, 3, 4 and 9; `none` for none. */
export function textOfNumbers(numbers: ReadonlySet<number>): string {
  const sorted = [...numbers].sort((left, right) => left - right);
  const ranges: string[] = [];
  for (let at = 0; at < sorted.length;) {
    const first = at;
    while (sorted[at + 1] === (sorted[at] ?? 0) + 1) at += 1;
    ranges.push(first === at ? `${sorted[at]}` : `${sorted[first]}-${sorted[at]}`);
    at += 1;
  }
  return ranges.length === 0 ? "none" : ranges.join(",");
}

/** @throws Error where the text is none of `textOfNumbers` */
export function numbersOfText(text: string): ReadonlySet<number> {
  if (text === "none") return new Set();
  const numbers = new Set<number>();
  for (const range of text.split(",")) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined || Number(last) - Number(first) > 1e6) throw new Error("write numbers as 1-4,9, or none");
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number);
  }
  return numbers;
}
