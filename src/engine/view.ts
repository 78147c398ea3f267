import { type Cell, CellKind, type ContainerKind } from "./cells.ts";
import type { Stamp } from "./record.ts";
import { cloneValue, equalValues, isPlainObject, type Plain } from "./values.ts";

/**
 * A container as it stood at one moment: what a request is given to read, and what its changes are compared with.
 * Immutable. A later commit makes new nodes for what it changed and shares the rest.
 */
export class ContainerNode {
  readonly id: string;
  readonly kind: ContainerKind;
  /** Objects and maps: properties by name. Sets: elements by what they are called, the oldest first. Otherwise empty. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Objects and maps: stamps of the removals that count, where there are any. */
  readonly removals: ReadonlyMap<string, Stamp> | undefined;
  /** Arrays: elements in order. Otherwise empty. */
  readonly elements: readonly ElementNode[];
  /** Counters: the sum. Registers: the value. Sets: the elements. Otherwise undefined. */
  readonly value: Plain | undefined;
  /** The root: attributes that expire, where there are any. */
  readonly expiries: ReadonlyMap<string, Expiry> | undefined;

  constructor(id: string, kind: ContainerKind, content: Partial<Omit<ContainerNode, "id" | "kind">>) {
    this.id = id;
    this.kind = kind;
    this.entries = content.entries ?? NO_ENTRIES;
    this.removals = content.removals;
    this.elements = content.elements ?? NO_ELEMENTS;
    this.value = content.value;
    this.expiries = content.expiries;
  }
}

/** From `atMs` on, counted from the birth of the session, an attribute is gone. `stamp` is that of the write that said so. */
export interface Expiry {
  readonly atMs: number;
  readonly stamp: Stamp;
}

/** A plain value stands in its cell; anything that merges inside is a node. */
export type Entry = Cell | ContainerNode;

export interface ElementNode {
  readonly id: string;
  /** The key given at insertion, which a change of the element carries on. */
  readonly inserted: string;
  /** Where the element stands now, its id included: elements are ordered by this. */
  readonly at: string;
  readonly entry: Entry;
}

const NO_ENTRIES: ReadonlyMap<string, Entry> = new Map();
const NO_ELEMENTS: readonly ElementNode[] = [];

/** A value by itself, as an entry. */
export function valueEntry(content: Plain): Entry {
  return { property: "", kind: CellKind.value, content, position: "", stamp: 0, writer: 0 };
}

/** Called for every object and array that is handed out, with the node that it shows. */
export type HandOut = (copy: object, node: ContainerNode) => void;

/** A copy that the caller may mutate. Objects and maps list their properties by name, the same on every replica. */
export function plainOf(entry: Entry, handOut?: HandOut): Plain {
  if (!(entry instanceof ContainerNode)) return cloneValue(entry.content ?? null);
  switch (entry.kind) {
    case CellKind.object: {
      const copy: Record<string, Plain> = {};
      for (const name of [...entry.entries.keys()].sort()) {
        const child = entry.entries.get(name);
        if (child !== undefined) copy[name] = plainOf(child, handOut);
      }
      handOut?.(copy, entry);
      return copy;
    }
    case CellKind.map: {
      const copy = new Map<Plain, Plain>();
      for (const name of [...entry.entries.keys()].sort()) copy.set(name, plainOf(entry.entries.get(name) as Entry, handOut));
      handOut?.(copy, entry);
      return copy;
    }
    case CellKind.array: {
      const copy = entry.elements.map((element) => plainOf(element.entry, handOut));
      handOut?.(copy, entry);
      return copy;
    }
    default: {
      const copy = cloneValue(entry.value ?? null);
      if (typeof copy === "object" && copy !== null) handOut?.(copy, entry);
      return copy;
    }
  }
}

/** Deep equality of what an entry shows and a value, in whatever order the properties stand; `equal` compares plain values. */
export function entryEquals(entry: Entry, value: Plain, equal = equalValues): boolean {
  if (!(entry instanceof ContainerNode)) return equal(entry.content ?? null, value);
  switch (entry.kind) {
    case CellKind.object: {
      if (!isPlainObject(value)) return false;
      const names = Object.keys(value);
      if (names.length !== entry.entries.size) return false;
      return names.every((name) => {
        const child = entry.entries.get(name);
        return child !== undefined && entryEquals(child, value[name] as Plain, equal);
      });
    }
    case CellKind.map: {
      if (!(value instanceof Map) || value.size !== entry.entries.size) return false;
      for (const [name, child] of entry.entries) {
        const content = value.get(name);
        if (content === undefined || !entryEquals(child, content, equal)) return false;
      }
      return true;
    }
    case CellKind.array:
      return (
        Array.isArray(value) &&
        value.length === entry.elements.length &&
        entry.elements.every((element, index) => entryEquals(element.entry, value[index] ?? null, equal))
      );
    default:
      return equal(entry.value ?? null, value);
  }
}

/** The root as it is `sinceBirthMs` after the birth of the session: what expired by then is as if its last write had been a removal. */
export function withoutExpired(root: ContainerNode, isExpired: (expiry: Expiry) => boolean): ContainerNode {
  const entries = new Map(root.entries);
  const removals = new Map(root.removals);
  for (const [name, expiry] of root.expiries ?? []) {
    if (!isExpired(expiry)) continue;
    entries.delete(name);
    removals.set(name, expiry.stamp);
  }
  return new ContainerNode(root.id, root.kind, { entries, removals, expiries: root.expiries });
}
