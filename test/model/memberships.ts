import { Membership } from "../../src/sync/membership.ts";
import type { RelayStatus } from "../../src/sync/messages/status.ts";
import { TICK_MS } from "./envelopes.ts";
import type { Rules } from "./rules.ts";

/** Something that a relay's `Membership` was told, in one line. */
type Told =
  | { readonly what: "joined"; readonly incarnation: number; readonly at: number }
  | { readonly what: "told"; readonly incarnation: number; readonly status: RelayStatus }
  | { readonly what: "equal"; readonly incarnation: number }
  | { readonly what: "left"; readonly incarnation: number; readonly at: number };

interface History {
  readonly startedAt: number;
  readonly told: readonly Told[];
  readonly membership: Membership;
}

/** What lost its relay is never forgotten in these worlds. */
const FORGET_LOSS_AFTER_MS = 1_000_000 * TICK_MS;
const OTHER = "ws://other";

/**
 * The shipped `Membership` as a part of a state: the number of what it was told since its start. It keeps to itself what it made of that, so
 * what it says is asked of one that was told the same.
 */
export class Memberships {
  readonly #replacedAtMs: Rules["replacedAtMs"];
  readonly #histories: History[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(replacedAtMs: Rules["replacedAtMs"]) {
    this.#replacedAtMs = replacedAtMs;
  }

  started(at: number): number {
    return this.#numberOf(at, []);
  }

  told(number: number, event: Told): number {
    const { startedAt, told, membership } = this.#at(number);
    if (event.what !== "told") return this.#numberOf(startedAt, [...told, event]);
    // Past the barrier it is read no more, and before only the last one counts: what makes no difference makes no state.
    if (membership.isComplete) return number;
    const last = told.findLastIndex(({ what, incarnation }) => what === "told" && incarnation === event.incarnation);
    return this.#numberOf(startedAt, [...told.filter((_, index) => index !== last), event]);
  }

  status(number: number, at: number, toIncarnation?: number): RelayStatus {
    return this.#at(number).membership.status(at * TICK_MS, toIncarnation === undefined ? undefined : String(toIncarnation));
  }

  isMember(number: number, incarnation: number): boolean {
    return this.#at(number).membership.isMember(String(incarnation));
  }

  #at(number: number): History {
    return this.#histories[number] as History;
  }

  #numberOf(startedAt: number, told: readonly Told[]): number {
    const text = JSON.stringify([startedAt, told]);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const membership = new Membership({
      nowMs: startedAt * TICK_MS,
      keptSinceMs: undefined,
      addresses: [OTHER],
      forgetLossAfterMs: FORGET_LOSS_AFTER_MS,
    });
    for (const event of told) this.#tell(membership, event);
    const number = this.#histories.length;
    this.#histories.push({ startedAt, told, membership });
    this.#numbers.set(text, number);
    return number;
  }

  #tell(membership: Membership, event: Told): void {
    const id = String(event.incarnation);
    const other = { id, incarnation: id, address: OTHER };
    if (event.what === "joined") membership.joined(other, this.#replacedAtMs(event.at * TICK_MS));
    else if (event.what === "told") membership.told(id, event.status);
    else if (event.what === "equal") membership.equal(id);
    else membership.left(id, event.at * TICK_MS);
  }
}
