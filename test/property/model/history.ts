import fc from "fast-check";
import type { Change, SessionRecord } from "../../../src/engine/record.ts";
import { type Data, type TestReplica, TestWorld, type TestWorldOptions } from "../../support/replica.ts";

/** What happens among replicas. Numbers are taken modulo what there is, so that a smaller history still means something. */
export type Step<Edit> =
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

/** A commit as a model knows it. */
export interface Commit<Content> {
  readonly writer: number;
  readonly stamp: number;
  readonly content: Content;
}

const REPLICA_COUNT = 4;

export function stepsOf<Edit>(edit: fc.Arbitrary<Edit>, maxLength: number): fc.Arbitrary<Step<Edit>[]> {
  const replica = fc.nat(REPLICA_COUNT - 1);
  const any = fc.nat(30);
  const edits = fc.array(edit, { minLength: 1, maxLength: 3 });
  const step: fc.Arbitrary<Step<Edit>> = fc.oneof(
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

interface Saved<Content> {
  readonly record: SessionRecord;
  readonly known: ReadonlySet<Commit<Content>>;
}

/**
 * A history on real replicas and, beside it, what each of them knows: the set of commits that reached it. What a replica must hold
 * follows from that set by a model's definition, whatever epochs and orders it came through.
 */
export class History<Edit, Content> {
  readonly world: TestWorld;
  readonly replicas: readonly TestReplica[];
  readonly known: Set<Commit<Content>>[];
  readonly #draft: (data: Data, edits: readonly Edit[], replica: TestReplica) => Content;
  readonly #changes: { readonly change: Change; readonly commit: Commit<Content> }[] = [];
  readonly #saves: Saved<Content>[] = [];

  /** `draft` does the edits to a request's attributes, and says what a model must know of them. */
  constructor(draft: (data: Data, edits: readonly Edit[], replica: TestReplica) => Content, options: TestWorldOptions = {}) {
    this.world = new TestWorld(1, options);
    this.replicas = Array.from({ length: REPLICA_COUNT }, () => this.world.replica());
    this.known = this.replicas.map(() => new Set());
    this.#draft = draft;
  }

  run(step: Step<Edit>): void {
    switch (step.kind) {
      case "edit":
        return this.#edit(step.replica, step.edits, step.laterMs);
      case "deliver": {
        const sent = pick(this.#changes, step.change);
        if (sent === undefined) return;
        const receipt = this.#at(step.to).apply(sent.change);
        const known = this.#knownAt(step.to);
        if (receipt === "applied" || receipt === "joined") known.add(sent.commit);
        else if (receipt === "duplicate" && !known.has(sent.commit)) throw new Error("a change counts as a duplicate that never came");
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

  #take(to: number, saved: Saved<Content>): void {
    this.#at(to).take(saved.record);
    const known = this.#knownAt(to);
    for (const commit of saved.known) known.add(commit);
  }

  #edit(at: number, edits: readonly Edit[], laterMs: number): void {
    this.world.nowMs = Math.max(1, this.world.nowMs + laterMs);
    const request = this.#at(at).request();
    const content = this.#draft(request.data, edits, this.#at(at));
    const change = request.commit();
    if (change === undefined) return;
    const commit = { writer: change.writer, stamp: change.stamp, content };
    this.#changes.push({ change, commit });
    this.#knownAt(at).add(commit);
  }

  #at(at: number): TestReplica {
    return existing(this.replicas[at]);
  }

  #knownAt(at: number): Set<Commit<Content>> {
    return existing(this.known[at]);
  }
}

function existing<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("there is no such replica");
  return found;
}

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from.length === 0 ? undefined : from[at % from.length];
}
