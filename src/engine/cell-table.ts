import {
  type Cell,
  CellKind,
  compareCells,
  type ContainerKind,
  isContainerKind,
  isInForce,
  type Layout,
  layoutOf,
  expiringName,
  namedContainer,
  positionProperty,
  raise,
  ROOT_CONTAINER,
  type Row,
  type VersionVector,
} from "./cells.ts";
import { fullPosition } from "./containers.ts";
import { DEPTH_MAX } from "./limits.ts";
import type { Stamp, WriterId } from "./record.ts";
import type { Plain } from "./values.ts";
import { ContainerNode, type ElementNode, type Entry, type Expiry, withoutExpired } from "./view.ts";

/** A row as it lies in the document: `client` and `clock` are its Yjs id. */
export interface StoredRow extends Row {
  readonly client: number;
  readonly clock: number;
  /** The stamp of the commit; 0 in a genesis. */
  readonly stamp: Stamp;
  /** How many of its cells count. */
  counting: number;
}

/** A range of Yjs clocks, as in a delete set. */
export interface ClockRange {
  readonly clock: number;
  readonly len: number;
}

/** Of the cells of one property the first counts; the others stand behind it in no order. */
interface PlacedCell {
  readonly cell: Cell;
  readonly row: StoredRow;
  next: PlacedCell | undefined;
}

/** What the id of a container stands for: both are hashed into it, so they never change. */
export interface Place {
  readonly layout: Layout | undefined;
  readonly parentId: string | undefined;
  readonly parentProperty: string;
}

interface Container extends Place {
  layout: Layout | undefined;
  parentId: string | undefined;
  parentProperty: string;
  readonly slots: Map<string, PlacedCell>;
  readonly rows: Set<StoredRow>;
  node: ContainerNode | undefined;
}

/**
 * The cells that a document holds, and which of them count. Pure bookkeeping beside the Yjs document: rows come in and go out,
 * in any order, and what counts depends only on which are in.
 */
export class CellTable {
  readonly vector: VersionVector = new Map();
  /** The highest stamp of an object-property removal that compaction has dropped (`G` of DESIGN 3.2). */
  removalFloor: Stamp = 0;
  /** The highest stamp seen. */
  latestStamp: Stamp = 0;
  readonly #containers = new Map<string, Container>();
  /** The root without what had expired when it was last looked at. */
  #unexpired: { readonly root: ContainerNode; readonly goneCount: number; readonly node: ContainerNode } | undefined;
  readonly #rows = new Map<number, Map<number, StoredRow>>();

  add(row: Row, client: number, clock: number, stamp: Stamp): StoredRow {
    const { containerId, layout, cells } = row;
    const stored: StoredRow = { containerId, layout, cells, client, clock, stamp, counting: 0 };
    let ofClient = this.#rows.get(client);
    if (ofClient === undefined) this.#rows.set(client, (ofClient = new Map<number, StoredRow>()));
    ofClient.set(clock, stored);
    if (stamp > 0) this.see([client, stamp]);
    const container = this.#container(row.containerId);
    container.layout = layout;
    container.rows.add(stored);
    for (const cell of row.cells) this.#place(container, row.containerId, cell, stored);
    this.#invalidate(container);
    return stored;
  }

  /** Takes out the rows with these Yjs ids, where they are in: together, for there may be thousands of one property. */
  remove(ids: Iterable<{ readonly client: number; readonly clock: number }>): void {
    const touched = new Map<Container, Set<string>>();
    for (const { client, clock } of ids) {
      const ofClient = this.#rows.get(client);
      const stored = ofClient?.get(clock);
      if (ofClient === undefined || stored === undefined) continue;
      ofClient.delete(clock);
      const container = this.#container(stored.containerId);
      container.rows.delete(stored);
      const properties = touched.get(container) ?? new Set();
      touched.set(container, properties);
      for (const { property } of stored.cells) properties.add(property);
    }
    for (const [container, properties] of touched) {
      for (const property of properties) unplaceRemoved(container, property);
      this.#invalidate(container);
    }
  }

  /** All rows that are in, by Yjs client and clock. */
  get rows(): ReadonlyMap<number, ReadonlyMap<number, StoredRow>> {
    return this.#rows;
  }

  /** What is known of the place that a container's id stands for. */
  placeOf(containerId: string): Place | undefined {
    return this.#containers.get(containerId);
  }

