import type { Schema } from "./attributes/schema.ts";
import { CellTable } from "./cell-table.ts";
import { type Cell, CellKind, layoutOf, positionProperty, type Row } from "./cells.ts";
import { Difference, type DifferenceContext } from "./difference.ts";
import type { DraftRow } from "./document.ts";
import { SessionError } from "./errors.ts";
import type { Limits } from "./limits.ts";
import { encodedValueBytes } from "./value-codec.ts";
import { isPlainObject, nameFault, normaliseValue, type Plain } from "./values.ts";
import { ContainerNode, type Entry, entryEquals, plainOf } from "./view.ts";

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
  readonly #touched = new Map<string, unknown>();
  /** The objects that were handed out, with the nodes they show. */
  readonly #handedOut = new Map<object, ContainerNode>();

  constructor(base: ContainerNode, schema: Schema, limits: Limits) {
    this.#base = base;
    this.#schema = schema;
    this.#limits = limits;
  }

  get base(): ContainerNode {
    return this.#base;
  }

  get(name: string): unknown {
    if (this.#touched.has(name)) return this.#touched.get(name);
    const entry = this.#base.entries.get(name);
    if (entry === undefined) return undefined;
    const value = plainOf(entry, (copy, node) => this.#handedOut.set(copy, node));
    // What cannot be mutated is not touched by reading it.
    if (typeof value === "object" && value !== null) this.#touched.set(name, value);
    return value;
  }

  has(name: string): boolean {
    return this.#touched.has(name) ? this.#touched.get(name) !== undefined : this.#base.entries.has(name);
  }

  /** @throws SessionError ATTRIBUTE_NAME_REFUSED */
  set(name: string, value: unknown): void {
    const fault = nameFault(name, this.#limits);
    if (fault !== undefined) throw new SessionError("ATTRIBUTE_NAME_REFUSED", `An attribute's name ${fault}`);
    this.#touched.set(name, value);
  }

  delete(name: string): void {
    if (this.has(name)) this.#touched.set(name, undefined);
  }

  /** Those that the request was given, by name, and then its own in the order in which they came. */
  names(): string[] {
    const names = new Set([...this.#base.entries.keys()].sort());
    for (const name of this.#touched.keys()) names.add(name);
    return [...names].filter((name) => this.has(name));
  }

  /** False when surely nothing changed; costs a walk through what was touched. */
  isModified(): boolean {
    for (const [name, value] of this.#touched) if (!isUntouched(this.#base.entries.get(name), value)) return true;
    return false;
  }

  /**
   * The difference between what the request was given and what it holds now.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED
   */
  difference(context: DifferenceContext): WorkingDifference {
    const { entries, id, removals } = this.#base;
    const limits = this.#limits;
    const origins = new Map<object, ContainerNode>();
    const difference = new Difference(context, origins);
    const changed = new Map<string, Plain | undefined>();
    let count = entries.size;
    let valueBytes = 0;
    for (const [name, value] of this.#touched) {
      const entry = entries.get(name);
      if (isUntouched(entry, value)) continue;
      const plain = normaliseValue(value, name, limits, (original, copy) => {
        const node = this.#handedOut.get(original);
        if (node !== undefined) origins.set(copy, node);
      });
      const before = difference.cellCount;
      difference.compare(id, name, entry, removals?.get(name) ?? 0, plain, this.#schema.kindOf(name));
      if (difference.cellCount === before) continue;
      const bytes = sizeOf(plain);
      // What grew too large by a merge may always be made smaller.
      if (bytes > limits.valueBytes && bytes > sizeOf(entry && plainOf(entry))) {
        throw new SessionError(
          "LIMIT_EXCEEDED",
          `${name} is larger than limits.valueBytes (${limits.valueBytes}); store a reference to it instead, or raise the limit.`,
        );
      }
      valueBytes += bytes;
      count += Number(plain !== undefined) - Number(entry !== undefined);
      changed.set(name, plain);
    }
    if (count > entries.size && count > limits.attributeCount) {
      throw new SessionError(
        "LIMIT_EXCEEDED",
        `The session would have ${count} attributes, more than limits.attributeCount (${limits.attributeCount}); group them in one object.`,
      );
    }
    return { rows: difference.rows, changed, cellCount: difference.cellCount, valueBytes };
  }

  /**
   * The difference was written: from here on, changes count against what the request holds now. `now` is the document's root
   * where nobody else wrote meanwhile; otherwise the request's own view goes on, without what others wrote.
   */
  rebase(written: WorkingDifference, now: ContainerNode | undefined): void {
    // What the request did not change is shown by the same nodes as before, either way.
    this.#base = now ?? viewAfter(this.#base, written);
    for (const name of written.changed.keys()) this.#bind(this.#touched.get(name), this.#base.entries.get(name));
  }

  /** Objects of the request that were written now show these nodes. */
  #bind(value: unknown, entry: Entry | undefined): void {
    if (typeof value !== "object" || value === null || !(entry instanceof ContainerNode)) return;
    this.#handedOut.set(value, entry);
    if (isPlainObject(value)) for (const [name, child] of entry.entries) this.#bind(value[name], child);
    else if (Array.isArray(value)) entry.elements.forEach((element, index) => this.#bind(value[index], element.entry));
  }
}

function sizeOf(plain: Plain | undefined): number {
  return plain === undefined ? 0 : encodedValueBytes(plain);
}

function isUntouched(entry: Entry | undefined, value: unknown): boolean {
  if (entry === undefined || value === undefined) return entry === value;
  try {
    return entryEquals(entry, value as Plain, shows);
  } catch {
    // An accessor or a proxy threw: `normaliseValue` says where.
    return false;
  }
}

/** Whether a value that the request holds, which may be anything, is without any doubt the canonical value `plain`. */
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

/** What a request sees once it wrote, whatever others wrote: the changed attributes as a document would show them that has nothing else. */
function viewAfter({ id, kind, entries, removals }: ContainerNode, { rows, changed }: WorkingDifference): ContainerNode {
  const before = new Map([...entries].filter(([name]) => changed.has(name)));
  const after = new Map([...entries].filter(([name]) => !changed.has(name)));
  const table = new CellTable();
  [...rowsOf(new ContainerNode(id, kind, { entries: before, removals })), ...rows].forEach((row, clock) => table.add(row, 0, clock, 0));
  const root = table.root();
  for (const [name, entry] of root.entries) {
    // The part that was written of a counter holds what this process added in the document, not what the request saw.
    const isCounter = entry instanceof ContainerNode && entry.kind === CellKind.counter;
    after.set(name, isCounter ? new ContainerNode(entry.id, entry.kind, { value: changed.get(name) }) : entry);
  }
  return new ContainerNode(id, kind, { entries: after, removals: root.removals });
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
  if (node.value !== undefined) push("", CellKind.value, node.value);
  yield { containerId: node.id, layout: layoutOf(node.kind), cells };
  for (const child of children) yield* rowsOf(child);
}
