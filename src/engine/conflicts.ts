import type { CellTable } from "./cell-table.ts";
import { type Cell, CellKind, covers, namedContainer, ROOT_CONTAINER, type Row } from "./cells.ts";
import type { SessionDocument } from "./document.ts";
import { stampMs } from "./hybrid-clock.ts";
import type { Change, Dot, Stamp, WriterId } from "./record.ts";
import { ContainerNode, type Entry } from "./view.ts";

/** Of two values written at one place at the same time, which stamps were kept and discarded; milliseconds since the session's birth. */
export interface Conflict {
  /** The attribute; the place may lie anywhere inside it. */
  readonly name: string;
  readonly keptAtMs: number;
  readonly discardedAtMs: number;
}

/**
 * Conflicts between the cells that count in `table` and `rows` that are about to come in. `saw` says whether whoever wrote the rows had
 * seen the cell that counts: then he meant to replace it. At most one an attribute.
 */
export function conflictsOf(table: CellTable, rows: Iterable<Row>, saw: (containerId: string, cell: Cell) => boolean): Conflict[] {
  const conflicts = new Map<string, Conflict>();
  for (const { containerId, cells } of rows) {
    for (const cell of cells) {
      const held = table.counting(containerId, cell.property);
      if (held === undefined || cell.kind === CellKind.position || isSameWrite(held, cell) || saw(containerId, held)) continue;
      const [kept, discarded] = isLater(cell, held) ? [cell, held] : [held, cell];
      const name = attributeOf(table, containerId, cell.property);
      // Of a removal nothing is lost.
      if (discarded.kind === CellKind.removed || name === undefined) continue;
      conflicts.set(name, { name, keptAtMs: stampMs(kept.stamp), discardedAtMs: stampMs(discarded.stamp) });
    }
  }
  return [...conflicts.values()];
}

/** For `conflictsOf`: whoever was given `base` has seen what it shows. */
export function shownBy(base: ContainerNode): (containerId: string, cell: Cell) => boolean {
  const nodes = new Map<string, ContainerNode>();
  const collect = (node: ContainerNode): void => {
    nodes.set(node.id, node);
    for (const entry of node.entries.values()) if (entry instanceof ContainerNode) collect(entry);
    for (const { entry } of node.elements) if (entry instanceof ContainerNode) collect(entry);
  };
  collect(base);
  return (containerId, cell) => {
    const node = nodes.get(containerId);
    const entry = node?.entries.get(cell.property) ?? node?.elements.find(({ id }) => id === cell.property)?.entry;
    if (cell.kind === CellKind.removed) return node?.removals?.get(cell.property) === cell.stamp;
    return entry !== undefined && isShown(entry, cell);
  };
}

/** What the authors of commits had seen, as far as their changes told. What was here before this process held the session counts as seen. */
export class AuthorsSeen {
  readonly #document: SessionDocument;
  readonly #seen = new Map<WriterId, Map<WriterId, Stamp>>();

  constructor(document: SessionDocument) {
    this.#document = document;
  }

  /** What `change` tells of its author; before it is asked about its rows. */
  learn({ writer, seen }: Change): void {
    const known = this.#seen.get(writer) ?? new Map<WriterId, Stamp>();
    this.#seen.set(writer, known);
    for (const [of, stamp] of seen) known.set(of, Math.max(stamp, known.get(of) ?? 0));
  }

  saw(author: WriterId, dot: Dot): boolean {
    if (dot[0] === author) return true;
    const known = this.#seen.get(author);
    return (known?.has(dot[0]) === true && covers(known, dot)) || covers(this.#document.heldFrom, dot);
  }
}

function attributeOf(table: CellTable, containerId: string, property: string): string | undefined {
  let name = property;
  for (let id = containerId, depth = 0; id !== ROOT_CONTAINER; depth++) {
    const place = table.placeOf(id);
    if (place?.parentId === undefined || depth > 64) return undefined;
    name = place.parentProperty;
    id = place.parentId;
  }
  return name;
}

function isSameWrite(left: Cell, right: Cell): boolean {
  if (left.writer === right.writer && left.stamp === right.stamp) return true;
  // Two that created the same container: nothing of either is lost.
  return namedContainer(left) !== undefined && namedContainer(left) === namedContainer(right);
}

function isLater(left: Cell, right: Cell): boolean {
  return left.stamp !== right.stamp ? left.stamp > right.stamp : left.writer > right.writer;
}

function isShown(entry: Entry, cell: Cell): boolean {
  if (entry instanceof ContainerNode) return entry.id === namedContainer(cell);
  return entry.stamp === cell.stamp && entry.writer === cell.writer;
}
