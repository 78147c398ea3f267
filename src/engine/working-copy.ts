import type { Schema } from "./attributes/schema.ts";
import { Difference, type DifferenceContext } from "./difference.ts";
import type { DraftRow } from "./document.ts";
import { SessionError } from "./errors.ts";
import { stampMs } from "./hybrid-clock.ts";
import type { Limits } from "./limits.ts";
import { encodedValueBytes } from "./value-codec.ts";
import { isPlainObject, nameFault, normaliseValue, type Plain } from "./values.ts";
import { ContainerNode, type Entry, entryEquals, plainOf, valueEntry } from "./view.ts";
import { viewAfter } from "./view-after.ts";

/** What a working copy found changed, ready to be committed. */
export interface WorkingDifference {
  readonly rows: readonly DraftRow[];
  /** The attributes that changed, with the values they have now; without local ones. */
  readonly changed: ReadonlyMap<string, Plain | undefined>;
  /** The same of local ones. */
  readonly local: ReadonlyMap<string, Plain | undefined>;
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
  /** The local attributes that the request was given; undefined where none is declared. */
  readonly #local: Map<string, Entry> | undefined;

  constructor(base: ContainerNode, schema: Schema, limits: Limits, local: ReadonlyMap<string, Plain> = NOTHING_LOCAL) {
    this.#base = base;
    this.#schema = schema;
    this.#limits = limits;
    if (schema.hasLocal) this.#local = new Map(Array.from(local, ([name, value]) => [name, valueEntry(value)]));
  }

  get base(): ContainerNode {
    return this.#base;
  }

