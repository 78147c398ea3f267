import fc from "fast-check";
import type { Plain } from "../../../src/engine/values.ts";
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
      target[chosen] = { ...(typeof target[chosen] === "object" && !Array.isArray(target[chosen]) ? target[chosen] : {}), a: content };
      return;
    default:
      target[chosen] = content;
  }
}

function descend(data: Data, path: readonly number[]): Data | unknown[] {
  let target: Data | unknown[] = data;
  for (const step of path) {
    const child: unknown = Array.isArray(target) ? target[step] : target[NAMES[step] ?? "a"];
    if (typeof child !== "object" || child === null || child instanceof Map) return target;
    target = child as Data | unknown[];
  }
  return target;
}
