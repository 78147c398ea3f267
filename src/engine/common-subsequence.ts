/**
 * Pairs of equal keys up to which a longest common subsequence is looked for: all of two arrays without repetitions, and any two
 * of 256 elements. Bounds the time (to a few milliseconds) and the memory (1 MiB).
 */
const PAIRS_MAX = 0x10000;

/**
 * Reports a common subsequence of two sequences of small non-negative integers (-1 matches nothing): the common ends, and between
 * them a longest one (Hunt and Szymanski, A Fast Algorithm for Computing Longest Common Subsequences, 1977), or none when more
 * than `PAIRS_MAX` pairs of places hold the same integer.
 */
export function matchInOrder(left: Int32Array, right: Int32Array, match: (leftIndex: number, rightIndex: number) => void): void {
  let start = 0;
  let leftEnd = left.length;
  let rightEnd = right.length;
  while (start < leftEnd && start < rightEnd && left[start] === right[start] && left[start] !== -1) {
    match(start, start);
    start += 1;
  }
  while (leftEnd > start && rightEnd > start && left[leftEnd - 1] === right[rightEnd - 1] && left[leftEnd - 1] !== -1) {
    leftEnd -= 1;
    rightEnd -= 1;
    match(leftEnd, rightEnd);
  }
  const placesOfKey = new Map<number, number[]>();
  for (let place = rightEnd - 1; place >= start; place -= 1) {
    const key = right[place] as number;
    const places = placesOfKey.get(key);
    if (places !== undefined) places.push(place);
    else if (key !== -1) placesOfKey.set(key, [place]);
  }
  // All pairs: by their left place, those with the same one backwards, so that an increasing subsequence takes each place once.
  const leftPlaces: number[] = [];
  const rightPlaces: number[] = [];
  for (let place = start; place < leftEnd; place += 1) {
    for (const other of placesOfKey.get(left[place] as number) ?? []) {
      leftPlaces.push(place);
      rightPlaces.push(other);
    }
    if (leftPlaces.length > PAIRS_MAX) return;
  }
  for (const pair of increasingSubsequence(rightPlaces)) match(leftPlaces[pair] as number, rightPlaces[pair] as number);
}

/** Indexes of a longest strictly increasing subsequence, ascending. Patience sorting, O(n log n). */
export function increasingSubsequence(sequence: readonly number[]): number[] {
  /** `tails[n]`: index of the smallest last element of an increasing subsequence of n + 1 elements. */
  const tails: number[] = [];
  const previous = new Int32Array(sequence.length).fill(-1);
  for (let index = 0; index < sequence.length; index += 1) {
    const value = sequence[index] as number;
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sequence[tails[middle] as number] as number) < value) low = middle + 1;
      else high = middle;
    }
    if (low > 0) previous[index] = tails[low - 1] as number;
    tails[low] = index;
  }
  const result = new Array<number>(tails.length);
  let index = tails.at(-1) ?? -1;
  for (let place = tails.length - 1; place >= 0; place -= 1) {
    result[place] = index;
    index = previous[index] as number;
  }
  return result;
}
