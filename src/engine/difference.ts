import { type ArraySides, type ElementKind, matchArrays } from "./array-difference.ts";
import type { MergeKind } from "./attributes/schema.ts";
import { type Cell, type CellContent, CellKind, type ContainerKind, Layout, positionProperty } from "./cells.ts";
import { derivedContainerId, derivedElementId, freshContainerId, freshElementId, positionsBetween, type Sha256 } from "./containers.ts";
import type { DraftRow } from "./document.ts";
import type { Stamp, WriterId } from "./record.ts";
import { valueKey } from "./value-key.ts";
import { equalValues, isPlainObject, type Plain } from "./values.ts";
import { ContainerNode, type ElementNode, type Entry, entryEquals, plainOf } from "./view.ts";

/** What a difference depends on besides the two values. */
export interface DifferenceContext {
  readonly sha256: Sha256;
  /** The dot of the commit to be. */
  readonly writer: WriterId;
  readonly stamp: Stamp;
  /** See `CellTable.removalFloor`. */
  readonly removalFloor: Stamp;
  /** What a part of a counter holds in the document, at commit. */
  counterPart(containerId: string, part: string): number;
}

/** The place of a value: a property of a container. `position` is the insertion key of an array element, otherwise "". */
interface Place {
  readonly containerId: string;
  readonly layout: Layout;
  readonly property: string;
  readonly position: string;
}

/**
 * The cells between what a request was given and what it left, by the table of DESIGN 3.3. One instance a commit; the values
 * are canonical (`normaliseValue`).
 */
export class Difference {
  readonly #context: DifferenceContext;
  /** The nodes that values show, of the values that the engine handed out. */
  readonly #origins: ReadonlyMap<object, ContainerNode>;
  readonly #rows: { containerId: string; layout: Layout; cells: Cell[] }[] = [];
  #freshCount = 0;
  #cellCount = 0;

  constructor(context: DifferenceContext, origins: ReadonlyMap<object, ContainerNode>) {
    this.#context = context;
    this.#origins = origins;
  }

  /** One row a container; empty when nothing changed. */
  get rows(): readonly DraftRow[] {
    return this.#rows;
  }

  get cellCount(): number {
    return this.#cellCount;
  }

  /** Compares one property. `removedAt` is the stamp of the removal that the request saw at this place, 0 for none. */
  compare(
    containerId: string,
    property: string,
    base: Entry | undefined,
    removedAt: Stamp,
    value: Plain | undefined,
    kind: MergeKind,
  ): void {
    this.#compare({ containerId, layout: Layout.named, property, position: "" }, base, removedAt, value, kind);
  }

