import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ArrayMatch, type ArraySides, type ElementKind, matchArrays } from "../../src/engine/array-difference.ts";
import { increasingSubsequence, matchInOrder } from "../../src/engine/common-subsequence.ts";

/** `key` says what an element equals, `from` which old object it is. */
interface Element {
  readonly key: number;
  readonly kind: ElementKind;
  readonly from: number;
}

const kinds: readonly ElementKind[] = ["object", "array", "scalar"];
/** Few keys, so that many are equal; the kind follows from the key, as it does for values. */
const oldElement = fc.nat(8).map((key): Element => ({ key, kind: kinds[key % 3] as ElementKind, from: -1 }));
const oldArray = fc.array(oldElement, { maxLength: 20 });

/** New arrays of old objects (in place, moved, repeated, changed inside) and of other elements. */
const arrays = oldArray.chain((oldOnes) =>
  fc.tuple(
    fc.constant(oldOnes),
    fc.array(
      oldOnes.length === 0
        ? oldElement
        : fc.oneof(
            oldElement,
            fc.tuple(fc.nat(oldOnes.length - 1), fc.boolean()).map(([from, changed]): Element => {
              const { key, kind } = oldOnes[from] as Element;
              return kind === "scalar" ? { key, kind, from: -1 } : { key: changed ? key + 9 : key, kind, from };
            }),
          ),
      { maxLength: 20 },
    ),
  ),
);

