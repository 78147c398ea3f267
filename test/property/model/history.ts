import fc from "fast-check";
import { counter } from "../../../src/engine/attributes/counter.ts";
import type { Change, SessionRecord } from "../../../src/engine/record.ts";
import { type Data, TestReplica, TestWorld } from "../../support/replica.ts";

/** What a request does, by names and values alone, so that a model can do it too. */
export type Edit =
  | { readonly kind: "set"; readonly name: string; readonly value: number }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "set-inside"; readonly name: string; readonly value: number }
  | { readonly kind: "remove-inside"; readonly name: string }
  | { readonly kind: "insert"; readonly at: number }
  | { readonly kind: "take-out"; readonly at: number }
  | { readonly kind: "move"; readonly from: number; readonly to: number }
  | { readonly kind: "add"; readonly by: number };

/** What happens among replicas. Numbers are taken modulo what there is, so that a smaller history still means something. */
export type Step =
  | { readonly kind: "edit"; readonly replica: number; readonly edits: readonly Edit[]; readonly laterMs: number }
  /** A change reaches a replica: in any order, again, or never. */
  | { readonly kind: "deliver"; readonly change: number; readonly to: number }
  | { readonly kind: "state"; readonly from: number; readonly to: number }
  | { readonly kind: "save"; readonly replica: number }
  /** The process starts again from an old copy, anybody's. */
  | { readonly kind: "restart"; readonly replica: number; readonly save: number }
  /** A sleeper: an old copy reaches a replica, perhaps several epochs later. */
  | { readonly kind: "old-state"; readonly save: number; readonly to: number }
  /** The same process loads an old copy. */
  | { readonly kind: "reload"; readonly replica: number; readonly save: number }
  | { readonly kind: "compact"; readonly replica: number };

export const SCALAR_NAMES = ["p", "q", "r", "s"];
export const COUNTER_NAME = "visits";
export const OBJECT_NAME = "prefs";
export const LIST_NAME = "items";

const index = fc.nat(5);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), name: fc.constantFrom(...SCALAR_NAMES), value: fc.nat(9) }),
  fc.record({ kind: fc.constant("remove" as const), name: fc.constantFrom(...SCALAR_NAMES) }),
  fc.record({ kind: fc.constant("set-inside" as const), name: fc.constantFrom(...SCALAR_NAMES), value: fc.nat(9) }),
  fc.record({ kind: fc.constant("remove-inside" as const), name: fc.constantFrom(...SCALAR_NAMES) }),
  fc.record({ kind: fc.constant("insert" as const), at: index }),
  fc.record({ kind: fc.constant("take-out" as const), at: index }),
  fc.record({ kind: fc.constant("move" as const), from: index, to: index }),
  fc.record({ kind: fc.constant("add" as const), by: fc.integer({ min: -3, max: 3 }) }),
);

export const REPLICA_COUNT = 4;
const replica = fc.nat(REPLICA_COUNT - 1);
const any = fc.nat(30);

export function stepsOf(edits: fc.Arbitrary<readonly Edit[]>, maxLength: number): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("edit" as const), replica, edits, laterMs: fc.integer({ min: -5, max: 5 }) }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const), change: any, to: replica }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("state" as const), from: replica, to: replica }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("save" as const), replica }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const), replica, save: any }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("old-state" as const), save: any, to: replica }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("reload" as const), replica, save: any }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("compact" as const), replica }) },
  );
  return fc.array(step, { maxLength, size: "max" });
}

export const steps: fc.Arbitrary<Step[]> = stepsOf(fc.array(edit, { minLength: 1, maxLength: 3 }), 40);

/** What was written, as one commit: each replica knows a set of these. */
export interface Event {
  readonly writer: number;
  readonly stamp: number;
  readonly sets: ReadonlyMap<string, number | undefined>;
  readonly setsInside: ReadonlyMap<string, number | undefined>;
  readonly inserted: readonly number[];
  readonly takenOut: readonly number[];
  readonly added: number;
}

interface Saved {
  readonly record: SessionRecord;
  readonly known: ReadonlySet<Event>;
}

/**
 * A history on real replicas and, beside it, what each of them knows: the set of commits that reached it. What it must hold follows
 * from that set by definition (see expected.ts), whatever epochs and orders it came through.
 */
export class History {
  readonly world = new TestWorld(1, { attributes: { [COUNTER_NAME]: counter() } });
  readonly replicas = Array.from({ length: REPLICA_COUNT }, () => this.world.replica());
  readonly known = this.replicas.map(() => new Set<Event>());
  readonly #changes: { readonly change: Change; readonly event: Event }[] = [];
  readonly #saves: Saved[] = [];
  #nextItem = 1;

