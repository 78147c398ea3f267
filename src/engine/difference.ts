import { type ArraySides, type ElementKind, matchArrays } from "./array-difference.ts";
import type { AttributeType } from "./attributes/attribute-type.ts";
import { UNDECLARED } from "./attributes/schema.ts";
import { CellTable } from "./cell-table.ts";
import { CellKind, type ContainerKind, expiryProperty, Layout, positionProperty, ROOT_CONTAINER } from "./cells.ts";
import { derivedContainerId, derivedElementId, memberProperty, positionsBetween, type Sha256 } from "./containers.ts";
import type { DraftRow } from "./document.ts";
import { DraftCells, elementPlace, memberPlace, namedPlace, type Place } from "./draft-cells.ts";
import { newPositions } from "./element-positions.ts";
import type { Limits } from "./limits.ts";
import type { Stamp, WriterId } from "./record.ts";
import { valueKey } from "./value-key.ts";
import { equalValues, isPlainObject, nameFault, type Plain } from "./values.ts";
import { ContainerNode, type ElementNode, type Entry, entryEquals, plainOf } from "./view.ts";

/** What a difference depends on besides the two values. */
export interface DifferenceContext {
  readonly sha256: Sha256;
  /** The dot of the commit to be. */
  readonly writer: WriterId;
  readonly stamp: Stamp;
  /** See `CellTable.removalFloor`. */
  readonly removalFloor: Stamp;
  /** What the document shows at commit: others may have written since the request was given it. */
  readonly current: ContainerNode;
  /** What a part of a counter holds in the document, at commit. */
  counterPart(containerId: string, part: string): number;
}

/**
 * The cells between what a request was given and what it left, by the table of DESIGN 3.3. One instance a commit; the values
 * are canonical (`normaliseValue`).
 */
export class Difference {
  readonly #context: DifferenceContext;
  readonly #limits: Limits;
  /** The nodes that values show, of the values that the engine handed out. */
  readonly #origins: ReadonlyMap<object, ContainerNode>;
  #cells: DraftCells;
  /** While what was found at a place is written again under its declaration. */
  #isFirstContent = false;

  constructor(context: DifferenceContext, limits: Limits, origins: ReadonlyMap<object, ContainerNode>) {
    this.#context = context;
    this.#limits = limits;
    this.#origins = origins;
    this.#cells = new DraftCells(context);
  }

  /** One row a container; empty when nothing changed. */
  get rows(): readonly DraftRow[] {
    return this.#cells.rows;
  }

  get cellCount(): number {
    return this.#cells.cellCount;
  }

  /** Compares one property. `removedAt` is the stamp of the removal that the request saw at this place, 0 for none. */
  compare(
    containerId: string,
    property: string,
    base: Entry | undefined,
    removedAt: Stamp,
    value: Plain | undefined,
    type: AttributeType<unknown>,
  ): void {
    this.#compare(namedPlace(containerId, property), base, Math.max(this.#context.removalFloor, removedAt), value, type);
  }

  /** Whether a property was written itself, and not only something inside it. */
  writes(containerId: string, property: string): boolean {
    const row = this.#cells.rows.find((one) => one.containerId === containerId);
    return row?.cells.some((cell) => cell.property === property) ?? false;
  }

  /** Says when an attribute is gone, in milliseconds from the birth of the session; 0 for never. */
  expire(name: string, atMs: number): void {
    this.#cells.put(ROOT_CONTAINER, Layout.named, { property: expiryProperty(name), kind: CellKind.expiry, content: atMs, position: "" });
  }

  /** `seen` tells one time of this place being empty from another (`derivedContainerId`). */
  #compare(place: Place, base: Entry | undefined, seen: Stamp, value: Plain | undefined, type: AttributeType<unknown>): void {
    if (value === undefined) {
      if (base !== undefined) this.#cells.putRemoval(place);
    } else if (type.kind === "counter" && typeof value === "number") {
      this.#compareCounter(place, base, seen, value);
    } else if (type.kind === "register") {
      this.#compareUnit(place, base, value);
    } else if (base === undefined) {
      this.#create(place, value, seen, type);
    } else if (base instanceof ContainerNode) {
      this.#compareContainer(place, base, value, type);
    } else if (!equalValues(base.content ?? null, value)) {
      const stamp = Math.max(this.#context.removalFloor, base.stamp);
      const kind = this.#continuedKind(base.content, value, type);
      if (kind === undefined) return this.#create(place, value, stamp, type);
      this.#convert(place, kind, base.content ?? null, value, this.#derivedId(place.containerId, place.property, kind, stamp), type);
    }
  }