  #compare(place: Place, base: Entry | undefined, removedAt: Stamp, value: Plain | undefined, kind: MergeKind): void {
    if (value === undefined) {
      if (base !== undefined) this.#remove(place);
    } else if (kind === "counter") {
      this.#compareCounter(place, base, removedAt, value);
    } else if (kind === "register") {
      this.#compareUnit(place, base, value);
    } else if (base === undefined) {
      this.#create(place, value, Math.max(this.#context.removalFloor, removedAt));
    } else if (base instanceof ContainerNode) {
      this.#compareContainer(place, base, value);
    } else if (!equalValues(base.content ?? null, value)) {
      this.#create(place, value, Math.max(this.#context.removalFloor, base.stamp));
    }
  }

  #compareContainer(place: Place, base: ContainerNode, value: Plain): void {
    switch (base.kind) {
      case CellKind.object:
        if (!isPlainObject(value)) return this.#replace(place, value);
        if (this.#isSame(base, value) || this.#isMerging(base, value)) return this.#compareProperties(base, value);
        if (!entryEquals(base, value)) this.#replace(place, value);
        return;
      case CellKind.array:
        if (!Array.isArray(value)) return this.#replace(place, value);
        return this.#compareElements(base, value);
      case CellKind.counter:
        return this.#compareCounter(place, base, 0, value);
      case CellKind.register:
        // Written as a unit by a node that declares it so. In place it stays one; what replaces it follows this node's rules.
        if (this.#isSame(base, value)) return this.#writeUnit(base, value);
        if (!equalValues(base.value ?? null, value)) this.#replace(place, value);
        return;
    }
  }

  /** In place, or by pairing with an element: property by property. */
  #compareProperties(base: ContainerNode, value: Record<string, Plain>): void {
    for (const [name, entry] of base.entries) {
      if (!Object.hasOwn(value, name)) this.#remove({ containerId: base.id, layout: Layout.named, property: name, position: "" });
      else this.compare(base.id, name, entry, 0, value[name], "auto");
    }
    for (const name of Object.keys(value)) {
      if (!base.entries.has(name)) this.compare(base.id, name, undefined, base.removals?.get(name) ?? 0, value[name], "auto");
    }
  }

  /** Whether an object assigned over an object is to be taken as done in place: it only adds, or only removes, properties. */
  #isMerging(base: ContainerNode, value: Record<string, Plain>): boolean {
    if (base.entries.size === 0) return false;
    let common = 0;
    for (const [name, entry] of base.entries) {
      if (!Object.hasOwn(value, name)) continue;
      const content = value[name] as Plain;
      if (!this.#isSame(entry, content) && !entryEquals(entry, content)) return false;
      common++;
    }
    return common === base.entries.size || common === Object.keys(value).length;
  }

  #compareElements(base: ContainerNode, value: readonly Plain[]): void {
    const old = base.elements;
    if (old.length === value.length && value.every((element, index) => this.#isUnchanged(old[index], element))) {
      return value.forEach((element, index) => this.#compareElement(base.id, old[index], element));
    }
    const indexes = new Map(old.map((element, index) => [element.entry, index]));
    const sides: ArraySides = {
      oldCount: old.length,
      newCount: value.length,
      identity: (index) => {
        const element = value[index];
        const node = typeof element === "object" && element !== null ? this.#origins.get(element) : undefined;
        return node === undefined ? -1 : (indexes.get(node) ?? -1);
      },
      oldKey: (index) => valueKey(plainOf((old[index] as ElementNode).entry)),
      newKey: (index) => valueKey(value[index] ?? null),
      oldKind: (index) => entryKind((old[index] as ElementNode).entry),
      newKind: (index) => valueKind(value[index] ?? null),
    };
    const match = matchArrays(sides);
    for (const index of match.removed) {
      this.#remove({ containerId: base.id, layout: Layout.elements, property: (old[index] as ElementNode).id, position: "" });
    }
    const ids = value.map((_, index) => old[match.source[index] ?? -1]?.id ?? this.#freshElementId());
    const positions = this.#place(base, value.length, match.source, match.moved, ids);
    value.forEach((element, index) => {
      const continued = old[match.source[index] ?? -1];
      const position = positions.get(index);
      const id = ids[index] as string;
      if (continued === undefined) {
        const place = { containerId: base.id, layout: Layout.elements, property: id, position: position ?? "" };
        return this.#create(place, element, 0);
      }
      if (position !== undefined) {
        this.#push(base.id, Layout.elements, { property: positionProperty(id), kind: CellKind.position, content: undefined, position });
      }
      if (match.paired.has(index)) this.#comparePaired(base.id, continued, element);
      else this.#compareElement(base.id, continued, element);
    });
  }

  /** Position keys for the elements that are new or moved: between the neighbours that stay. */
  #place(
    base: ContainerNode,
    count: number,
    source: readonly number[],
    moved: ReadonlySet<number>,
    ids: readonly string[],
  ): Map<number, string> {
    const positions = new Map<number, string>();
    const stays = (index: number): ElementNode | undefined => (moved.has(index) ? undefined : base.elements[source[index] ?? -1]);
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

  #isUnchanged(element: ElementNode | undefined, value: Plain): boolean {
    return element !== undefined && (this.#isSame(element.entry, value) || entryEquals(element.entry, value));
  }

  /** An element that is the same: by identity, so that it may have changed inside, or equal. */
  #compareElement(containerId: string, element: ElementNode | undefined, value: Plain): void {
    if (element === undefined || !this.#isSame(element.entry, value)) return;
    this.#compare(
      { containerId, layout: Layout.elements, property: element.id, position: element.inserted },
      element.entry,
      0,
      value,
      "auto",
    );
  }

  /** An element that was changed by assigning another value in its place. */
  #comparePaired(containerId: string, element: ElementNode, value: Plain): void {
    const { entry } = element;
    if (entry instanceof ContainerNode && entry.kind === CellKind.object && isPlainObject(value))
      return this.#compareProperties(entry, value);
    const place = { containerId, layout: Layout.elements, property: element.id, position: element.inserted };
    this.#compare(place, entry, 0, value, "auto");
  }

  /** A number under `counter()`: the change is added. What is found there otherwise, a plain number, is its starting value. */
  #compareCounter(place: Place, base: Entry | undefined, removedAt: Stamp, value: Plain): void {
    if (typeof value !== "number") {
      if (base === undefined || !entryEquals(base, value)) this.#createUnmerged(place, base, removedAt, value);
      return;
    }
    if (base instanceof ContainerNode && base.kind === CellKind.counter) {
      return this.#add(base.id, value - (typeof base.value === "number" ? base.value : 0));
    }
    const seen = base instanceof ContainerNode ? 0 : Math.max(base?.stamp ?? 0, removedAt);
    const start = base === undefined ? 0 : plainOf(base);
    const containerId = derivedContainerId(
      this.#context.sha256,
      place.containerId,
      place.property,
      CellKind.counter,
      Math.max(this.#context.removalFloor, seen),
    );
    if (base !== undefined && typeof start === "number" && start === value) return;
    this.#name(place, CellKind.counter, containerId);
    if (typeof start === "number" && start !== 0) {
      this.#push(containerId, Layout.writers, { property: "0", kind: CellKind.value, content: start, position: "" });
    }
    this.#add(containerId, value - (typeof start === "number" ? start : 0));
  }

  #add(containerId: string, change: number): void {
    if (change === 0) return;
    const { writer } = this.#context;
    const content = this.#context.counterPart(containerId, String(writer)) + change;
    this.#push(containerId, Layout.writers, { property: String(writer), kind: CellKind.value, content, position: "" });
  }

  /** What is assigned to a counter and is no number follows the rules of an undeclared attribute. */
  #createUnmerged(place: Place, base: Entry | undefined, removedAt: Stamp, value: Plain): void {
    if (base === undefined) this.#create(place, value, Math.max(this.#context.removalFloor, removedAt));
    else this.#replace(place, value);
  }

  /** A unit: an object is one value in a container of its own, so that replacing it wins over changing it in place. */
  #compareUnit(place: Place, base: Entry | undefined, value: Plain): void {
    if (base !== undefined && this.#isSame(base, value) && (base as ContainerNode).kind === CellKind.register) {
      return this.#writeUnit(base as ContainerNode, value);
    }
    if (base !== undefined && entryEquals(base, value)) return;
    if (typeof value !== "object" || value === null) {
      return this.#push(place.containerId, place.layout, { property: place.property, kind: CellKind.value, content: value, position: "" });
    }
    const containerId = this.#freshContainerId();
    this.#name(place, CellKind.register, containerId);
    this.#push(containerId, Layout.named, { property: "", kind: CellKind.value, content: value, position: "" });
  }

  #writeUnit(base: ContainerNode, value: Plain): void {
    if (equalValues(base.value ?? null, value)) return;
    this.#push(base.id, Layout.named, { property: "", kind: CellKind.value, content: value, position: "" });
  }

  /** The first value at a place: a container that anybody creates there at the same time is the same one. */
  #create(place: Place, value: Plain, seen: Stamp): void {
    const kind = containerKindOf(value);
    if (kind === undefined) return this.#writeValue(place, value);
    this.#fill(place, kind, value, derivedContainerId(this.#context.sha256, place.containerId, place.property, kind, seen));
  }

  /** A value over a container: one that replaces it is new, and what others changed inside the old one goes with it. */
  #replace(place: Place, value: Plain): void {
    const kind = containerKindOf(value);
    if (kind === undefined) return this.#writeValue(place, value);
    this.#fill(place, kind, value, this.#freshContainerId());
  }

  #fill(place: Place, kind: ContainerKind, value: Plain, containerId: string): void {
    this.#name(place, kind, containerId);
    if (Array.isArray(value)) {
      const occurrences = new Map<string, number>();
      const ids = value.map((element) => {
        const key = valueKey(element);
        const occurrence = occurrences.get(key) ?? 0;
        occurrences.set(key, occurrence + 1);
        return derivedElementId(this.#context.sha256, containerId, key, occurrence);
      });
      const positions = positionsBetween(null, null, ids);
      value.forEach((element, index) => {
        const property = ids[index] as string;
        this.#create({ containerId, layout: Layout.elements, property, position: positions[index] ?? "" }, element, 0);
      });
      return;
    }
    for (const [name, content] of Object.entries(value as Record<string, Plain>)) {
      this.#create({ containerId, layout: Layout.named, property: name, position: "" }, content, 0);
    }
  }

  #name(place: Place, kind: ContainerKind, containerId: string): void {
    this.#push(place.containerId, place.layout, { property: place.property, kind, content: containerId, position: place.position });
  }

  #writeValue(place: Place, value: Plain): void {
    this.#push(place.containerId, place.layout, {
      property: place.property,
      kind: CellKind.value,
      content: value,
      position: place.position,
    });
  }

  #remove(place: Place): void {
    this.#push(place.containerId, place.layout, { property: place.property, kind: CellKind.removed, content: undefined, position: "" });
  }

  #push(containerId: string, layout: Layout, { property, kind, content, position }: CellContent): void {
    const { stamp, writer } = this.#context;
    this.#rowOf(containerId, layout).push({ property, kind, content, position, stamp, writer });
    this.#cellCount++;
  }

  /** The row that was written to last is nearly always the one: what is in a container is compared together. */
  #rowOf(containerId: string, layout: Layout): Cell[] {
    for (let index = this.#rows.length - 1; index >= 0; index--) {
      const row = this.#rows[index];
      if (row?.containerId === containerId) return row.cells;
    }
    const cells: Cell[] = [];
    this.#rows.push({ containerId, layout, cells });
    return cells;
  }

  #isSame(entry: Entry, value: Plain): boolean {
    return entry instanceof ContainerNode && typeof value === "object" && value !== null && this.#origins.get(value) === entry;
  }

  #freshContainerId(): string {
    return freshContainerId(this.#context.sha256, this.#context.writer, this.#context.stamp, this.#freshCount++);
  }

  #freshElementId(): string {
    return freshElementId(this.#context.sha256, this.#context.writer, this.#context.stamp, this.#freshCount++);
  }
}

function containerKindOf(value: Plain): ContainerKind | undefined {
  if (Array.isArray(value)) return CellKind.array;
  return isPlainObject(value) ? CellKind.object : undefined;
}

function entryKind(entry: Entry): ElementKind {
  if (entry instanceof ContainerNode) return entry.kind === CellKind.array ? "array" : "object";
  return "scalar";
}

function valueKind(value: Plain): ElementKind {
  if (Array.isArray(value)) return "array";
  return isPlainObject(value) ? "object" : "scalar";
}