  see(dot: readonly [number, Stamp]): void {
    raise(this.vector, dot);
    if (dot[1] > this.latestStamp) this.latestStamp = dot[1];
  }

  /** The cell that counts for a property; undefined when there is none. */
  counting(containerId: string, property: string): Cell | undefined {
    return this.#containers.get(containerId)?.slots.get(property)?.cell;
  }

  countingRow(containerId: string, property: string): StoredRow | undefined {
    return this.#containers.get(containerId)?.slots.get(property)?.row;
  }

  /** The row of the root that a commit wrote; undefined when it is in no row of its own (any more). */
  rootRow(writer: WriterId, stamp: Stamp): StoredRow | undefined {
    if (stamp === 0) return undefined;
    for (const row of this.#container(ROOT_CONTAINER).rows) if (row.client === writer && row.stamp === stamp) return row;
    return undefined;
  }

  /** All rows of a container and of the containers named inside it. */
  rowsBelow(containerId: string): StoredRow[] {
    const rows: StoredRow[] = [];
    const ids = new Set([containerId]);
    for (const id of ids) {
      const container = this.#containers.get(id);
      for (const row of container?.rows ?? []) rows.push(row);
      for (const [property, { cell }] of container?.slots ?? []) {
        const child = namedContainer(cell);
        if (child !== undefined && this.#isNamedAt(child, id, property)) ids.add(child);
      }
    }
    return rows;
  }

  /** The attribute in which a container can be reached from the root by cells that count; undefined when it cannot. */
  attributeOf(containerId: string): string | undefined {
    let id = containerId;
    let property: string | undefined;
    for (let depth = 0; id !== ROOT_CONTAINER; depth++) {
      const container = this.#containers.get(id);
      if (container?.parentId === undefined || depth > this.#containers.size) return undefined;
      const cell = this.counting(container.parentId, container.parentProperty);
      if (cell === undefined || namedContainer(cell) !== id) return undefined;
      id = container.parentId;
      property = container.parentProperty;
    }
    return property;
  }

  /** Every cell that counts, reachable or not, with its container: what a join of two documents works on. */
  *countingRows(): Iterable<Row> {
    for (const [containerId, container] of this.#containers) {
      const cells: Cell[] = [];
      let layout: Row["layout"] | undefined;
      for (const placed of container.slots.values()) {
        cells.push(placed.cell);
        layout = placed.row.layout;
      }
      if (layout !== undefined) yield { containerId, layout, cells };
    }
  }

  /** The attributes, also those that have expired. Cached: costs nothing while nothing changes. */
  root(): ContainerNode {
    return this.#node(ROOT_CONTAINER, this.#container(ROOT_CONTAINER), CellKind.object);
  }

  /** The attributes `sinceBirthMs` after the birth of the session. The same node while nothing changes, and nothing expires. */
  rootAt(sinceBirthMs: number): ContainerNode {
    const root = this.root();
    if (root.expiries === undefined) return root;
    const isExpired = ({ atMs }: Expiry): boolean => atMs <= sinceBirthMs;
    let goneCount = 0;
    for (const expiry of root.expiries.values()) if (isExpired(expiry)) goneCount++;
    if (goneCount === 0) return root;
    // Expiries pass one after the other: how many did says which.
    if (this.#unexpired?.root !== root || this.#unexpired.goneCount !== goneCount) {
      this.#unexpired = { root, goneCount, node: withoutExpired(root, isExpired) };
    }
    return this.#unexpired.node;
  }

  #place(container: Container, containerId: string, cell: Cell, row: StoredRow): void {
    const top = container.slots.get(cell.property);
    const first = placedOver(top, { cell, row, next: undefined });
    if (first !== top) {
      container.slots.set(cell.property, first);
      row.counting++;
      if (top !== undefined) top.row.counting--;
    }
    const child = namedContainer(cell);
    if (child !== undefined) {
      const named = this.#container(child);
      named.layout = layoutOf(cell.kind as ContainerKind);
      named.parentId = containerId;
      named.parentProperty = cell.property;
    }
  }

  #container(id: string): Container {
    let container = this.#containers.get(id);
    if (container === undefined) {
      container = { slots: new Map(), rows: new Set(), layout: undefined, parentId: undefined, parentProperty: "", node: undefined };
      this.#containers.set(id, container);
    }
    return container;
  }

  #isNamedAt(childId: string, parentId: string, property: string): boolean {
    const child = this.#containers.get(childId);
    return child !== undefined && child.parentId === parentId && child.parentProperty === property;
  }

