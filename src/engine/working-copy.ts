import type { Schema } from "./attributes/schema.ts";
import { CellKind, namedContainer } from "./cells.ts";
import { fullPosition } from "./containers.ts";
import { Difference, type DifferenceContext } from "./difference.ts";
import type { DraftRow } from "./document.ts";
import { SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Stamp } from "./record.ts";
import { encodedValueBytes } from "./value-codec.ts";
import { isPlainObject, nameFault, normaliseValue, type Plain } from "./values.ts";
import { ContainerNode, type ElementNode, type Entry, plainOf } from "./view.ts";

/** What a working copy found changed, ready to be committed. */
export interface WorkingDifference {
  readonly rows: readonly DraftRow[];
  /** The attributes that changed, with the values they have now. */
  readonly changed: ReadonlyMap<string, Plain | undefined>;
  readonly cellCount: number;
  /** Encoded size of those values. */
  readonly valueBytes: number;
}

/**
 * One request's own attributes: plain values that any library may mutate, spread or replace. An attribute is copied when it is
 * first touched; what was not touched costs nothing.
 */
export class WorkingCopy {
  readonly #schema: Schema;
  readonly #limits: Limits;
  #base: ContainerNode;
  /** What the request holds of the attributes that it touched; undefined as a value: removed. */
  #touched: Map<string, unknown> | undefined;
  /** The objects that were handed out, with the nodes they show. */
  #handedOut: Map<object, ContainerNode> | undefined;

  constructor(base: ContainerNode, schema: Schema, limits: Limits) {
    this.#base = base;
    this.#schema = schema;
    this.#limits = limits;
  }

  get base(): ContainerNode {
    return this.#base;
  }