  #compareContainer(place: Place, base: ContainerNode, value: Plain, type: AttributeType<unknown>): void {
    const of = typeInside(type, base.kind);
    switch (base.kind) {
      case CellKind.object:
        if (!isPlainObject(value)) break;
        if (type.kind === "map" || this.#isSame(base, value) || this.#isMerging(base, value)) {
          return this.#compareProperties(base, value, of);
        }
        if (entryEquals(base, value)) return;
        break;
      case CellKind.map: {
        const properties = value instanceof Map ? this.#named(value) : undefined;
        if (properties === undefined) break;
        return this.#compareProperties(base, properties, of);
      }
      case CellKind.array:
        if (!Array.isArray(value)) break;
        return this.#compareElements(base, value, of);
      case CellKind.set:
        if (!(value instanceof Set)) break;
        return this.#compareMembers(base, value);
      case CellKind.counter:
        if (typeof value !== "number") break;
        return this.#compareCounter(place, base, 0, value);
      case CellKind.register: {
        if (equalValues(base.value ?? null, value)) return;
        const kind = this.#continuedKind(base.value, value, type);
        if (kind !== undefined) return this.#convert(place, kind, base.value ?? null, value, this.#derivedId(base.id, "", kind, 0), type);
        // Written as a unit by a node that declares it so. In place it stays one; what replaces it follows this node's rules.
        if (this.#isSame(base, value)) return this.#writeUnit(base, value);
        break;
      }
    }
    this.#replace(place, value, type);
  }

