import { increasingSubsequence, matchInOrder } from "./common-subsequence.ts";

/** Which elements of an old array a new one continues: the decision, without the writes. */
export interface ArrayMatch {
  /** For each new index the old index it continues, or -1 for an insertion. */
  readonly source: readonly number[];
  /** New indexes whose element is not the same value but was paired in order between matched neighbours. */
  readonly paired: ReadonlySet<number>;
  /** New indexes of continued elements that need a new position: the fewest possible. */
  readonly moved: ReadonlySet<number>;
  /** Old indexes that are gone, ascending. */
  readonly removed: readonly number[];
}

export type ElementKind = "object" | "array" | "scalar";

/** The two arrays, seen through what matching needs. A key is asked for at most once, and never for a match by identity. */
export interface ArraySides {
  readonly oldCount: number;
  readonly newCount: number;
  /** The old index whose handed-out object this new element is, or -1. */
  identity(newIndex: number): number;
  /** Equal (`===`) exactly for equal elements; not NaN. */
  oldKey(oldIndex: number): string | number;
  newKey(newIndex: number): string | number;
  oldKind(oldIndex: number): ElementKind;
  newKind(newIndex: number): ElementKind;
}

/**
 * Matches by these rules, in this order (DESIGN 3.3, "changed an array"):
 * 1. by identity, each old element once; the same object a second time is an insertion;
 * 2. by equal key, in order: a longest common subsequence of what rule 1 left, which identity matches may cross;
 * 3. by equal key, anywhere: a move;
 * 4. what is left between neighbours that did not move pairs up in order, object with object, array with array, scalar with
 *    scalar;
 * 5. the rest is removed and inserted.
 *
 * Pure and deterministic. Costs O(n log n) and a bounded effort for rule 2 (see `matchInOrder`); O(n) when nothing changed.
 */
export function matchArrays(sides: ArraySides): ArrayMatch {
  const source = new Array<number>(sides.newCount).fill(-1);
  const target = new Int32Array(sides.oldCount).fill(-1);
  const repeated = matchByIdentity(sides, source, target);
  matchByKey(sides, source, target, repeated);
  const moved = movedOf(source);
  const paired = pairUp(sides, source, target, repeated, moved);
  const removed: number[] = [];
  for (let oldIndex = 0; oldIndex < target.length; oldIndex += 1) if (target[oldIndex] === -1) removed.push(oldIndex);
  return { source, paired, moved, removed };
}

/** Rule 1. Returns the new indexes that hold an object for the second time. */
function matchByIdentity(sides: ArraySides, source: number[], target: Int32Array): Set<number> {
  const repeated = new Set<number>();
  for (let newIndex = 0; newIndex < source.length; newIndex += 1) {
    const oldIndex = sides.identity(newIndex);
    if (oldIndex < 0) continue;
    if (target[oldIndex] === -1) {
      source[newIndex] = oldIndex;
      target[oldIndex] = newIndex;
    } else repeated.add(newIndex);
  }
  return repeated;
}

