import { endEnvelope, type EndReason, type Envelope } from "../../src/engine/envelope.ts";
import type { Verdict } from "../../src/engine/verdict.ts";
import type { Rules } from "./rules.ts";

/** No envelope is held. */
export const NONE = 0;

/** Milliseconds of one step of the clocks, which is ε here. */
export const TICK_MS = 1_000;
const REASONS: readonly EndReason[] = ["destroyed", "rotated", "expired", "revoked"];
/** No clock says less, or more than this many ticks beyond. */
const TICK_MIN = -8;
const TICK_COUNT = 64;

/**
 * The few envelopes that there are in a model, by small numbers, and what the rules make of them, each asked once: a state is then a few bits,
 * and a step a look into a table.
 */
export class Envelopes {
  readonly #rules: Rules;
  readonly #known: (Envelope | undefined)[] = [undefined];
  readonly #ids = new Map<string, number>();
  readonly #joined: number[] = [];
  readonly #touched: number[] = [];
  readonly #ended: number[] = [];
  readonly #received: number[] = [];
  readonly #verdicts: Verdict[] = [];
  readonly #discards: number[] = [];

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** Numbers go from 1 to this. */
  get count(): number {
    return this.#known.length - 1;
  }

  idOf(envelope: Envelope): number {
    const text = JSON.stringify(envelope);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#known.length;
    if (id > ID_MAX) throw new Error(`A model has room for ${ID_MAX} envelopes; let fewer things happen in it.`);
    this.#known.push(envelope);
    this.#ids.set(text, id);
    return id;
  }

  at(id: number): Envelope {
    const envelope = this.#known[id];
    if (envelope === undefined) throw new Error("No envelope has this number.");
    return envelope;
  }

  isEnded(id: number): boolean {
    return this.#known[id]?.ended !== undefined;
  }

  /** 0 for none. */
  touchedAtMs(id: number): number {
    return this.#known[id]?.touchedAtMs ?? 0;
  }

  join(held: number, came: number): number {
    if (held === NONE) return came;
    if (came === NONE) return held;
    const at = held * (ID_MAX + 1) + came;
    return (this.#joined[at] ??= this.idOf(this.#rules.join(this.at(held), this.at(came))));
  }

  /** As a request leaves it that came at this time by the clock of its node. */
  touched(id: number, clock: number): number {
    const at = id * TICK_COUNT + clock - TICK_MIN;
    const touch = (): number => {
      const envelope = this.at(id);
      return this.idOf({ ...envelope, touchedAtMs: Math.max(envelope.touchedAtMs, clock * TICK_MS) });
    };
    return (this.#touched[at] ??= touch());
  }

  /** What is left of it when it ends. Of when that was nobody asks, so one instant stands for all. */
  ended(id: number, reason: EndReason): number {
    const at = id * 4 + REASONS.indexOf(reason);
    return (this.#ended[at] ??= this.idOf(endEnvelope(this.at(id), this.at(id).ended ?? { reason, atMs: 0 })));
  }

  received(id: number, clock: number): number {
    const at = id * TICK_COUNT + clock - TICK_MIN;
    return (this.#received[at] ??= this.idOf(this.#rules.received(this.at(id), clock * TICK_MS, TICK_MS)));
  }

  verdict(id: number, clock: number): Verdict {
    const at = id * TICK_COUNT + clock - TICK_MIN;
    return (this.#verdicts[at] ??= this.#rules.verdict(this.at(id), clock * TICK_MS));
  }

  /** Nobody needs it any more, by a clock. */
  isOver(id: number, clock: number): boolean {
    return (this.#discards[id] ??= this.#rules.discardAtMs(this.at(id), TICK_MS)) <= clock * TICK_MS;
  }
}

/** Numbers are bits of one word, and parts of others. */
const ID_MAX = 31;