  /** In place, or by pairing with an element: property by property. */
  #compareProperties(base: ContainerNode, value: Record<string, Plain>, of: AttributeType<unknown>): void {
    for (const [name, entry] of base.entries) {
      if (!Object.hasOwn(value, name)) this.#cells.putRemoval(namedPlace(base.id, name));
      else this.compare(base.id, name, entry, 0, value[name], of);
    }
    for (const name of Object.keys(value)) {
      if (!base.entries.has(name)) this.compare(base.id, name, undefined, base.removals?.get(name) ?? 0, value[name], of);
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

  #compareMembers(base: ContainerNode, value: ReadonlySet<Plain>): void {
    const left = new Set(base.entries.keys());
    const written = new Set<string>();
    for (const element of value) {
      const property = memberProperty(this.#context.sha256, element);
      // Two objects in a Set may be equal.
      if (!base.entries.has(property) && !written.has(property)) this.#cells.putValue(memberPlace(base.id, property), element);
      written.add(property);
      left.delete(property);
    }
    for (const property of left) this.#cells.putRemoval(memberPlace(base.id, property));
  }

  #compareElements(base: ContainerNode, value: readonly Plain[], of: AttributeType<unknown>): void {
    const old = base.elements;
    if (old.length === value.length && value.every((element, index) => this.#isUnchanged(old[index], element))) {
      return value.forEach((element, index) => this.#compareElement(base.id, old[index], element, of));
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
    for (const index of match.removed) this.#cells.putRemoval(elementPlace(base.id, (old[index] as ElementNode).id, ""));
    const ids = value.map((_, index) => old[match.source[index] ?? -1]?.id ?? this.#cells.freshElementId());
    const positions = newPositions(old, value.length, match.source, match.moved, ids);
    value.forEach((element, index) => {
      const continued = old[match.source[index] ?? -1];
      const position = positions.get(index);
      const id = ids[index] as string;
      if (continued === undefined) return this.#compare(elementPlace(base.id, id, position ?? ""), undefined, 0, element, of);
      if (position !== undefined) {
        const property = positionProperty(id);
        this.#cells.put(base.id, Layout.elements, { property, kind: CellKind.position, content: undefined, position });
      }
      if (match.paired.has(index)) this.#comparePaired(base.id, continued, element, of);
      else this.#compareElement(base.id, continued, element, of);
    });
  }

  #isUnchanged(element: ElementNode | undefined, value: Plain): boolean {
    return element !== undefined && (this.#isSame(element.entry, value) || entryEquals(element.entry, value));
  }

  /** An element that is the same: by identity, so that it may have changed inside, or equal. */
  #compareElement(containerId: string, element: ElementNode | undefined, value: Plain, of: AttributeType<unknown>): void {
    if (element === undefined || !this.#isSame(element.entry, value)) return;
    this.#compare(elementPlace(containerId, element.id, element.inserted), element.entry, 0, value, of);
  }

  /** An element that was changed by assigning another value in its place. */
  #comparePaired(containerId: string, element: ElementNode, value: Plain, of: AttributeType<unknown>): void {
    const { entry } = element;
    const isObject = entry instanceof ContainerNode && entry.kind === CellKind.object && isPlainObject(value);
    if (isObject && of === UNDECLARED) return this.#compareProperties(entry, value, of);
    this.#compare(elementPlace(containerId, element.id, element.inserted), entry, 0, value, of);
  }

  /** A number under `counter()`: the change is added. What is found there otherwise, a plain number, is its starting value. */
  #compareCounter(place: Place, base: Entry | undefined, seen: Stamp, value: number): void {
    const isNode = base instanceof ContainerNode;
    if (isNode && base.kind === CellKind.counter) return this.#add(base.id, value - numberOf(base.value));
    // An element that two insert as one, of a default array, begins with its value; so does what was found.
    const isBeginning = this.#isFirstContent || place.layout === Layout.elements;
    const found = base === undefined ? (isBeginning ? value : 0) : isNode ? base.value : base.content;
    if (base !== undefined && found === value) return;
    const containerId = isNode
      ? this.#derivedId(base.id, "", CellKind.counter, 0)
      : this.#derivedId(
          place.containerId,
          place.property,
          CellKind.counter,
          base === undefined ? seen : Math.max(this.#context.removalFloor, base.stamp),
        );
    this.#cells.putName(place, CellKind.counter, containerId);
    const start = numberOf(found);
    if (start !== 0) this.#putPart(containerId, "0", start);
    this.#add(containerId, value - start);
  }

  #add(containerId: string, change: number): void {
    if (change === 0) return;
    const part = String(this.#context.writer);
    this.#putPart(containerId, part, this.#context.counterPart(containerId, part) + change);
  }

  #putPart(containerId: string, part: string, content: number): void {
    this.#cells.put(containerId, Layout.writers, { property: part, kind: CellKind.value, content, position: "" });
  }

  /** A unit: an object is one value in a container of its own, so that replacing it wins over changing it in place. */
  #compareUnit(place: Place, base: Entry | undefined, value: Plain): void {
    if (base instanceof ContainerNode && base.kind === CellKind.register && this.#isSame(base, value)) return this.#writeUnit(base, value);
    if (base !== undefined && entryEquals(base, value)) return;
    if (typeof value !== "object" || value === null) return this.#cells.putValue(place, value);
    const containerId = this.#cells.freshContainerId();
    this.#cells.putName(place, CellKind.register, containerId);
    this.#cells.putValue(namedPlace(containerId, ""), value);
  }

  #writeUnit(base: ContainerNode, value: Plain): void {
    if (!equalValues(base.value ?? null, value)) this.#cells.putValue(namedPlace(base.id, ""), value);
  }