  run(step: Step): void {
    switch (step.kind) {
      case "edit":
        return this.#edit(step.replica, step.edits, step.laterMs);
      case "deliver": {
        const sent = pick(this.#changes, step.change);
        if (sent === undefined) return;
        const receipt = this.#at(step.to).apply(sent.change);
        const known = this.#knownAt(step.to);
        if (receipt === "applied" || receipt === "joined") known.add(sent.event);
        else if (receipt === "duplicate" && !known.has(sent.event)) throw new Error("a change counts as a duplicate that never came");
        return;
      }
      case "state":
        return this.#take(step.to, { record: this.#at(step.from).record(), known: this.#knownAt(step.from) });
      case "save":
        this.#saves.push({ record: this.#at(step.replica).record(), known: new Set(this.#knownAt(step.replica)) });
        return;
      case "old-state": {
        const saved = pick(this.#saves, step.save);
        if (saved !== undefined) this.#take(step.to, saved);
        return;
      }
      case "restart":
      case "reload": {
        const saved = pick(this.#saves, step.save);
        if (saved === undefined) return;
        if (step.kind === "restart") this.#at(step.replica).restartFrom(saved.record);
        else this.#at(step.replica).reloadFrom(saved.record);
        this.known[step.replica] = new Set(saved.known);
        return;
      }
      case "compact":
        return this.#at(step.replica).compact();
    }
  }

  /** Everybody knows everything that anybody knows. */
  knowAll(): void {
    const all = new Set(this.known.flatMap((known) => [...known]));
    for (let at = 0; at < this.known.length; at++) this.known[at] = new Set(all);
  }

  #take(to: number, saved: Saved): void {
    this.#at(to).take(saved.record);
    const known = this.#knownAt(to);
    for (const event of saved.known) known.add(event);
  }

  #edit(at: number, edits: readonly Edit[], laterMs: number): void {
    const target = this.#at(at);
    this.world.nowMs = Math.max(1, this.world.nowMs + laterMs);
    const drafted = {
      sets: new Map<string, number | undefined>(),
      setsInside: new Map<string, number | undefined>(),
      inserted: [] as number[],
      takenOut: [] as number[],
      added: 0,
    };
    const change = target.edit((data) => {
      const before = { names: new Set(Object.keys(data)), inside: inside(data, OBJECT_NAME) };
      for (const one of edits) this.#do(one, data, before, drafted);
    });
    if (change === undefined) return;
    const event: Event = { writer: change.writer, stamp: change.stamp, ...withoutNothing(drafted) };
    this.#changes.push({ change, event });
    this.#knownAt(at).add(event);
  }

  #do(edit: Edit, data: Data, before: Before, drafted: Drafted): void {
    switch (edit.kind) {
      case "set":
        // The unique part makes every assignment a change.
        data[edit.name] = this.#nextItem++ * 10 + edit.value;
        drafted.sets.set(edit.name, data[edit.name] as number);
        return;
      case "remove":
        // What the same request made and removed again was never there.
        if (before.names.has(edit.name)) drafted.sets.set(edit.name, undefined);
        else drafted.sets.delete(edit.name);
        delete data[edit.name];
        return;
      case "set-inside": {
        const value = this.#nextItem++ * 10 + edit.value;
        ((data[OBJECT_NAME] ??= {}) as Record<string, number>)[edit.name] = value;
        drafted.setsInside.set(edit.name, value);
        return;
      }
      case "remove-inside": {
        const object = data[OBJECT_NAME] as Record<string, unknown> | undefined;
        if (object === undefined || !(edit.name in object)) return;
        delete object[edit.name];
        if (edit.name in before.inside) drafted.setsInside.set(edit.name, undefined);
        else drafted.setsInside.delete(edit.name);
        return;
      }
      case "insert": {
        const item = this.#nextItem++;
        ((data[LIST_NAME] ??= []) as number[]).splice(edit.at, 0, item);
        drafted.inserted.push(item);
        return;
      }
      case "take-out":
        drafted.takenOut.push(...((data[LIST_NAME] as number[] | undefined)?.splice(edit.at, 1) ?? []));
        return;
      case "move": {
        const list = data[LIST_NAME] as number[] | undefined;
        const moved = list?.splice(edit.from, 1) ?? [];
        list?.splice(edit.to, 0, ...moved);
        return;
      }
      case "add":
        data[COUNTER_NAME] = ((data[COUNTER_NAME] as number | undefined) ?? 0) + edit.by;
        drafted.added += edit.by;
        return;
    }
  }

  #at(at: number): TestReplica {
    const found = this.replicas[at];
    if (found === undefined) throw new Error("there is no such replica");
    return found;
  }

  #knownAt(at: number): Set<Event> {
    const found = this.known[at];
    if (found === undefined) throw new Error("there is no such replica");
    return found;
  }
}

interface Before {
  readonly names: ReadonlySet<string>;
  readonly inside: Readonly<Record<string, unknown>>;
}

type Drafted = { -readonly [Field in keyof Omit<Event, "writer" | "stamp">]: Mutable<Event[Field]> };
type Mutable<T> = T extends ReadonlyMap<infer Name, infer Value> ? Map<Name, Value> : T extends readonly (infer Item)[] ? Item[] : T;

/** What one request inserted and took out again never was. */
function withoutNothing(drafted: Drafted): Drafted {
  const both = new Set(drafted.inserted.filter((item) => drafted.takenOut.includes(item)));
  return {
    ...drafted,
    inserted: drafted.inserted.filter((item) => !both.has(item)),
    takenOut: drafted.takenOut.filter((item) => !both.has(item)),
  };
}

function inside(data: Data, name: string): Record<string, unknown> {
  return { ...(data[name] as Record<string, unknown> | undefined) };
}

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from.length === 0 ? undefined : from[at % from.length];
}
