import { CellTable } from "./cell-table.ts";
import { type Cell, CellKind, layoutOf, positionProperty, type Row } from "./cells.ts";
import type { Plain } from "./values.ts";
import { ContainerNode, type Entry } from "./view.ts";

/** What a request sees once it wrote, whatever others wrote: the changed attributes as a document would show them that has nothing else. */
export function viewAfter(
  { id, kind, entries, removals }: ContainerNode,
  rows: readonly Row[],
  changed: ReadonlyMap<string, Plain | undefined>,
): ContainerNode {
  const before = new Map([...entries].filter(([name]) => changed.has(name)));
  const after = new Map([...entries].filter(([name]) => !changed.has(name)));
  const table = new CellTable();
  [...rowsOf(new ContainerNode(id, kind, { entries: before, removals })), ...rows].forEach((row, clock) => table.add(row, 0, clock, 0));
  const root = table.root();
  for (const [name, entry] of root.entries) after.set(name, counted(entry, changed.get(name)));
  return new ContainerNode(id, kind, { entries: after, removals: root.removals });
}

/**
 * The part that was written of a counter holds what this process added in the document, not what the request saw: that is in its value,
 * at whatever depth.
 */
function counted(entry: Entry, value: Plain | undefined): Entry {
  if (!(entry instanceof ContainerNode) || value === undefined) return entry;
  const { id, kind, removals } = entry;
  switch (kind) {
    case CellKind.counter:
      return new ContainerNode(id, kind, { value });
    case CellKind.object:
    case CellKind.map: {
      const contentOf = (name: string): Plain | undefined =>
        value instanceof Map ? value.get(name) : (value as Record<string, Plain>)[name];
      const entries = new Map(Array.from(entry.entries, ([name, child]) => [name, counted(child, contentOf(name))]));
      return new ContainerNode(id, kind, { entries, removals });
    }
    case CellKind.array: {
      const elements = entry.elements.map((element, index) => ({ ...element, entry: counted(element.entry, (value as Plain[])[index]) }));
      return new ContainerNode(id, kind, { elements });
    }
    default:
      return entry;
  }
}

/** Rows that would be read as this node; whatever is written later counts before them. */
function* rowsOf(node: ContainerNode): Iterable<Row> {
  const cells: Cell[] = [];
  const push = (property: string, kind: CellKind, content: Plain | undefined, position = "", stamp = 0): void => {
    cells.push({ property, kind, content, position, stamp, writer: 0 });
  };
  const children: ContainerNode[] = [];
  const pushEntry = (property: string, entry: Entry, position?: string): void => {
    if (entry instanceof ContainerNode) {
      push(property, entry.kind, entry.id, position);
      children.push(entry);
    } else cells.push(entry);
  };
  for (const [name, entry] of node.entries) pushEntry(name, entry);
  for (const [name, stamp] of node.removals ?? []) push(name, CellKind.removed, undefined, "", stamp);
  for (const { id, inserted, at, entry } of node.elements) {
    pushEntry(id, entry, inserted);
    push(positionProperty(id), CellKind.position, undefined, at.slice(0, -id.length));
  }
  if (node.value !== undefined && node.kind !== CellKind.set) push("", CellKind.value, node.value);
  yield { containerId: node.id, layout: layoutOf(node.kind), cells };
  for (const child of children) yield* rowsOf(child);
}