  /** The first value at a place: a container that anybody creates there at the same time is the same one. */
  #create(place: Place, value: Plain, seen: Stamp, type: AttributeType<unknown>): void {
    const kind = this.#kindOf(value, type);
    if (kind === undefined) return this.#cells.putValue(place, value);
    this.#fill(place, kind, value, this.#derivedId(place.containerId, place.property, kind, seen), type);
  }

  /** A value over a container: one that replaces it is new, and what others changed inside the old one goes with it. */
  #replace(place: Place, value: Plain, type: AttributeType<unknown>): void {
    const kind = this.#kindOf(value, type);
    if (kind === undefined) return this.#cells.putValue(place, value);
    this.#fill(place, kind, value, this.#cells.freshContainerId(), type);
  }

  #fill(place: Place, kind: ContainerKind, value: Plain, containerId: string, type: AttributeType<unknown>): void {
    this.#cells.putName(place, kind, containerId);
    const of = typeInside(type, kind);
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
        this.#compare(elementPlace(containerId, ids[index] as string, positions[index] ?? ""), undefined, 0, element, of);
      });
    } else if (value instanceof Set) {
      this.#compareMembers(new ContainerNode(containerId, kind, {}), value);
    } else {
      const properties = value instanceof Map ? this.#named(value) : (value as Record<string, Plain>);
      for (const [name, content] of Object.entries(properties ?? {})) {
        this.#compare(namedPlace(containerId, name), undefined, 0, content, of);
      }
    }
  }

  /**
   * What is found under a declaration, as one value, is its first content: it becomes the container that whoever finds the same makes,
   * and the change is one in place.
   */
  #convert(place: Place, kind: ContainerKind, found: Plain, value: Plain, containerId: string, type: AttributeType<unknown>): void {
    const cells = this.#cells;
    this.#cells = cells.sibling();
    this.#isFirstContent = true;
    this.#fill(namedPlace(ROOT_CONTAINER, ""), kind, found, containerId, type);
    const [, ...rows] = this.#cells.rows;
    const table = new CellTable();
    this.#cells.rows.forEach((row, clock) => table.add(row, 0, clock, 0));
    this.#cells = cells;
    this.#isFirstContent = false;
    cells.putName(place, kind, containerId);
    this.#compareContainer(place, table.root().entries.get("") as ContainerNode, value, type);
    for (const row of rows) cells.putBeneath(row);
  }

  /** The container that both what is found and the value become under their declaration, if it is the one that was declared. */
  #continuedKind(found: Plain | undefined, value: Plain, type: AttributeType<unknown>): ContainerKind | undefined {
    const kind = type === UNDECLARED ? undefined : this.#kindOf(value, type);
    return kind !== undefined && isDeclared(type, kind) && this.#kindOf(found ?? null, type) === kind ? kind : undefined;
  }

  /** The container that a value becomes; undefined: it stands in its cell, whole. */
  #kindOf(value: Plain, { kind }: AttributeType<unknown>): ContainerKind | undefined {
    if (Array.isArray(value)) return CellKind.array;
    if (kind === "set" && value instanceof Set) return CellKind.set;
    if (kind === "map" && value instanceof Map && this.#named(value) !== undefined) return CellKind.map;
    return isPlainObject(value) ? CellKind.object : undefined;
  }

  /** The entries of a Map as properties; undefined when a key cannot name one. */
  #named(value: ReadonlyMap<Plain, Plain>): Record<string, Plain> | undefined {
    for (const key of value.keys()) if (typeof key !== "string" || nameFault(key, this.#limits) !== undefined) return undefined;
    return Object.fromEntries(value) as Record<string, Plain>;
  }

  #derivedId(parentId: string, property: string, kind: ContainerKind, seen: Stamp): string {
    return derivedContainerId(this.#context.sha256, parentId, property, kind, seen);
  }

  #isSame(entry: Entry, value: Plain): boolean {
    return entry instanceof ContainerNode && typeof value === "object" && value !== null && this.#origins.get(value) === entry;
  }
}

/** How what is in a container is declared. In one that was not declared it follows the rules of what is not. */
function typeInside(type: AttributeType<unknown>, kind: ContainerKind): AttributeType<unknown> {
  return type.of !== undefined && isDeclared(type, kind) ? type.of : UNDECLARED;
}

/** Whether a container is what a declaration says. */
function isDeclared(type: AttributeType<unknown>, kind: ContainerKind): boolean {
  if (type.kind === "map") return kind === CellKind.object || kind === CellKind.map;
  return kind === (type.kind === "list" ? CellKind.array : type.kind === "set" ? CellKind.set : undefined);
}

function numberOf(value: Plain | undefined): number {
  return typeof value === "number" ? value : 0;
}

function entryKind(entry: Entry): ElementKind {
  if (!(entry instanceof ContainerNode)) return "scalar";
  if (entry.kind === CellKind.array) return "array";
  if (entry.kind === CellKind.register) return valueKind(entry.value ?? null);
  return entry.kind === CellKind.object ? "object" : "scalar";
}

function valueKind(value: Plain): ElementKind {
  if (Array.isArray(value)) return "array";
  return isPlainObject(value) ? "object" : "scalar";
}
