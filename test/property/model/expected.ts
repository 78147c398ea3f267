import { COUNTER_NAME, type Event, LIST_NAME, OBJECT_NAME } from "./history.ts";

/** What a replica that knows these commits holds, as sets; the order of the list is not in it. */
export interface Expected {
  readonly scalars: ReadonlyMap<string, number>;
  readonly inside: ReadonlyMap<string, number>;
  readonly items: ReadonlySet<number>;
  readonly visits: number;
}

/**
 * By definition: of the writes of a property the one with the highest (stamp, writer) counts; an item is there when it was inserted
 * and nobody took it out; a counter is the sum of what was added.
 */
export function expectedOf(known: Iterable<Event>): Expected {
  const events = [...known].sort((left, right) => left.stamp - right.stamp || left.writer - right.writer);
  const scalars = new Map<string, number>();
  const inside = new Map<string, number>();
  const items = new Set<number>();
  let visits = 0;
  for (const event of events) {
    for (const [name, value] of event.sets) write(scalars, name, value);
    for (const [name, value] of event.setsInside) write(inside, name, value);
    for (const item of event.inserted) items.add(item);
    visits += event.added;
  }
  for (const event of events) for (const item of event.takenOut) items.delete(item);
  return { scalars, inside, items, visits };
}

/** The same of a real replica. Throws when an item is there twice. */
export function actualOf(plain: Readonly<Record<string, unknown>>): Expected {
  const list = (plain[LIST_NAME] ?? []) as number[];
  const items = new Set(list);
  if (items.size !== list.length) throw new Error("an item is in the list twice");
  const scalars = new Map<string, number>();
  for (const [name, value] of Object.entries(plain)) if (name.length === 1) scalars.set(name, value as number);
  return {
    scalars,
    inside: new Map(Object.entries((plain[OBJECT_NAME] ?? {}) as Record<string, number>)),
    items,
    visits: (plain[COUNTER_NAME] ?? 0) as number,
  };
}

function write(to: Map<string, number>, name: string, value: number | undefined): void {
  if (value === undefined) to.delete(name);
  else to.set(name, value);
}
