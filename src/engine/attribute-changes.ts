import { type ContainerNode, type Entry, entryEquals, plainOf } from "./view.ts";

/** What was done to one attribute between two views of a session. */
export interface AttributeChange {
  readonly name: string;
  readonly change: "added" | "replaced" | "removed";
}

/** The attributes in which two views of a session differ, by name. What did not change is shared between views, and costs nothing. */
export function attributeChanges(before: ContainerNode, after: ContainerNode): AttributeChange[] {
  if (before === after) return [];
  const changes: AttributeChange[] = [];
  for (const [name, entry] of after.entries) {
    const old = before.entries.get(name);
    if (old === undefined) changes.push({ name, change: "added" });
    else if (!isSame(old, entry)) changes.push({ name, change: "replaced" });
  }
  for (const name of before.entries.keys()) if (!after.entries.has(name)) changes.push({ name, change: "removed" });
  return changes.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** A compaction makes new nodes of the same contents. */
function isSame(left: Entry, right: Entry): boolean {
  return left === right || entryEquals(left, plainOf(right));
}
