import fc from "fast-check";
import { counter } from "../../../src/engine/attributes/counter.ts";
import { map } from "../../../src/engine/attributes/map.ts";
import { register } from "../../../src/engine/attributes/register.ts";
import { set } from "../../../src/engine/attributes/set.ts";
import type { Data } from "../../support/replica.ts";
import type { Commit } from "./history.ts";

/** What a request does, by names and values alone, so that a model can do it too. */
export type FlatEdit =
  | { readonly kind: "set" | "set-inside"; readonly name: string; readonly value: number }
  | { readonly kind: "remove" | "remove-inside"; readonly name: string }
  | { readonly kind: "insert" | "take-out"; readonly at: number }
  | { readonly kind: "move"; readonly from: number; readonly to: number }
  | { readonly kind: "add"; readonly by: number }
  | { readonly kind: "count"; readonly name: string; readonly by: number }
  | { readonly kind: "tag" | "untag"; readonly name: string }
  | { readonly kind: "describe"; readonly name: string };

const NAMES = ["p", "q", "r", "s"];
const COUNTER_NAME = "visits";
const COUNTS_NAME = "counts";
const TAGS_NAME = "tags";
const UNITS_NAME = "units";
const OBJECT_NAME = "prefs";
const LIST_NAME = "items";

const index = fc.nat(5);
const name = fc.constantFrom(...NAMES);

export const flatEdit: fc.Arbitrary<FlatEdit> = fc.oneof(
  fc.record({ kind: fc.constantFrom("set" as const, "set-inside" as const), name, value: fc.nat(9) }),
  fc.record({ kind: fc.constantFrom("remove" as const, "remove-inside" as const), name }),
  fc.record({ kind: fc.constantFrom("insert" as const, "take-out" as const), at: index }),
  fc.record({ kind: fc.constant("move" as const), from: index, to: index }),
  fc.record({ kind: fc.constant("add" as const), by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ kind: fc.constant("count" as const), name, by: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ kind: fc.constantFrom("tag" as const, "untag" as const), name }),
  fc.record({ kind: fc.constant("describe" as const), name }),
);

/** What the model's attributes are declared as; the others are not. */
export const FLAT_ATTRIBUTES = {
  [COUNTER_NAME]: counter(),
  [COUNTS_NAME]: map(counter()),
  [TAGS_NAME]: set<string>(),
  [UNITS_NAME]: map(register<Unit>()),
};

/** Never with two numbers. */
interface Unit {
  readonly left: number;
  readonly right: number;
}

/** What one commit wrote: properties (undefined: removed), elements that came and went, what was added to the counter. */
export interface FlatContent {
  readonly sets: Map<string, number | undefined>;
  readonly setsInside: Map<string, number | undefined>;
  readonly inserted: number[];
  readonly takenOut: number[];
  added: number;
  readonly counted: Map<string, number>;
  /** Elements of the set: whether they came or went. */
  readonly tagged: Map<string, boolean>;
  readonly described: Map<string, number>;
}

/** Does the edits of one request. Every value is new, so that each assignment is a change. */
export function flatDrafter(): (data: Data, edits: readonly FlatEdit[]) => FlatContent {
  let nextValue = 1;
  return (data, edits) => {
    const before = { names: new Set(Object.keys(data)), inside: new Set(Object.keys((data[OBJECT_NAME] as object | undefined) ?? {})) };
    const tagsBefore = new Set(data[TAGS_NAME] as Set<string> | undefined);
    const content: FlatContent = {
      sets: new Map(),
      setsInside: new Map(),
      inserted: [],
      takenOut: [],
      added: 0,
      counted: new Map(),
      tagged: new Map(),
      described: new Map(),
    };
    for (const edit of edits) doFlat(data, edit, () => nextValue++, before, content);
    const tags = (data[TAGS_NAME] ?? new Set()) as Set<string>;
    for (const tag of new Set([...tags, ...tagsBefore])) {
      if (tags.has(tag) !== tagsBefore.has(tag)) content.tagged.set(tag, tags.has(tag));
    }
    return content;
  };
}

interface Before {
  readonly names: ReadonlySet<string>;
  readonly inside: ReadonlySet<string>;
}