  get(name: string): unknown {
    if (this.#touched?.has(name) === true) return this.#touched.get(name);
    const entry = this.#base.entries.get(name);
    if (entry === undefined) return undefined;
    if (!(entry instanceof ContainerNode)) {
      const { content } = entry;
      if (typeof content !== "object" || content === null) return content;
    }
    const handedOut = (this.#handedOut ??= new Map());
    const copy = plainOf(entry, (object, node) => handedOut.set(object, node));
    (this.#touched ??= new Map()).set(name, copy);
    return copy;
  }

  has(name: string): boolean {
    if (this.#touched?.has(name) === true) return this.#touched.get(name) !== undefined;
    return this.#base.entries.has(name);
  }

  /** @throws SessionError ATTRIBUTE_NAME_REFUSED */
  set(name: string, value: unknown): void {
    const fault = nameFault(name, this.#limits);
    if (fault !== undefined) throw new SessionError("ATTRIBUTE_NAME_REFUSED", `An attribute's name ${fault}`);
    (this.#touched ??= new Map()).set(name, value);
  }

  delete(name: string): void {
    if (this.has(name)) (this.#touched ??= new Map()).set(name, undefined);
  }

  names(): string[] {
    const names = [...this.#base.entries.keys()].sort();
    if (this.#touched === undefined) return names;
    const present = names.filter((name) => this.has(name));
    for (const [name, value] of this.#touched) if (value !== undefined && !this.#base.entries.has(name)) present.push(name);
    return present;
  }

  /** False when surely nothing changed; costs a walk through what was touched. */
  isModified(): boolean {
    if (this.#touched === undefined) return false;
    for (const [name, value] of this.#touched) if (!this.#isUntouched(this.#base.entries.get(name), value)) return true;
    return false;
  }

  /**
   * The difference between what the request was given and what it holds now.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED
   */
  difference(context: DifferenceContext): WorkingDifference {
    const origins = this.#handedOut === undefined ? NO_ORIGINS : new Map<object, ContainerNode>();
    const difference = new Difference(context, origins);
    const changed = new Map<string, Plain | undefined>();
    const handedOut = this.#handedOut;
    let valueBytes = 0;
    for (const [name, value] of this.#touched ?? []) {
      const entry = this.#base.entries.get(name);
      if (this.#isUntouched(entry, value)) continue;
      const plain =
        typeof value === "object"
          ? normaliseValue(value, name, this.#limits, (original, copy) => {
              const node = handedOut?.get(original);
              if (node !== undefined) origins.set(copy, node);
            })
          : normaliseValue(value, name, this.#limits);
      const before = difference.cellCount;
      difference.compare(this.#base.id, name, entry, this.#base.removals?.get(name) ?? 0, plain, this.#schema.kindOf(name));
      if (difference.cellCount === before) continue;
      valueBytes += this.#checkedSize(name, plain);
      changed.set(name, plain);
    }
    this.#checkCount(changed);
    return { rows: difference.rows, changed, cellCount: difference.cellCount, valueBytes };
  }

  /**
   * The difference was written: from here on, changes count against what the request holds now. `now` is the document's root
   * where nobody else wrote meanwhile; otherwise the request's own view goes on, without what others wrote.
   */
  rebase(written: WorkingDifference, stamp: Stamp, now: ContainerNode | undefined): void {
    if (now !== undefined) {
      // Nobody else wrote: what the request did not change is shown by the same nodes as before.
      this.#base = now;
      for (const name of written.changed.keys()) this.#rebind(name);
      return;
    }
    const rows = new Map(written.rows.map((row) => [row.containerId, row]));
    const entries = new Map(this.#base.entries);
    const removals = new Map(this.#base.removals);
    for (const [name, plain] of written.changed) {
      removals.delete(name);
      const entry = entryAfter(this.#base, name, plain, rows, stamp);
      if (entry === undefined) {
        entries.delete(name);
        removals.set(name, stamp);
      } else {
        entries.set(name, entry);
      }
    }
    this.#base = new ContainerNode(this.#base.id, this.#base.kind, { entries, removals });
    for (const name of written.changed.keys()) this.#rebind(name);
  }

  #rebind(name: string): void {
    const entry = this.#base.entries.get(name);
    if (entry instanceof ContainerNode) this.#bind(this.#touched?.get(name), entry);
  }

  #isUntouched(entry: Entry | undefined, value: unknown): boolean {
    if (entry === undefined) return value === undefined;
    if (!(entry instanceof ContainerNode)) return shows(entry.content ?? null, value);
    switch (entry.kind) {
      case CellKind.object: {
        if (!isPlainObject(value) || this.#handedOut?.get(value) !== entry) return false;
        const names = Object.keys(value);
        return names.length === entry.entries.size && names.every((name) => this.#isUntouchedInside(entry.entries.get(name), value[name]));
      }
      case CellKind.array:
        return (
          Array.isArray(value) &&
          this.#handedOut?.get(value) === entry &&
          value.length === entry.elements.length &&
          entry.elements.every((element, index) => this.#isUntouchedInside(element.entry, value[index]))
        );
      default:
        return shows(entry.value ?? null, value);
    }
  }

  #isUntouchedInside(entry: Entry | undefined, value: unknown): boolean {
    return entry !== undefined && this.#isUntouched(entry, value);
  }

  /** Objects of the request that were written now show these nodes. */
  #bind(value: unknown, entry: Entry): void {
    if (typeof value !== "object" || value === null || !(entry instanceof ContainerNode)) return;
    (this.#handedOut ??= new Map()).set(value, entry);
    if (entry.kind === CellKind.object && isPlainObject(value)) {
      for (const [name, child] of entry.entries) this.#bind(value[name], child);
    } else if (entry.kind === CellKind.array && Array.isArray(value) && value.length === entry.elements.length) {
      entry.elements.forEach((element, index) => this.#bind(value[index], element.entry));
    }
  }

  #checkedSize(name: string, plain: Plain | undefined): number {
    const bytes = plain === undefined ? 0 : encodedValueBytes(plain);
    if (bytes <= this.#limits.valueBytes) return bytes;
    // What grew too large by a merge may always be made smaller.
    const before = this.#base.entries.get(name);
    if (before !== undefined && bytes <= encodedValueBytes(plainOf(before))) return bytes;
    throw new SessionError(
      "LIMIT_EXCEEDED",
      `${name} is larger than limits.valueBytes (${this.#limits.valueBytes}); store a reference to it instead, or raise the limit.`,
    );
  }

  #checkCount(changed: ReadonlyMap<string, Plain | undefined>): void {
    let count = this.#base.entries.size;
    for (const [name, plain] of changed) count += Number(plain !== undefined) - Number(this.#base.entries.has(name));
    if (count > this.#base.entries.size && count > this.#limits.attributeCount) {
      throw new SessionError(
        "LIMIT_EXCEEDED",
        `The session would have ${count} attributes, more than limits.attributeCount (${this.#limits.attributeCount}); group them in one object.`,
      );
    }
  }
}

const NO_ORIGINS = new Map<object, ContainerNode>();

/** Whether a value that the request holds is, without any doubt, the canonical value `plain`. */
function shows(plain: Plain, value: unknown): boolean {
  if (typeof plain !== "object" || plain === null) return plain === value;
  if (Array.isArray(plain)) {
    return Array.isArray(value) && value.length === plain.length && plain.every((element, index) => shows(element, value[index]));
  }
  if (plain instanceof Date) return value instanceof Date && value.getTime() === plain.getTime();
  if (!isPlainObject(plain) || !isPlainObject(value)) return false;
  const names = Object.keys(plain);
  return (
    names.length === Object.keys(value).length &&
    names.every((name) => Object.hasOwn(value, name) && shows(plain[name] ?? null, value[name]))
  );
}

/** What an attribute is once `rows` are applied to what the request saw of it. */
function entryAfter(
  parent: ContainerNode,
  property: string,
  plain: Plain | undefined,
  rows: ReadonlyMap<string, DraftRow>,
  stamp: Stamp,
): Entry | undefined {
  const before = parent.entries.get(property);
  const cell = rows.get(parent.id)?.cells.find((candidate) => candidate.property === property);
  if (cell?.kind === CellKind.removed) return undefined;
  if (cell?.kind === CellKind.value) return { stamp, content: cell.content };
  const id = cell === undefined ? undefined : namedContainer(cell);
  const node = before instanceof ContainerNode && (id === undefined || id === before.id) ? before : undefined;
  if (id === undefined && node === undefined) return before;
  const kind = node?.kind ?? (cell?.kind as ContainerNode["kind"]);
  return nodeAfter(node ?? new ContainerNode(id ?? "", kind, {}), plain, rows, stamp);
}

function nodeAfter(node: ContainerNode, plain: Plain | undefined, rows: ReadonlyMap<string, DraftRow>, stamp: Stamp): ContainerNode {
  const cells = rows.get(node.id)?.cells ?? [];
  if (node.kind === CellKind.counter || node.kind === CellKind.register) return new ContainerNode(node.id, node.kind, { value: plain });
  if (node.kind === CellKind.object) {
    const entries = new Map<string, Entry>();
    const removals = new Map(node.removals);
    const content = isPlainObject(plain) ? plain : {};
    for (const name of new Set([...node.entries.keys(), ...cells.map((cell) => cell.property)])) {
      const entry = entryAfter(node, name, content[name], rows, stamp);
      if (entry === undefined) removals.set(name, stamp);
      else entries.set(name, entry);
    }
    return new ContainerNode(node.id, node.kind, { entries, removals });
  }
  const elements = new Map<string, ElementNode>(node.elements.map((element) => [element.id, element]));
  const holder = new ContainerNode(node.id, CellKind.object, { entries: new Map(node.elements.map(({ id, entry }) => [id, entry])) });
  for (const cell of cells) {
    if (cell.kind === CellKind.position) {
      const id = cell.property.slice(1);
      const moved = elements.get(id);
      if (moved !== undefined) elements.set(id, { ...moved, at: fullPosition(cell.position, id) });
    } else if (cell.kind === CellKind.removed) elements.delete(cell.property);
    else if (!elements.has(cell.property)) {
      const at = fullPosition(cell.position, cell.property);
      elements.set(cell.property, { id: cell.property, inserted: cell.position, at, entry: { stamp, content: null } });
    }
  }
  const sorted = [...elements.values()].sort((left, right) => (left.at < right.at ? -1 : 1));
  const content = Array.isArray(plain) ? plain : [];
  return new ContainerNode(node.id, node.kind, {
    elements: sorted.map((element, index) => ({
      ...element,
      entry: entryAfter(holder, element.id, content[index], rows, stamp) ?? element.entry,
    })),
  });
}
