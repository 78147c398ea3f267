import {
  type Cell,
  CellKind,
  compareCells,
  type ContainerKind,
  expiringName,
  isContainerKind,
  namedContainer,
  ROOT_CONTAINER,
} from "../../../src/engine/cells.ts";
import { valueKey } from "../../../src/engine/value-key.ts";
import type { CellTable } from "../../../src/engine/cell-table.ts";

/** One cell with all that tells it from others. */
interface ModelCell {
  readonly container: string;
  readonly cell: Cell;
}

/** A document as the definition of the merge sees it (DESIGN 3.4): a set of cells, what has been seen, and G. */
export interface MergeModel {
  readonly cells: readonly ModelCell[];
  readonly vector: ReadonlyMap<number, number>;
  readonly floor: number;
}

const REMOVALS_KEPT = 32;

export function modelOf(table: CellTable): MergeModel {
  const cells = [...table.countingRows()].flatMap((row) => row.cells.map((cell) => ({ container: row.containerId, cell })));
  return { cells, vector: new Map(table.vector), floor: table.removalFloor };
}

/** A cell that only one side has is kept if the other has not seen its dot; then of each property the one that counts most. */
export function joinModels(left: MergeModel, right: MergeModel): MergeModel {
  const [leftNames, rightNames] = [namesOf(left), namesOf(right)];
  const kept = [
    ...left.cells.filter((cell) => rightNames.has(nameOf(cell)) || !hasSeen(right, cell)),
    ...right.cells.filter((cell) => !leftNames.has(nameOf(cell)) && !hasSeen(left, cell)),
  ];
  const vector = new Map(left.vector);
  for (const [writer, stamp] of right.vector) vector.set(writer, Math.max(stamp, vector.get(writer) ?? 0));
  return { cells: counting(kept), vector, floor: Math.max(left.floor, right.floor) };
}

/**
 * What compaction leaves: cells that can be reached; the 32 newest removals of properties, others raise G; the 32 newest removals of
 * elements of sets; positions of elements that are there; expiries of attributes that nobody wrote as a whole since.
 */
export function compactModel(model: MergeModel): MergeModel {
  const kinds = reachableKinds(model);
  const reachable = model.cells.filter(({ container }) => kinds.has(container));
  const removalsIn = (...of: readonly ContainerKind[]): ModelCell[] =>
    reachable
      .filter(({ container, cell }) => cell.kind === CellKind.removed && of.includes(kinds.get(container) ?? CellKind.array))
      .sort((left, right) => compareCells(right.cell, left.cell));
  const removals = removalsIn(CellKind.object, CellKind.map);
  const kept = new Set([...removals.slice(0, REMOVALS_KEPT), ...removalsIn(CellKind.set).slice(0, REMOVALS_KEPT)]);
  const present = new Map(
    reachable.filter(({ cell }) => cell.kind !== CellKind.removed).map(({ container, cell }) => [`${container} ${cell.property}`, cell]),
  );
  return {
    cells: reachable.filter((candidate) => {
      const { container, cell } = candidate;
      if (cell.kind === CellKind.removed) return kept.has(candidate);
      if (cell.kind === CellKind.expiry) {
        const attribute = present.get(`${container} ${expiringName(cell.property)}`);
        return attribute !== undefined && compareCells(cell, attribute) >= 0;
      }
      // The position of an element that is gone goes with it.
      return cell.kind !== CellKind.position || present.has(`${container} ${cell.property.slice(1)}`);
    }),
    vector: model.vector,
    floor: removals.slice(REMOVALS_KEPT).reduce((floor, { cell }) => Math.max(floor, cell.stamp), model.floor),
  };
}

/** In an order of its own, so that two models that say the same are equal. */
export function comparable(model: MergeModel): unknown {
  return {
    floor: model.floor,
    vector: [...model.vector].sort(([left], [right]) => left - right),
    cells: model.cells
      .map(
        (cell) =>
          `${nameOf(cell)} ${cell.cell.kind} ${cell.cell.position} ${cell.cell.content === undefined ? "" : valueKey(cell.cell.content)}`,
      )
      .sort((left, right) => (left < right ? -1 : 1)),
  };
}

function counting(cells: readonly ModelCell[]): ModelCell[] {
  const best = new Map<string, ModelCell>();
  for (const candidate of cells) {
    const slot = `${candidate.container} ${candidate.cell.property}`;
    const before = best.get(slot);
    if (before === undefined || compareCells(candidate.cell, before.cell) > 0) best.set(slot, candidate);
  }
  return [...best.values()];
}

function reachableKinds(model: MergeModel): Map<string, ContainerKind> {
  const kinds = new Map<string, ContainerKind>([[ROOT_CONTAINER, CellKind.object]]);
  for (let size = 0; size < kinds.size;) {
    size = kinds.size;
    for (const { container, cell } of model.cells) {
      const named = namedContainer(cell);
      if (named !== undefined && kinds.has(container) && isContainerKind(cell.kind)) kinds.set(named, cell.kind);
    }
  }
  return kinds;
}

function hasSeen(model: MergeModel, { cell }: ModelCell): boolean {
  return (model.vector.get(cell.writer) ?? 0) >= cell.stamp;
}

function namesOf(model: MergeModel): Set<string> {
  return new Set(model.cells.map(nameOf));
}

function nameOf({ container, cell }: ModelCell): string {
  return `${container} ${cell.property} ${cell.writer} ${cell.stamp}`;
}