function doFlat(data: Data, edit: FlatEdit, next: () => number, before: Before, content: FlatContent): void {
  switch (edit.kind) {
    case "set": {
      const value = next() * 10 + edit.value;
      data[edit.name] = value;
      content.sets.set(edit.name, value);
      return;
    }
    case "remove":
      // What the same request made and removed again was never there.
      if (before.names.has(edit.name)) content.sets.set(edit.name, undefined);
      else content.sets.delete(edit.name);
      delete data[edit.name];
      return;
    case "set-inside": {
      const value = next() * 10 + edit.value;
      ((data[OBJECT_NAME] ??= {}) as Record<string, number>)[edit.name] = value;
      content.setsInside.set(edit.name, value);
      return;
    }
    case "remove-inside": {
      const object = data[OBJECT_NAME] as Record<string, unknown> | undefined;
      if (object === undefined || !(edit.name in object)) return;
      delete object[edit.name];
      if (before.inside.has(edit.name)) content.setsInside.set(edit.name, undefined);
      else content.setsInside.delete(edit.name);
      return;
    }
    // A scalar that goes where another comes is one element with another value (DESIGN 3.3): a request here does one or the other.
    case "insert": {
      if (content.takenOut.length > 0) return;
      const item = next();
      ((data[LIST_NAME] ??= []) as number[]).splice(edit.at, 0, item);
      content.inserted.push(item);
      return;
    }
    case "take-out":
      if (content.inserted.length > 0) return;
      content.takenOut.push(...((data[LIST_NAME] as number[] | undefined)?.splice(edit.at, 1) ?? []));
      return;
    case "move": {
      const list = data[LIST_NAME] as number[] | undefined;
      list?.splice(edit.to, 0, ...list.splice(edit.from, 1));
      return;
    }
    case "add":
      data[COUNTER_NAME] = ((data[COUNTER_NAME] as number | undefined) ?? 0) + edit.by;
      content.added += edit.by;
      return;
    case "count": {
      const counts = (data[COUNTS_NAME] ??= {}) as Record<string, number>;
      counts[edit.name] = (counts[edit.name] ?? 0) + edit.by;
      content.counted.set(edit.name, (content.counted.get(edit.name) ?? 0) + edit.by);
      return;
    }
    case "tag":
      ((data[TAGS_NAME] ??= new Set()) as Set<string>).add(edit.name);
      return;
    case "untag":
      (data[TAGS_NAME] as Set<string> | undefined)?.delete(edit.name);
      return;
    case "describe": {
      // Assigned whole: against that, what another changes in place counts for nothing, however late.
      const value = next();
      ((data[UNITS_NAME] ??= {}) as Record<string, Unit>)[edit.name] = { left: value, right: value };
      content.described.set(edit.name, value);
      return;
    }
  }
}

/** What a replica holds, as sets; the order of the list is not in it. */
export interface FlatState {
  readonly scalars: ReadonlyMap<string, number>;
  readonly inside: ReadonlyMap<string, number>;
  readonly items: ReadonlySet<number>;
  readonly visits: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly tags: ReadonlySet<string>;
  readonly units: ReadonlyMap<string, number>;
}

/**
 * By definition: of the writes of a property the one with the highest (stamp, writer) counts; an item is there when it was inserted
 * and nobody took it out; a counter is the sum of what was added, wherever it is; of an element of a set that came and went the later
 * counts; a unit is what its last writer left.
 */
export function flatExpected(known: Iterable<Commit<FlatContent>>): FlatState {
  const commits = [...known].sort((left, right) => left.stamp - right.stamp || left.writer - right.writer);
  const scalars = new Map<string, number>();
  const inside = new Map<string, number>();
  const items = new Set<number>();
  const counts = new Map<string, number>();
  const tags = new Set<string>();
  const units = new Map<string, number>();
  let visits = 0;
  for (const { content } of commits) {
    for (const [written, value] of content.sets) write(scalars, written, value);
    for (const [written, value] of content.setsInside) write(inside, written, value);
    for (const item of content.inserted) items.add(item);
    visits += content.added;
    for (const [counted, by] of content.counted) counts.set(counted, (counts.get(counted) ?? 0) + by);
    for (const [tag, isThere] of content.tagged) {
      if (isThere) tags.add(tag);
      else tags.delete(tag);
    }
    for (const [described, value] of content.described) units.set(described, value);
  }
  for (const { content } of commits) for (const item of content.takenOut) items.delete(item);
  return { scalars, inside, items, visits, counts, tags, units };
}

/** The same of a real replica. Throws when an item is there twice. */
export function flatActual(plain: Readonly<Record<string, unknown>>): FlatState {
  const list = (plain[LIST_NAME] ?? []) as number[];
  const items = new Set(list);
  if (items.size !== list.length) throw new Error("an item is in the list twice");
  return {
    scalars: new Map(NAMES.filter((known) => known in plain).map((known) => [known, plain[known] as number])),
    inside: new Map(Object.entries((plain[OBJECT_NAME] ?? {}) as Record<string, number>)),
    items,
    visits: (plain[COUNTER_NAME] ?? 0) as number,
    counts: new Map(Object.entries((plain[COUNTS_NAME] ?? {}) as Record<string, number>)),
    tags: new Set(plain[TAGS_NAME] as Set<string> | undefined),
    units: new Map(Object.entries((plain[UNITS_NAME] ?? {}) as Record<string, Unit>).map(([described, unit]) => [described, oneOf(unit)])),
  };
}

function oneOf({ left, right }: Unit): number {
  if (left !== right) throw new Error("a unit is a mixture of two");
  return left;
}

function write(to: Map<string, number>, written: string, value: number | undefined): void {
  if (value === undefined) to.delete(written);
  else to.set(written, value);
}