/** Rules 2 and 3. */
function matchByKey(sides: ArraySides, source: number[], target: Int32Array, repeated: ReadonlySet<number>): void {
  const oldFree: number[] = [];
  for (let oldIndex = 0; oldIndex < target.length; oldIndex += 1) if (target[oldIndex] === -1) oldFree.push(oldIndex);
  const newFree: number[] = [];
  for (let newIndex = 0; newIndex < source.length; newIndex += 1) {
    if (source[newIndex] === -1 && !repeated.has(newIndex)) newFree.push(newIndex);
  }
  if (oldFree.length === 0 || newFree.length === 0) return;

  // Keys become small integers: one lookup each, and comparing costs nothing afterwards.
  const numbers = new Map<string | number, number>();
  const oldNumbers = new Int32Array(oldFree.length);
  for (const [place, oldIndex] of oldFree.entries()) oldNumbers[place] = numberOf(numbers, sides.oldKey(oldIndex));
  const newNumbers = new Int32Array(newFree.length);
  for (const [place, newIndex] of newFree.entries()) newNumbers[place] = numbers.get(sides.newKey(newIndex)) ?? -1;

  const match = (oldPlace: number, newPlace: number): void => {
    const oldIndex = oldFree[oldPlace] as number;
    const newIndex = newFree[newPlace] as number;
    source[newIndex] = oldIndex;
    target[oldIndex] = newIndex;
  };
  matchInOrder(oldNumbers, newNumbers, match);

  // Rule 3, the n-th leftover of a key with the n-th.
  const leftovers = new Array<number[] | undefined>(numbers.size);
  for (let place = oldFree.length - 1; place >= 0; place -= 1) {
    if (target[oldFree[place] as number] === -1) (leftovers[oldNumbers[place] as number] ??= []).push(place);
  }
  for (let newPlace = 0; newPlace < newFree.length; newPlace += 1) {
    if (source[newFree[newPlace] as number] !== -1) continue;
    const oldPlace = leftovers[newNumbers[newPlace] as number]?.pop();
    if (oldPlace !== undefined) match(oldPlace, newPlace);
  }
}

function numberOf(numbers: Map<string | number, number>, key: string | number): number {
  const number = numbers.get(key) ?? numbers.size;
  numbers.set(key, number);
  return number;
}

/** The complement of a longest increasing subsequence. Rule 4 adds elements between those that stay, and changes nothing here. */
function movedOf(source: readonly number[]): Set<number> {
  const continued: number[] = [];
  let ascending = true;
  let last = -1;
  for (let newIndex = 0; newIndex < source.length; newIndex += 1) {
    const oldIndex = source[newIndex] as number;
    if (oldIndex === -1) continue;
    ascending &&= oldIndex > last;
    last = oldIndex;
    continued.push(newIndex);
  }
  if (ascending) return new Set();
  const moved = new Set(continued);
  for (const place of increasingSubsequence(continued.map((newIndex) => source[newIndex] as number))) {
    moved.delete(continued[place] as number);
  }
  return moved;
}

const KIND_NUMBERS: Readonly<Record<ElementKind, number>> = { object: 0, array: 1, scalar: 2 };

/** Rule 4. */
function pairUp(
  sides: ArraySides,
  source: number[],
  target: Int32Array,
  repeated: ReadonlySet<number>,
  moved: ReadonlySet<number>,
): Set<number> {
  const paired = new Set<number>();
  let newGap: number[] = [];
  let oldStart = 0;
  const closeGap = (oldEnd: number): void => {
    if (newGap.length === 0) return;
    const oldGap: number[] = [];
    for (let oldIndex = oldStart; oldIndex < oldEnd; oldIndex += 1) if (target[oldIndex] === -1) oldGap.push(oldIndex);
    const newOnes = newGap;
    newGap = [];
    if (oldGap.length === 0) return;
    const oldKinds = Int32Array.from(oldGap, (oldIndex) => KIND_NUMBERS[sides.oldKind(oldIndex)]);
    const newKinds = Int32Array.from(newOnes, (newIndex) => KIND_NUMBERS[sides.newKind(newIndex)]);
    matchInOrder(oldKinds, newKinds, (oldPlace, newPlace) => {
      const oldIndex = oldGap[oldPlace] as number;
      const newIndex = newOnes[newPlace] as number;
      source[newIndex] = oldIndex;
      target[oldIndex] = newIndex;
      paired.add(newIndex);
    });
  };
  for (let newIndex = 0; newIndex < source.length; newIndex += 1) {
    const oldIndex = source[newIndex] as number;
    if (oldIndex === -1) {
      if (!repeated.has(newIndex)) newGap.push(newIndex);
    } else if (!moved.has(newIndex)) {
      closeGap(oldIndex);
      oldStart = oldIndex + 1;
    }
  }
  closeGap(target.length);
  return paired;
}
