import fc from "fast-check";
import type { Data } from "../../support/replica.ts";
import type { Commit } from "./history.ts";

/** A change in place somewhere in a tree of objects and arrays; every leaf that is written is a number of its own. */
export interface TreeEdit {
  readonly path: readonly number[];
  readonly action: "leaf" | "object" | "array" | "remove" | "rotate";
  readonly name: number;
}

const NAMES = ["a", "b", "c"];

export const treeEdit: fc.Arbitrary<TreeEdit> = fc.record({
  path: fc.array(fc.nat(2), { maxLength: 2 }),
  action: fc.constantFrom("leaf", "leaf", "object", "array", "remove", "remove", "rotate"),
  name: fc.nat(2),
});

/** What one commit made visible to its author, and what it took from his sight. */
export interface TreeContent {
  readonly written: ReadonlySet<number>;
  readonly removed: ReadonlySet<number>;
}

export function treeDrafter(): (data: Data, edits: readonly TreeEdit[]) => TreeContent {
  let nextLeaf = 1;
  return (data, edits) => {
    const before = leavesOf({ ...data });
    for (const edit of edits) doTree(data, edit, () => nextLeaf++);
    const after = leavesOf({ ...data });
    return {
      written: new Set([...after].filter((leaf) => !before.has(leaf))),
      removed: new Set([...before].filter((leaf) => !after.has(leaf))),
    };
  };
}

function doTree(data: Data, { path, action, name }: TreeEdit, next: () => number): void {
  let target: Data | unknown[] = data;
  for (const step of path) {
    const child: unknown = Array.isArray(target) ? target[step] : target[NAMES[step] ?? "a"];
    if (typeof child !== "object" || child === null) break;
    target = child as Data | unknown[];
  }
  if (Array.isArray(target)) {
    if (action === "remove") target.splice(name, 1);
    else if (action === "rotate" && target.length > 0) target.push(target.shift());
    else target.push(made(action, next));
  } else if (action === "remove" || action === "rotate") delete target[NAMES[name] ?? "a"];
  else target[NAMES[name] ?? "a"] = made(action, next);
}

function made(action: TreeEdit["action"], next: () => number): unknown {
  if (action === "object") return { a: next(), b: { c: next() } };
  return action === "array" ? [next(), { a: next() }] : next();
}

/** All numbers in a value; each is written once, so each is there at most once. */
export function leavesOf(value: unknown): Set<number> {
  const leaves = new Set<number>();
  const visit = (part: unknown): void => {
    if (typeof part === "number") {
      if (leaves.has(part)) throw new Error("a value that was written once is there twice");
      leaves.add(part);
    } else if (typeof part === "object" && part !== null) Object.values(part).forEach(visit);
  };
  visit(value);
  return leaves;
}

/** Every leaf that these commits wrote, and those among them that one of them took from his author's sight. */
export function knownLeaves(known: Iterable<Commit<TreeContent>>): { readonly written: Set<number>; readonly removed: Set<number> } {
  const written = new Set<number>();
  const removed = new Set<number>();
  for (const { content } of known) {
    for (const leaf of content.written) written.add(leaf);
    for (const leaf of content.removed) removed.add(leaf);
  }
  return { written, removed };
}
