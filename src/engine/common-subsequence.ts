/**
 * Insertions and deletions up to which a longest common subsequence is looked for. Bounds the time (two arrays of 30,000
 * stay far below 100 ms) and the memory of the trace (1 MiB).
 */
const EDIT_DISTANCE_MAX = 512;

/**
 * Reports a common subsequence of two sequences of small non-negative integers (-1 matches nothing): a longest one, found by
 * Myers' greedy algorithm (An O(ND) Difference Algorithm, 1986) after the common ends and what occurs on one side only are set
 * aside. When the two are further apart than `EDIT_DISTANCE_MAX`, only the common ends.
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
  if (start === leftEnd || start === rightEnd) return;
  const leftPlaces = placesOfShared(left, start, leftEnd, right, start, rightEnd);
  const rightPlaces = placesOfShared(right, start, rightEnd, left, start, leftEnd);
  const leftKeys = Int32Array.from(leftPlaces, (place) => left[place] as number);
  const rightKeys = Int32Array.from(rightPlaces, (place) => right[place] as number);
  matchByMyers(leftKeys, rightKeys, (leftIndex, rightIndex) => match(leftPlaces[leftIndex] as number, rightPlaces[rightIndex] as number));
}

/** Indexes of a longest strictly increasing subsequence of distinct integers, ascending. Patience sorting, O(n log n). */
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

/** Places of [start, end) whose key occurs in the other range too. */
function placesOfShared(
  keys: Int32Array,
  start: number,
  end: number,
  others: Int32Array,
  othersStart: number,
  othersEnd: number,
): number[] {
  const known = new Set<number>();
  for (let place = othersStart; place < othersEnd; place += 1) known.add(others[place] as number);
  known.delete(-1);
  const places: number[] = [];
  for (let place = start; place < end; place += 1) if (known.has(keys[place] as number)) places.push(place);
  return places;
}

function matchByMyers(left: Int32Array, right: Int32Array, match: (leftIndex: number, rightIndex: number) => void): void {
  const distanceMax = Math.min(EDIT_DISTANCE_MAX, left.length + right.length);
  /** `furthest[diagonal + offset]`: how far into `left` the best path on that diagonal (left - right index) got. */
  const offset = distanceMax + 1;
  const furthest = new Int32Array(2 * distanceMax + 3);
  /** For every distance what `furthest` held before it, diagonals -distance … distance. */
  const trace: Int32Array[] = [];
  for (let distance = 0; distance <= distanceMax; distance += 1) {
    trace.push(furthest.slice(offset - distance - 1, offset + distance + 2));
    for (let diagonal = -distance; diagonal <= distance; diagonal += 2) {
      const down = goesDown(furthest, offset, diagonal, distance);
      let leftIndex = down ? (furthest[offset + diagonal + 1] as number) : (furthest[offset + diagonal - 1] as number) + 1;
      let rightIndex = leftIndex - diagonal;
      while (leftIndex < left.length && rightIndex < right.length && left[leftIndex] === right[rightIndex]) {
        leftIndex += 1;
        rightIndex += 1;
      }
      furthest[offset + diagonal] = leftIndex;
      if (leftIndex >= left.length && rightIndex >= right.length) {
        walkBack(trace, left.length, right.length, match);
        return;
      }
    }
  }
}

/** Whether the path to this diagonal comes from the one above (an insertion) rather than from the one below (a deletion). */
function goesDown(furthest: Int32Array, offset: number, diagonal: number, distance: number): boolean {
  if (diagonal === -distance) return true;
  if (diagonal === distance) return false;
  return (furthest[offset + diagonal - 1] as number) < (furthest[offset + diagonal + 1] as number);
}

function walkBack(
  trace: readonly Int32Array[],
  leftEnd: number,
  rightEnd: number,
  match: (leftIndex: number, rightIndex: number) => void,
): void {
  let leftIndex = leftEnd;
  let rightIndex = rightEnd;
  for (let distance = trace.length - 1; distance >= 0; distance -= 1) {
    const furthest = trace[distance] as Int32Array;
    const offset = distance + 1;
    const diagonal = leftIndex - rightIndex;
    const down = goesDown(furthest, offset, diagonal, distance);
    const before = down ? (furthest[offset + diagonal + 1] as number) : (furthest[offset + diagonal - 1] as number);
    const snakeStart = distance === 0 ? 0 : down ? before : before + 1;
    while (leftIndex > snakeStart) {
      leftIndex -= 1;
      rightIndex -= 1;
      match(leftIndex, rightIndex);
    }
    leftIndex = before;
    rightIndex = before - (down ? diagonal + 1 : diagonal - 1);
  }
}
