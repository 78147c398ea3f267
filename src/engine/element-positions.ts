import { positionsBetween } from "./containers.ts";
import type { ElementNode } from "./view.ts";

/** Position keys for the elements that are new or moved: between the neighbours that stay. */
export function newPositions(
  old: readonly ElementNode[],
  count: number,
  source: readonly number[],
  moved: ReadonlySet<number>,
  ids: readonly string[],
): Map<number, string> {
  const positions = new Map<number, string>();
  const stays = (index: number): ElementNode | undefined => (moved.has(index) ? undefined : old[source[index] ?? -1]);
  for (let index = 0; index < count; index++) {
    if (stays(index) !== undefined) continue;
    let end = index;
    while (end < count && stays(end) === undefined) end++;
    const low = index === 0 ? null : (stays(index - 1)?.at ?? null);
    const high = end === count ? null : (stays(end)?.at ?? null);
    const keys = positionsBetween(low, high, ids.slice(index, end));
    keys.forEach((key, offset) => positions.set(index + offset, key));
    index = end;
  }
  return positions;
}
