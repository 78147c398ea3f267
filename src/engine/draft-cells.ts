import { type Cell, type CellContent, CellKind, type ContainerKind, Layout } from "./cells.ts";
import { freshContainerId, freshElementId, type Sha256 } from "./containers.ts";
import type { DraftRow } from "./document.ts";
import type { Stamp, WriterId } from "./record.ts";
import type { Plain } from "./values.ts";

/** The place of a value: a property of a container. `position` is the insertion key of an array element, otherwise "". */
export interface Place {
  readonly containerId: string;
  readonly layout: Layout;
  readonly property: string;
  readonly position: string;
}

/** Whose cells these will be. */
export interface DraftDot {
  readonly sha256: Sha256;
  readonly writer: WriterId;
  readonly stamp: Stamp;
}

interface OpenRow extends DraftRow {
  readonly cells: Cell[];
}

/** The cells that a commit is going to write, as they are found; one row a container. */
export class DraftCells {
  readonly #dot: DraftDot;
  readonly #rows: OpenRow[] = [];
  /** How many ids were drawn for this commit. */
  readonly #fresh: { count: number };
  #cellCount = 0;

  constructor(dot: DraftDot, fresh = { count: 0 }) {
    this.#dot = dot;
    this.#fresh = fresh;
  }

  /** Others of the same commit, that no id is drawn twice for. */
  sibling(): DraftCells {
    return new DraftCells(this.#dot, this.#fresh);
  }

  get rows(): readonly DraftRow[] {
    return this.#rows;
  }

  get cellCount(): number {
    return this.#cellCount;
  }

  put(containerId: string, layout: Layout, { property, kind, content, position }: CellContent): void {
    const { stamp, writer } = this.#dot;
    this.#rowOf(containerId, layout).cells.push({ property, kind, content, position, stamp, writer });
    this.#cellCount++;
  }

  putValue({ containerId, layout, property, position }: Place, value: Plain): void {
    this.put(containerId, layout, { property, kind: CellKind.value, content: value, position });
  }

  putRemoval({ containerId, layout, property }: Place): void {
    this.put(containerId, layout, { property, kind: CellKind.removed, content: undefined, position: "" });
  }

  /** Names the container that stands at this place from now on. */
  putName({ containerId, layout, property, position }: Place, kind: ContainerKind, childId: string): void {
    this.put(containerId, layout, { property, kind, content: childId, position });
  }

  /** What is in these rows, where nothing is written yet. */
  putBeneath({ containerId, layout, cells }: DraftRow): void {
    const written = new Set(this.#rowOf(containerId, layout).cells.map((cell) => cell.property));
    for (const cell of cells) if (!written.has(cell.property)) this.put(containerId, layout, cell);
  }

  freshContainerId(): string {
    return freshContainerId(this.#dot.sha256, this.#dot.writer, this.#dot.stamp, this.#fresh.count++);
  }

  freshElementId(): string {
    return freshElementId(this.#dot.sha256, this.#dot.writer, this.#dot.stamp, this.#fresh.count++);
  }

  /** The row that was written to last is nearly always the one: what is in a container is compared together. */
  #rowOf(containerId: string, layout: Layout): OpenRow {
    for (let index = this.#rows.length - 1; index >= 0; index--) {
      const row = this.#rows[index];
      if (row?.containerId === containerId) return row;
    }
    const row: OpenRow = { containerId, layout, cells: [] };
    this.#rows.push(row);
    return row;
  }
}

/** The place of a property of an object or map. */
export function namedPlace(containerId: string, property: string): Place {
  return { containerId, layout: Layout.named, property, position: "" };
}

/** The place of an element of an array; `position` is its key of insertion. */
export function elementPlace(containerId: string, property: string, position: string): Place {
  return { containerId, layout: Layout.elements, property, position };
}

/** The place of an element of a set; `property` is what it is called (`memberProperty`). */
export function memberPlace(containerId: string, property: string): Place {
  return { containerId, layout: Layout.members, property, position: "" };
}
