import { describe, expect, it } from "vitest";
import { type ArrayMatch, type ElementKind, matchArrays } from "./array-difference.ts";
import { valueKey } from "./value-codec.ts";
import type { Plain } from "./values.ts";

/** As the difference does it: objects of `before` that stand in `after` are the ones handed out, whatever was changed inside. */
function match(before: readonly Plain[], after: readonly Plain[], handedOut: readonly Plain[] = before): ArrayMatch {
  return matchArrays({
    oldCount: before.length,
    newCount: after.length,
    identity: (index) => (kindOf(after[index]) === "scalar" ? -1 : handedOut.indexOf(after[index] as Plain)),
    oldKey: (index) => valueKey(before[index] as Plain),
    newKey: (index) => valueKey(after[index] as Plain),
    oldKind: (index) => kindOf(before[index]),
    newKind: (index) => kindOf(after[index]),
  });
}

function kindOf(value: Plain | undefined): ElementKind {
  if (Array.isArray(value)) return "array";
  return typeof value === "object" && value !== null ? "object" : "scalar";
}

function summary({ source, paired, moved, removed }: ArrayMatch): unknown {
  return { source, paired: [...paired], moved: [...moved], removed };
}

describe("matchArrays", () => {
  it("[W3] S10 same element: setting one and mapping another each pair one scalar", () => {
    expect(summary(match([1, 2, 3], [1, 20, 3]))).toEqual({ source: [0, 1, 2], paired: [1], moved: [], removed: [] });
    expect(summary(match([1, 2, 3], [1, 21, 3]))).toEqual({ source: [0, 1, 2], paired: [1], moved: [], removed: [] });
  });

  it("[W3] S15 both move one element: push(shift()) moves the first, alone", () => {
    expect(summary(match([1, 2, 3], [2, 3, 1]))).toEqual({ source: [1, 2, 0], paired: [], moved: [2], removed: [] });
  });

  it("[W3] S16 move and change: an object is moved, a changed one is still itself", () => {
    const [first, second] = [{ id: 1 }, { id: 2 }];
    expect(summary(match([first, second], [second, first]))).toEqual({ source: [1, 0], paired: [], moved: [0], removed: [] });
    const handedOut = [{ id: 1, seen: true }, second];
    expect(summary(match([first, second], [...handedOut], handedOut))).toEqual({ source: [0, 1], paired: [], moved: [], removed: [] });
  });

  it("[W3] S17 insert between twins: only the new one is inserted", () => {
    expect(summary(match(["x", "x"], ["x", "y", "x"]))).toEqual({ source: [0, -1, 1], paired: [], moved: [], removed: [] });
  });

  it("[W3] inserts and removes in one go", () => {
    expect(summary(match(["a", "b", "c", "d"], ["z", "a", "c", "d", "e"]))).toEqual({
      source: [-1, 0, 2, 3, -1],
      paired: [],
      moved: [],
      removed: [1],
    });
  });

  it("[W3] takes an equal object for the old one when it was assigned anew", () => {
    const before = [{ id: 1 }, { id: 2 }];
    expect(summary(match(before, [{ id: 2 }, { id: 1 }, { id: 3 }]))).toEqual({ source: [1, 0, -1], paired: [], moved: [0], removed: [] });
  });

  it("[W3] inserts an object that occurs a second time, though an equal one is free", () => {
    const [one, equal] = [{ id: 1 }, { id: 1 }];
    expect(summary(match([one, equal], [one, one]))).toEqual({ source: [0, -1], paired: [], moved: [], removed: [1] });
  });

  it("[W3] pairs objects with objects and scalars with scalars only", () => {
    expect(summary(match([{ id: 1 }, 5, [1]], [{ id: 2 }, 6, [2]]))).toEqual({
      source: [0, 1, 2],
      paired: [0, 1, 2],
      moved: [],
      removed: [],
    });
    expect(summary(match(["a", { id: 1 }], ["a", 7]))).toEqual({ source: [0, -1], paired: [], moved: [], removed: [1] });
    expect(summary(match([{ id: 1 }, "b"], ["c", { id: 2 }]))).toMatchObject({
      paired: [expect.any(Number)],
      removed: [expect.any(Number)],
    });
  });

  it("[W3] pairs only within one gap", () => {
    expect(summary(match([1, "x", 2], ["x", 3]))).toEqual({ source: [1, 2], paired: [1], moved: [], removed: [0] });
    expect(summary(match([1, "x"], ["x", 3]))).toEqual({ source: [1, -1], paired: [], moved: [], removed: [0] });
  });

  it("[W3] lets identity cross equal values", () => {
    const object = { id: 1 };
    expect(summary(match([object, 1, 2], [1, 2, object]))).toEqual({ source: [1, 2, 0], paired: [], moved: [2], removed: [] });
  });

  it("[W3] takes and gives empty arrays", () => {
    expect(summary(match([], []))).toEqual({ source: [], paired: [], moved: [], removed: [] });
    expect(summary(match([], [1, 2]))).toEqual({ source: [-1, -1], paired: [], moved: [], removed: [] });
    expect(summary(match([1, 2], []))).toEqual({ source: [], paired: [], moved: [], removed: [0, 1] });
  });

  const count = 30_000;
  const ascending = Array.from({ length: count }, (_, index) => index);
  // A linear congruential generator (Numerical Recipes): the same arrays in every run.
  let state = 1;
  const random = ascending.map(() => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32));

  it.each<[string, readonly number[], readonly number[]]>([
    ["nothing in common", ascending, ascending.map((value) => value + count)],
    ["reversed", ascending, ascending.toReversed()],
    ["shuffled", ascending, ascending.toSorted((left, right) => (random[left] as number) - (random[right] as number))],
    ["coin tosses", random.map((value) => value >>> 31), random.map((value) => (value >>> 30) & 1)],
    ["halves swapped", ascending.map((value) => Number(value < count / 2)), ascending.map((value) => Number(value >= count / 2))],
    ["two rhythms", ascending.map((value) => Number(value % 60 === 0)), ascending.map((value) => Number(value % 59 === 0))],
  ])("[W3] stays fast and right for 30,000 elements: %s", (_, before, after) => {
    const startMs = performance.now();
    const result = matchArrays({
      oldCount: before.length,
      newCount: after.length,
      identity: () => -1,
      oldKey: (index) => before[index] as number,
      newKey: (index) => after[index] as number,
      oldKind: () => "scalar",
      newKind: () => "scalar",
    });
    // 10 to 25 ms where it was written; anything quadratic takes many seconds.
    expect(performance.now() - startMs).toBeLessThan(1_000);
    const wrong = after.filter((value, index) => {
      const oldIndex = result.source[index] as number;
      return oldIndex !== -1 && !result.paired.has(index) && before[oldIndex] !== value;
    });
    expect(wrong).toEqual([]);
    expect(result.removed.length + result.source.filter((oldIndex) => oldIndex !== -1).length).toBe(count);
  });
});
