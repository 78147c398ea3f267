import fc from "fast-check";
import type { AttributeType } from "../../../src/engine/attributes/attribute-type.ts";
import { counter } from "../../../src/engine/attributes/counter.ts";
import { list } from "../../../src/engine/attributes/list.ts";
import { map } from "../../../src/engine/attributes/map.ts";
import { register } from "../../../src/engine/attributes/register.ts";
import type { AttributeTypes } from "../../../src/engine/attributes/schema.ts";
import { set } from "../../../src/engine/attributes/set.ts";
import { valueKey } from "../../../src/engine/value-key.ts";
import { isPlainObject, type Plain } from "../../../src/engine/values.ts";
import type { Data } from "../../support/replica.ts";

/** Any mutation of a tree of plain values, at a place chosen by numbers: it always means something. */
export interface WildEdit {
  readonly path: readonly number[];
  readonly action: "assign" | "remove" | "push" | "splice" | "reverse" | "copy" | "swap" | "spread";
  readonly name: number;
  readonly value: Plain;
}

const NAMES = ["a", "b", "c", "user"];
/** So few values that equal ones meet often. */
const leaf: fc.Arbitrary<Plain> = fc.constantFrom<Plain[]>(null, 0, 1, "x", "y", true, 2n);
export const wildValue: fc.Arbitrary<Plain> = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    fc
      .dictionary(fc.constantFrom(...NAMES), tie("value"), { maxKeys: 3, noNullPrototype: true })
      .map((object) => new Map(Object.entries(object))),
    fc.array(tie("value"), { maxLength: 3 }).map((elements) => new Set(elements)),
  ),
})).value;

export const wildEdit: fc.Arbitrary<WildEdit> = fc.record({
  path: fc.array(fc.nat(3), { maxLength: 3 }),
  action: fc.constantFrom("assign", "assign", "remove", "push", "splice", "reverse", "copy", "swap", "spread"),
  name: fc.nat(3),
  value: wildValue,
});

/** Does the same to a request's attributes and to a plain object, which is how one is the oracle of the other. */
export function doWild(data: Data, { path, action, name, value }: WildEdit): void {
  const chosen = NAMES[name] ?? "a";
  const target = descend(data, path);
  const content = structuredClone(value);
  if (target instanceof Set) return doInSet(target, action, content);
  if (target instanceof Map) return doInMap(target, action, chosen, content);
  if (Array.isArray(target)) {
    switch (action) {
      case "remove":
        target.splice(name, 1);
        return;
      case "splice":
        target.splice(name, 1, content, structuredClone(value));
        return;
      case "reverse":
        target.reverse();
        return;
      case "copy":
        target.push(target[name % (target.length || 1)]);
        return;
      case "swap":
        target.push(target.shift());
        return;
      case "spread":
        target.splice(0, target.length, ...target.map((element: unknown) => element), content);
        return;
      default:
        target.push(content);
        return;
    }
  }
  switch (action) {
    case "remove":
      delete target[chosen];
      return;
    case "copy":
      target[chosen] = target[NAMES[(name + 1) % NAMES.length] ?? "a"];
      return;
    case "swap": {
      const other = NAMES[(name + 1) % NAMES.length] ?? "a";
      [target[chosen], target[other]] = [target[other], target[chosen]];
      return;
    }
    case "spread":
      target[chosen] = { ...(isPlainObject(target[chosen]) ? target[chosen] : {}), a: content };
      return;
    case "splice":
      // What a counter is for.
      target[chosen] = typeof target[chosen] === "number" ? target[chosen] + path.length + 1 : content;
      return;
    default:
      target[chosen] = content;
  }
}

function doInSet(target: Set<unknown>, action: WildEdit["action"], content: Plain): void {
  // Chosen by value, as the order of a set that was declared is its own; an element that is in it twice, too.
  const [least] = Array.from(target, (element) => sameKey(element as Plain)).sort();
  if (action === "remove" || action === "splice") for (const one of target) if (sameKey(one as Plain) === least) target.delete(one);
  if (action !== "remove") target.add(content);
}

function doInMap(target: Map<unknown, unknown>, action: WildEdit["action"], name: string, content: Plain): void {
  const before = target.get(name);
  if (action === "remove") target.delete(name);
  else target.set(name, action === "splice" && typeof before === "number" ? before + 1 : content);
}

type Target = Data | unknown[] | Map<unknown, unknown> | Set<unknown>;

function descend(data: Data, path: readonly number[]): Target {
  let target: Target = data;
  for (const step of path) {
    const child = childOf(target, step);
    if (typeof child !== "object" || child === null) return target;
    target = child as Target;
  }
  return target;
}

/** Elements of sets are not changed in place: they would be other elements. */
function childOf(target: Target, step: number): unknown {
  const name = NAMES[step] ?? "a";
  if (Array.isArray(target)) return target[step];
  if (target instanceof Map) return target.get(name);
  return target instanceof Set ? undefined : target[name];
}

/** Any declarations of the attributes that the edits touch; nested ones, too. `withTtl`: some expire after a few milliseconds. */
export function wildAttributes(withTtl: boolean): fc.Arbitrary<AttributeTypes> {
  const options = withTtl ? fc.option(fc.record({ ttlMs: fc.integer({ min: 1, max: 20 }) }), { nil: undefined }) : fc.constant(undefined);
  const nested = fc.letrec<{ type: AttributeType<unknown> }>((tie) => ({
    type: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      fc.constantFrom<AttributeType<unknown>[]>(counter(), register(), set()),
      tie("type").map((of) => map(of)),
      tie("type").map((of) => list(of)),
    ),
  })).type;
  const of = fc.option(nested, { nil: undefined });
  const type = fc.oneof(
    options.map((one) => counter(one) as AttributeType<unknown>),
    options.map((one) => register(one)),
    options.map((one) => set(one) as AttributeType<unknown>),
    fc.tuple(of, options).map(([inner, one]) => map(inner, one) as AttributeType<unknown>),
    fc.tuple(of, options).map(([inner, one]) => list(inner, one) as AttributeType<unknown>),
  );
  return fc.dictionary(fc.constantFrom(...NAMES), type, { maxKeys: NAMES.length, noNullPrototype: true });
}

/** Equal for values that are the same to a `set()`: no order, and equal elements once. */
export function sameKey(value: Plain): string {
  return valueKey(withoutTwins(value));
}

function withoutTwins(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(withoutTwins);
  if (value instanceof Map) return new Map(Array.from(value, ([key, content]) => [key, withoutTwins(content)]));
  if (value instanceof Set) return new Set(new Map(Array.from(value, (one) => [sameKey(one), withoutTwins(one)])).values());
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value as Record<string, Plain>).map(([name, content]) => [name, withoutTwins(content)]));
}