describe("arrays", () => {
  it("[W3] applying the match always gives the new array, with every old element used or removed, once", () => {
    fc.assert(
      fc.property(arrays, ([oldOnes, newOnes]) => {
        const match = matchArrays(sidesOf(oldOnes, newOnes));
        expect(applied(match, oldOnes, newOnes)).toEqual(newOnes.map((element) => element.key));
        const used = match.source.filter((oldIndex) => oldIndex !== -1);
        expect([...used, ...match.removed].toSorted((left, right) => left - right)).toEqual([...oldOnes.keys()]);
      }),
    );
  });

  it("[W3] identity always comes first, then equal values: nothing equal is left over on both sides", () => {
    fc.assert(
      fc.property(arrays, ([oldOnes, newOnes]) => {
        const match = matchArrays(sidesOf(oldOnes, newOnes));
        const seen = new Set<number>();
        for (const [newIndex, element] of newOnes.entries()) {
          if (element.from === -1) continue;
          expect(match.source[newIndex]).toBe(seen.has(element.from) ? -1 : element.from);
          seen.add(element.from);
        }
        const isLeft = (newIndex: number): boolean => match.source[newIndex] === -1 || match.paired.has(newIndex);
        const repeated = (newIndex: number): boolean => newOnes[newIndex]?.from !== -1;
        const newLeft = newOnes.filter((_, newIndex) => isLeft(newIndex) && !repeated(newIndex)).map((element) => element.key);
        const pairedOld = [...match.paired].map((newIndex) => match.source[newIndex] as number);
        const oldLeft = new Set([...match.removed, ...pairedOld].map((oldIndex) => oldOnes[oldIndex]?.key));
        expect(newLeft.filter((key) => oldLeft.has(key))).toEqual([]);
      }),
    );
  });

  it("[W3] never moves more than it must: what stays is a longest increasing subsequence", () => {
    fc.assert(
      fc.property(arrays, ([oldOnes, newOnes]) => {
        const match = matchArrays(sidesOf(oldOnes, newOnes));
        const staying = match.source.filter((oldIndex, newIndex) => oldIndex !== -1 && !match.moved.has(newIndex));
        expect(staying).toEqual(staying.toSorted((left, right) => left - right));
        expect(staying.length).toBe(longestIncreasing(match.source.filter((oldIndex) => oldIndex !== -1)));
        for (const newIndex of match.moved) expect(match.source[newIndex]).not.toBe(-1);
      }),
    );
  });

  it("[W3] always pairs as many as it can between two neighbours that stay, like with like, in order", () => {
    fc.assert(
      fc.property(arrays, ([oldOnes, newOnes]) => {
        const match = matchArrays(sidesOf(oldOnes, newOnes));
        for (const newIndex of match.paired) {
          expect(oldOnes[match.source[newIndex] as number]?.kind).toBe(newOnes[newIndex]?.kind);
          expect(match.moved.has(newIndex)).toBe(false);
        }
        // No leftover of one kind on both sides of one gap, unless the pairs of that gap stand between them.
        for (const newIndex of newOnes.keys()) {
          if (match.source[newIndex] !== -1 || newOnes[newIndex]?.from !== -1) continue;
          const stays = (index: number): boolean => match.source[index] !== -1 && !match.moved.has(index);
          const before = [...newOnes.keys()].slice(0, newIndex).findLast(stays);
          const after = [...newOnes.keys()].slice(newIndex).find(stays);
          const low = before === undefined ? -1 : (match.source[before] as number);
          const high = after === undefined ? oldOnes.length : (match.source[after] as number);
          const unused = match.removed.filter((oldIndex) => oldIndex > low && oldIndex < high);
          expect(unused.filter((oldIndex) => oldOnes[oldIndex]?.kind === newOnes[newIndex]?.kind)).toEqual([]);
        }
      }),
    );
  });

  it("[W3] equal arrays never cost a write", () => {
    fc.assert(
      fc.property(oldArray, fc.boolean(), (oldOnes, byIdentity) => {
        const newOnes = oldOnes.map((element, index) => ({ ...element, from: byIdentity && element.kind !== "scalar" ? index : -1 }));
        const match = matchArrays(sidesOf(oldOnes, newOnes));
        expect(match.source).toEqual([...oldOnes.keys()]);
        expect([match.moved.size, match.paired.size, match.removed.length]).toEqual([0, 0, 0]);
      }),
    );
  });

  it("[W3] moving one of any distinct values always moves one element", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { minLength: 2, maxLength: 30 }), fc.nat(), fc.nat(), (keys, from, to) => {
        const moved = [...keys];
        moved.splice(to % keys.length, 0, ...moved.splice(from % keys.length, 1));
        const match = matchArrays(scalarSides(keys, moved));
        expect(match.moved.size).toBe(from % keys.length === to % keys.length ? 0 : 1);
        expect([match.paired.size, match.removed.length]).toEqual([0, 0]);
      }),
    );
  });

  it("[W3] inserting or removing anywhere never touches another element", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 30 }), fc.nat(), fc.array(fc.nat(5), { maxLength: 5 }), (keys, at, inserted) => {
        const longer = keys.toSpliced(at % (keys.length + 1), 0, ...inserted);
        const grown = matchArrays(scalarSides(keys, longer));
        expect([grown.moved.size, grown.paired.size, grown.removed.length]).toEqual([0, 0, 0]);
        const shrunk = matchArrays(scalarSides(longer, keys));
        expect([shrunk.moved.size, shrunk.paired.size, shrunk.removed.length]).toEqual([0, 0, inserted.length]);
      }),
    );
  });

  it("[W3] never asks for a key twice, nor for one of an element matched by identity", () => {
    fc.assert(
      fc.property(arrays, ([oldOnes, newOnes]) => {
        const asked: string[] = [];
        const sides = sidesOf(oldOnes, newOnes);
        const match = matchArrays({
          ...sides,
          oldKey: (index) => (asked.push(`old ${index}`), sides.oldKey(index)),
          newKey: (index) => (asked.push(`new ${index}`), sides.newKey(index)),
        });
        expect(new Set(asked).size).toBe(asked.length);
        for (const [newIndex, element] of newOnes.entries()) {
          if (element.from === -1) continue;
          expect(asked).not.toContain(`new ${newIndex}`);
          if (match.source[newIndex] === element.from) expect(asked).not.toContain(`old ${element.from}`);
        }
      }),
    );
  });

  it("[W3] the common subsequence is always as long as the textbook's", () => {
    const keys = fc.array(fc.integer({ min: -1, max: 4 }), { maxLength: 30 });
    fc.assert(
      fc.property(keys, keys, (left, right) => {
        const matches: [number, number][] = [];
        matchInOrder(Int32Array.from(left), Int32Array.from(right), (leftIndex, rightIndex) => matches.push([leftIndex, rightIndex]));
        matches.sort((one, other) => one[0] - other[0]);
        for (const [place, [leftIndex, rightIndex]] of matches.entries()) {
          expect(left[leftIndex]).toBe(right[rightIndex]);
          expect(left[leftIndex]).not.toBe(-1);
          if (place > 0) expect(rightIndex).toBeGreaterThan((matches[place - 1] as [number, number])[1]);
        }
        expect(matches.length).toBe(longestCommon(left, right));
      }),
    );
  });

  it("[W3] the increasing subsequence is always one, and as long as the textbook's", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(), { maxLength: 30 }), (sequence) => {
        const places = increasingSubsequence(sequence);
        const values = places.map((place) => sequence[place] as number);
        expect(places).toEqual(places.toSorted((left, right) => left - right));
        expect(values).toEqual(values.toSorted((left, right) => left - right));
        expect(values.length).toBe(longestIncreasing(sequence));
      }),
    );
  });
});