  get(name: string): unknown {
    if (this.#touched.has(name)) return this.#touched.get(name);
    const entry = this.#entryOf(name);
    if (entry === undefined) return undefined;
    const value = plainOf(entry, (copy, node) => this.#handedOut.set(copy, node));
    // What cannot be mutated is not touched by reading it.
    if (typeof value === "object" && value !== null) this.#touched.set(name, value);
    return value;
  }

  has(name: string): boolean {
    return this.#touched.has(name) ? this.#touched.get(name) !== undefined : this.#entryOf(name) !== undefined;
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
    const names = new Set([...this.#base.entries.keys(), ...(this.#local?.keys() ?? [])].sort());
    for (const name of this.#touched.keys()) names.add(name);
    return [...names].filter((name) => this.has(name));
  }

  /** False when surely nothing changed; costs a walk through what was touched. */
  isModified(): boolean {
    for (const [name, value] of this.#touched) if (!isUntouched(this.#entryOf(name), value)) return true;
    return false;
  }

  /**
   * The difference between what the request was given and what it holds now.
   * @throws SessionError VALUE_REFUSED, LIMIT_EXCEEDED
   */
  difference(context: DifferenceContext): WorkingDifference {
    const { id, removals } = this.#base;
    const limits = this.#limits;
    const origins = new Map<object, ContainerNode>();
    const difference = new Difference(context, limits, origins);
    const changed = new Map<string, Plain | undefined>();
    let local: Map<string, Plain | undefined> | undefined;
    const countBefore = this.#countBefore();
    let count = countBefore;
    let valueBytes = 0;
    for (const [name, value] of this.#touched) {
      const entry = this.#entryOf(name);
      if (isUntouched(entry, value)) continue;
      const plain = normaliseValue(value, name, limits, (original, copy) => {
        const node = this.#handedOut.get(original);
        if (node !== undefined) origins.set(copy, node);
      });
      const isLocal = this.#schema.isLocal(name);
      if (isLocal) {
        if (isEqual(entry, plain)) continue;
        (local ??= new Map()).set(name, plain);
      } else {
        const before = difference.cellCount;
        const type = this.#schema.typeOf(name);
        difference.compare(id, name, entry, removals?.get(name) ?? 0, plain, type);
        if (difference.cellCount === before) continue;
        if (plain !== undefined) expire(difference, context, name, entry, type.options.ttlMs);
        changed.set(name, plain);
      }
      const bytes = sizeOf(plain);
      // What grew too large by a merge may always be made smaller.
      if (bytes > limits.valueBytes && bytes > sizeOf(entry && plainOf(entry))) {
        throw new SessionError(
          "LIMIT_EXCEEDED",
          `${name} is larger than limits.valueBytes (${limits.valueBytes}); store a reference to it instead, or raise the limit.`,
        );
      }
      if (!isLocal) valueBytes += bytes;
      count += Number(plain !== undefined) - Number(entry !== undefined);
    }
    if (count > countBefore && count > limits.attributeCount) {
      throw new SessionError(
        "LIMIT_EXCEEDED",
        `The session would have ${count} attributes, more than limits.attributeCount (${limits.attributeCount}); group them in one object.`,
      );
    }
    return { rows: difference.rows, changed, local: local ?? NOTHING_LOCAL, cellCount: difference.cellCount, valueBytes };
  }

  /**
   * The difference was written: from here on, changes count against what the request holds now. `now` is the document's root
   * where nobody else wrote meanwhile; otherwise the request's own view goes on, without what others wrote.
   */
  rebase(written: WorkingDifference, now: ContainerNode | undefined): void {
    // What the request did not change is shown by the same nodes as before, either way.
    this.#base = now ?? viewAfter(this.#base, written.rows, written.changed);
    for (const name of written.changed.keys()) this.#bind(this.#touched.get(name), this.#base.entries.get(name));
    for (const [name, value] of written.local) {
      if (value === undefined) this.#local?.delete(name);
      else this.#local?.set(name, valueEntry(value));
    }
  }

  #entryOf(name: string): Entry | undefined {
    return this.#local !== undefined && this.#schema.isLocal(name) ? this.#local.get(name) : this.#base.entries.get(name);
  }

  #countBefore(): number {
    const { entries } = this.#base;
    if (this.#local === undefined) return entries.size;
    let count = this.#local.size;
    for (const name of entries.keys()) if (!this.#schema.isLocal(name)) count++;
    return count;
  }

  /** Objects of the request that were written now show these nodes. */
  #bind(value: unknown, entry: Entry | undefined): void {
    if (typeof value !== "object" || value === null || !(entry instanceof ContainerNode)) return;
    this.#handedOut.set(value, entry);
    if (isPlainObject(value)) for (const [name, child] of entry.entries) this.#bind(value[name], child);
    else if (value instanceof Map) for (const [name, child] of entry.entries) this.#bind(value.get(name), child);
    else if (Array.isArray(value)) entry.elements.forEach((element, index) => this.#bind(value[index], element.entry));
  }
}

const NOTHING_LOCAL: ReadonlyMap<string, Plain> = new Map();

/** Says when an attribute that was written is gone, or that it is never, where others said so. The last writer's declaration counts. */
function expire(
  difference: Difference,
  { stamp, current }: DifferenceContext,
  name: string,
  base: Entry | undefined,
  ttlMs: number | undefined,
): void {
  if (ttlMs === undefined && current.expiries === undefined) return;
  const isWhole = difference.writes(current.id, name);
  const now = current.entries.get(name);
  // What is changed inside something that is gone by now goes with it.
  const isInside = base instanceof ContainerNode && now instanceof ContainerNode && base.id === now.id;
  if (ttlMs !== undefined) {
    if (isWhole || isInside) difference.expire(name, Math.min(stampMs(stamp) + Math.ceil(ttlMs), Number.MAX_SAFE_INTEGER));
  } else if (isInside && !isWhole && current.expiries?.has(name) === true) difference.expire(name, 0);
}

function isEqual(entry: Entry | undefined, plain: Plain | undefined): boolean {
  return entry === undefined || plain === undefined ? entry === plain : entryEquals(entry, plain);
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
  if (plain instanceof Set) {
    if (!(value instanceof Set) || value.size !== plain.size) return false;
    const others = value.values();
    return [...plain].every((element) => shows(element, others.next().value));
  }
  if (plain instanceof Date) return value instanceof Date && value.getTime() === plain.getTime();
  if (!isPlainObject(plain) || !isPlainObject(value)) return false;
  const names = Object.keys(plain);
  return (
    names.length === Object.keys(value).length &&
    names.every((name) => Object.hasOwn(value, name) && shows(plain[name] ?? null, value[name]))
  );
}
