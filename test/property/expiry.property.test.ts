import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counter } from "../../src/engine/attributes/counter.ts";
import { list } from "../../src/engine/attributes/list.ts";
import { map } from "../../src/engine/attributes/map.ts";
import { register } from "../../src/engine/attributes/register.ts";
import { set } from "../../src/engine/attributes/set.ts";
import { stampMs } from "../../src/engine/hybrid-clock.ts";
import type { Plain } from "../../src/engine/values.ts";
import { type Data, sync, type TestReplica } from "../support/replica.ts";
import { type Commit, History, stepsOf } from "./model/history.ts";

/** Short enough that attributes expire many times in a history, whose clock goes to and fro. */
const TTL_MS = 12;
const options = { ttlMs: TTL_MS };
const ATTRIBUTES = {
  map: map(register(), options),
  list: list(undefined, options),
  set: set<number>(options),
  unit: register(options),
  count: counter(options),
};
const NAMES = [...Object.keys(ATTRIBUTES), "stays"];

interface ExpiryEdit {
  readonly name: string;
  readonly property: string;
}
const edit: fc.Arbitrary<ExpiryEdit> = fc.record({ name: fc.constantFrom(...NAMES), property: fc.constantFrom("p", "q") });
const steps = stepsOf(edit, 25);

/** The attributes that a commit wrote; the numbers that it wrote into them, and those that were there and that its author no longer saw. */
interface ExpiryContent {
  readonly names: ReadonlySet<string>;
  readonly written: ReadonlySet<string>;
  readonly gone: ReadonlySet<string>;
}

/** Every number is written once. What is added to the counter are powers of two, so that a sum tells of what it is made. */
function drafter(): (data: Data, edits: readonly ExpiryEdit[], replica: TestReplica) => ExpiryContent {
  let [next, power] = [1, 1];
  const nextFor = (name: string): number => (name === "count" ? (power *= 2) : next++);
  return (data, edits, replica) => {
    const names = new Set(edits.map(({ name }) => name));
    const before = replica.plain(0) as Record<string, Plain>;
    for (const one of edits) write(data, one, nextFor(one.name));
    const there = new Set([...names].flatMap((name) => numbersIn(name, before[name])));
    const left = new Set([...names].flatMap((name) => numbersIn(name, data[name] as Plain | undefined)));
    return {
      names,
      written: new Set([...left].filter((number) => !there.has(number))),
      gone: new Set([...there].filter((number) => !left.has(number))),
    };
  };
}

function write(data: Data, { name, property }: ExpiryEdit, number: number): void {
  if (name === "map") ((data["map"] ??= {}) as Data)[property] = number;
  else if (name === "list") ((data["list"] ??= []) as number[]).push(number);
  else if (name === "set") ((data["set"] ??= new Set()) as Set<number>).add(number);
  else if (name === "unit") data["unit"] = { [property]: number };
  else if (name === "count") data["count"] = ((data["count"] as number | undefined) ?? 0) + number;
  else data["stays"] = number;
}

/** In each attribute by itself, as numbers of the counter may be elsewhere, too. */
function numbersIn(name: string, value: Plain | undefined): string[] {
  if (typeof value === "number") {
    if (name !== "count") return [`${name} ${value}`];
    return Array.from({ length: 53 }, (_, bit) => 2 ** bit).flatMap((power) =>
      Math.floor(value / power) % 2 === 1 ? `${name} ${power}` : [],
    );
  }
  if (typeof value !== "object" || value === null) return [];
  return [...(value instanceof Set ? value : (Object.values(value) as Plain[]))].flatMap((part) => numbersIn(name, part));
}

function expectExpiries(replica: TestReplica, known: ReadonlySet<Commit<ExpiryContent>>): void {
  const commits = [...known].sort((left, right) => left.stamp - right.stamp || left.writer - right.writer);
  const written = new Set(commits.flatMap(({ content }) => [...content.written]));
  const gone = new Set(commits.flatMap(({ content }) => [...content.gone]));
  for (const name of NAMES) {
    const last = commits.findLast(({ content }) => content.names.has(name));
    if (last === undefined) {
      expect(replica.plain(0)).not.toHaveProperty(name);
      continue;
    }
    const expiresAtMs = stampMs(last.stamp) + TTL_MS;
    expect(replica.plain(expiresAtMs - 1)).toHaveProperty(name);
    for (const later of [0, 1, TTL_MS, 1_000]) expect(name in (replica.plain(expiresAtMs + later) as Data)).toBe(name === "stays");
    for (const number of numbersIn(name, (replica.plain(0) as Record<string, Plain>)[name])) {
      expect(written.has(number)).toBe(true);
      expect(gone.has(number)).toBe(false);
    }
  }
}

describe("attributes with ttlMs, in histories of four replicas", () => {
  test("[D21] [D22] they are always gone on every replica at the instant of their last write and ttlMs, with what was in them; the rest stays", () => {
    fc.assert(
      fc.property(steps, (todo) => {
        const history = new History(drafter(), { attributes: ATTRIBUTES });
        for (const step of todo) {
          history.run(step);
          const at = "to" in step ? step.to : step.replica;
          expectExpiries(history.replicas[at] as TestReplica, history.known[at] ?? new Set());
        }
        sync(...history.replicas);
        history.knowAll();
        history.replicas.forEach((replica, at) => expectExpiries(replica, history.known[at] ?? new Set()));
        expect(new Set(history.replicas.map((replica) => replica.digest())).size).toBe(1);
      }),
    );
  });

  test("[D21] the passing of time never writes: reading, merging and compacting give the same bytes at any time", () => {
    fc.assert(
      fc.property(steps, (todo) => {
        const history = new History(drafter(), { attributes: ATTRIBUTES });
        for (const step of todo) history.run(step);
        const [first, second] = history.replicas as [TestReplica, TestReplica];
        const { world } = history;
        second.take(first.record());
        first.take(second.record());
        const record = first.record();
        first.compact();
        world.nowMs += 1_000;
        expect(second.edit((data) => Object.keys(data).forEach((name) => data[name]))).toBeUndefined();
        expect(second.record()).toEqual(record);
        second.compact();
        expect(second.record()).toEqual(first.record());
      }),
    );
  });
});