function sidesOf(oldOnes: readonly Element[], newOnes: readonly Element[]): ArraySides {
  const at = (elements: readonly Element[], index: number): Element => {
    const element = elements[index];
    if (element === undefined) throw new RangeError(`asked for element ${index} of ${elements.length}`);
    return element;
  };
  return {
    oldCount: oldOnes.length,
    newCount: newOnes.length,
    identity: (index) => at(newOnes, index).from,
    oldKey: (index) => at(oldOnes, index).key,
    newKey: (index) => at(newOnes, index).key,
    oldKind: (index) => at(oldOnes, index).kind,
    newKind: (index) => at(newOnes, index).kind,
  };
}

function scalarSides(oldKeys: readonly number[], newKeys: readonly number[]): ArraySides {
  const elements = (keys: readonly number[]): Element[] => keys.map((key) => ({ key, kind: "scalar", from: -1 }));
  return sidesOf(elements(oldKeys), elements(newKeys));
}

/** Does what the writer does, with positions as fractions: removes, keeps in place, moves, sets and inserts; then reads in order of position. */
function applied(match: ArrayMatch, oldOnes: readonly Element[], newOnes: readonly Element[]): (number | undefined)[] {
  const cells = new Map(oldOnes.map((element, oldIndex) => [oldIndex, { key: element.key, position: oldIndex }]));
  for (const oldIndex of match.removed) cells.delete(oldIndex);
  const inserted: { key: number; position: number }[] = [];
  const staying = [...newOnes.keys()].filter((newIndex) => match.source[newIndex] !== -1 && !match.moved.has(newIndex));
  const step = 1 / (newOnes.length + 1);
  let last = -1;
  for (const [newIndex, element] of newOnes.entries()) {
    const oldIndex = match.source[newIndex] as number;
    if (staying.includes(newIndex)) last = oldIndex;
    else last += step;
    const cell = cells.get(oldIndex);
    if (cell === undefined) {
      inserted.push({ key: element.key, position: last });
      continue;
    }
    cell.position = last;
    if (match.paired.has(newIndex) || element.from === oldIndex) cell.key = element.key;
  }
  return [...cells.values(), ...inserted].sort((left, right) => left.position - right.position).map((cell) => cell.key);
}

function longestIncreasing(sequence: readonly number[]): number {
  const lengths: number[] = [];
  for (const [index, value] of sequence.entries()) {
    lengths.push(1 + Math.max(0, ...lengths.filter((_, before) => (sequence[before] as number) < value && before < index)));
  }
  return Math.max(0, ...lengths);
}

function longestCommon(left: readonly number[], right: readonly number[]): number {
  let row = Array.from({ length: right.length + 1 }, () => 0);
  for (const key of left) {
    const next = [0];
    for (const [index, other] of right.entries()) {
      const longer = Math.max(row[index + 1] as number, next[index] as number);
      next.push(key === other && key !== -1 ? (row[index] as number) + 1 : longer);
    }
    row = next;
  }
  return row.at(-1) as number;
}