  /** A node stands only as long as nothing below it changed. */
  #invalidate(container: Container): void {
    let current: Container | undefined = container;
    while (current?.node !== undefined) {
      current.node = undefined;
      current = current.parentId === undefined ? undefined : this.#containers.get(current.parentId);
    }
  }

  /** `depth` is that of the place which the id stands for: always the same. */
  #node(id: string, container: Container, kind: ContainerKind, depth = 0): ContainerNode {
    if (container.node !== undefined && container.node.kind === kind) return container.node;
    const node = this.#build(id, container, kind, depth + 1);
    container.node = node;
    return node;
  }

  #build(id: string, container: Container, kind: ContainerKind, depth: number): ContainerNode {
    switch (kind) {
      case CellKind.object:
      case CellKind.map: {
        const entries = new Map<string, Entry>();
        let removals: Map<string, Stamp> | undefined;
        let expiries: Map<string, Expiry> | undefined;
        for (const [property, { cell }] of container.slots) {
          const entry = this.#entry(id, property, cell, depth);
          if (entry !== undefined) entries.set(property, entry);
          else if (cell.kind === CellKind.removed) (removals ??= new Map()).set(property, cell.stamp);
          else if (cell.kind === CellKind.expiry && cell.content !== 0) {
            const name = expiringName(property);
            if (!isInForce(cell, container.slots.get(name)?.cell)) continue;
            (expiries ??= new Map()).set(name, { atMs: cell.content as number, stamp: cell.stamp });
          }
        }
        return new ContainerNode(id, kind, { entries, removals, expiries });
      }
      case CellKind.set: {
        const cells = [...container.slots.values()].flatMap(({ cell }) => (cell.kind === CellKind.value ? cell : []));
        cells.sort((left, right) => compareCells(left, right) || (left.property < right.property ? -1 : 1));
        return new ContainerNode(id, kind, {
          entries: new Map(cells.map((cell) => [cell.property, cell])),
          value: new Set<Plain>(cells.map(({ content }) => content ?? null)),
        });
      }
      case CellKind.array: {
        const elements: ElementNode[] = [];
        for (const [property, { cell }] of container.slots) {
          if (cell.kind === CellKind.position) continue;
          const entry = this.#entry(id, property, cell, depth);
          if (entry === undefined) continue;
          const moved = container.slots.get(positionProperty(property))?.cell.position;
          elements.push({ id: property, inserted: cell.position, at: fullPosition(moved ?? cell.position, property), entry });
        }
        return new ContainerNode(id, kind, { elements: elements.sort((left, right) => (left.at < right.at ? -1 : 1)) });
      }
      case CellKind.counter: {
        const parts = [...container.slots.values()].map(({ cell }) => cell);
        parts.sort((left, right) => Number(left.property) - Number(right.property));
        return new ContainerNode(id, kind, {
          value: parts.reduce((sum, { content }) => sum + (typeof content === "number" ? content : 0), 0),
        });
      }
      case CellKind.register:
        return new ContainerNode(id, kind, { value: container.slots.get("")?.cell.content ?? null });
    }
  }

  #entry(containerId: string, property: string, cell: Cell, depth: number): Entry | undefined {
    if (cell.kind === CellKind.value) return cell;
    if (!isContainerKind(cell.kind)) return undefined;
    const childId = cell.content as string;
    const child = this.#containers.get(childId);
    if (child === undefined || depth > DEPTH_MAX || !this.#isNamedAt(childId, containerId, property)) return undefined;
    return this.#node(childId, child, cell.kind, depth);
  }
}

/** Which of the cells of a property comes first with one more. */
function placedOver(top: PlacedCell | undefined, placed: PlacedCell): PlacedCell {
  if (top === undefined || compareCells(placed.cell, top.cell) > 0) {
    placed.next = top;
    return placed;
  }
  placed.next = top.next;
  top.next = placed;
  return top;
}

/** Takes the cells of a property out whose rows are not in any more. */
function unplaceRemoved({ slots, rows }: Container, property: string): void {
  const before = slots.get(property);
  let top: PlacedCell | undefined;
  for (let placed = before, next; placed !== undefined; placed = next) {
    next = placed.next;
    if (rows.has(placed.row)) top = placedOver(top, placed);
  }
  if (top === before) return;
  if (before !== undefined) before.row.counting--;
  if (top === undefined) slots.delete(property);
  else {
    slots.set(property, top);
    top.row.counting++;
  }
}
