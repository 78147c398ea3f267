import type { Replica, Runtime } from "../engine/index.ts";
import { hexOf } from "./hex.ts";
import { OWNER_BYTES, type Claim } from "./messages/claim.ts";
import type { ClaimAnswer } from "./messages/claimed.ts";

/** How long a grant waits for its confirmation: far longer than asking the other relays takes. */
const ASKED_GRANT_MS = 10_000;
/** Grants whose owner is remembered. Of a forgotten one the store still knows that it is taken. */
const GRANT_COUNT_MAX = 100_000;
/** Owners that gave up, whose late frames are not to be believed. */
const RELEASED_COUNT_MAX = 10_000;

const GRANTED: ClaimAnswer = { kind: "granted" };
const ABSTAINS: ClaimAnswer = { kind: "abstains" };
/** The owner is not known any more, or is of no interest. */
const NOBODY = new Uint8Array(OWNER_BYTES);

type Grant =
  /** `untilMs` of a clock that never steps back. */
  | { readonly kind: "asked"; readonly owner: string; readonly untilMs: number }
  /** `untilMs` of the wall clock. `stored`: false when the store knew of another one. */
  | { readonly kind: "confirmed"; readonly owner: string; readonly untilMs: number; readonly stored: Promise<boolean> };

export interface ClaimGrantsOptions {
  readonly runtime: Runtime;
  /** The time that nodes and relays go by. */
  readonly nowMs: () => number;
  readonly replica: Pick<Replica, "claim" | "release">;
  /** Since when this relay has lost no grant that it gave: its start where it keeps them in memory. Milliseconds since the epoch. */
  readonly recordSinceMs: number;
  /** How far clocks may be apart, milliseconds. */
  readonly clockErrorMs: number;
}

/**
 * What one relay grants. It confirms each (session, name) to one owner at a time, and forgets none that it confirmed; where it may have
 * forgotten one it abstains. Of any two majorities of relays one relay is in both: so no two owners ever have a majority.
 *
 * What is asked for is held for a short while, so that of two who come at the same time one gives way before anything lasting is written.
 * Nothing depends on it.
 */
export class ClaimGrants {
  readonly #options: ClaimGrantsOptions;
  readonly #grants = new Map<string, Grant>();
  readonly #released = new Set<string>();
  #recordSinceMs: number;

  constructor(options: ClaimGrantsOptions) {
    this.#options = options;
    this.#recordSinceMs = options.recordSinceMs;
  }

  /** The clock that said when the record began was set by so much. */
  clockSet(byMs: number): void {
    this.#recordSinceMs += byMs;
  }

  /** Never rejects. */
  async answer(claim: Claim): Promise<ClaimAnswer> {
    try {
      if (claim.step === "release") return await this.#release(claim);
      return await this.#grant(claim);
    } catch {
      // The store did not answer: what it knows cannot be known.
      return ABSTAINS;
    }
  }

  #grant(claim: Claim): ClaimAnswer | Promise<ClaimAnswer> {
    const owner = hexOf(claim.owner);
    if (this.#released.has(owner)) return { kind: "taken", owner: NOBODY, isConfirmed: false };
    const grant = this.#live(claim);
    if (grant !== undefined && grant.owner !== owner) {
      return { kind: "taken", owner: Buffer.from(grant.owner, "hex"), isConfirmed: grant.kind === "confirmed" };
    }
    if (this.#mayHaveForgotten(claim)) return ABSTAINS;
    if (grant?.kind === "confirmed") return this.#whenStored(grant.stored);
    if (claim.step === "ask") {
      this.#remember(claim, { kind: "asked", owner, untilMs: this.#options.runtime.monotonicMs() + ASKED_GRANT_MS });
      return GRANTED;
    }
    // In this tick: whoever comes while the store writes finds it taken.
    const stored = this.#options.replica.claim(claim.key, claim.name, this.#nowFor(claim), claim.untilMs);
    this.#remember(claim, { kind: "confirmed", owner, untilMs: claim.untilMs, stored });
    return this.#whenStored(stored);
  }

  async #whenStored(stored: Promise<boolean>): Promise<ClaimAnswer> {
    return (await stored) ? GRANTED : { kind: "taken", owner: NOBODY, isConfirmed: true };
  }

  /** Only what is known to be this owner's: another's may last until the same instant. */
  async #release(claim: Claim): Promise<ClaimAnswer> {
    const owner = hexOf(claim.owner);
    this.#released.add(owner);
    const [oldest] = this.#released;
    if (this.#released.size > RELEASED_COUNT_MAX && oldest !== undefined) this.#released.delete(oldest);
    const place = placeOf(claim);
    const grant = this.#grants.get(place);
    if (grant?.owner !== owner) return GRANTED;
    if (grant.kind === "confirmed" && (await grant.stored.catch(() => true))) {
      await this.#options.replica.release(claim.key, claim.name, grant.untilMs);
    }
    if (this.#grants.get(place) === grant) this.#grants.delete(place);
    return GRANTED;
  }

  #live(claim: Claim): Grant | undefined {
    const grant = this.#grants.get(placeOf(claim));
    if (grant === undefined) return undefined;
    const isOver = grant.kind === "asked" ? this.#options.runtime.monotonicMs() >= grant.untilMs : this.#nowFor(claim) >= grant.untilMs;
    return isOver ? undefined : grant;
  }

  /** By the slower of the two clocks: nothing is over before it is over for both. */
  #nowFor({ nowMs }: Claim): number {
    return Math.min(nowMs, this.#options.nowMs());
  }

  /** Something granted before this record began, which would still hold: it lasts for as long as what is asked for now would, at most. */
  #mayHaveForgotten({ nowMs, untilMs, bornAtMs }: Claim): boolean {
    const { clockErrorMs } = this.#options;
    const recordSinceMs = this.#recordSinceMs;
    if (recordSinceMs + clockErrorMs <= bornAtMs) return false;
    return this.#options.nowMs() < recordSinceMs + clockErrorMs + (untilMs - nowMs);
  }

  #remember(claim: Claim, grant: Grant): void {
    const place = placeOf(claim);
    // Deleted first, so that the first entry is always the oldest.
    this.#grants.delete(place);
    this.#grants.set(place, grant);
    const [oldest] = this.#grants.keys();
    if (this.#grants.size > GRANT_COUNT_MAX && oldest !== undefined) this.#grants.delete(oldest);
  }
}

function placeOf({ key, name }: Claim): string {
  return `${key} ${name}`;
}
