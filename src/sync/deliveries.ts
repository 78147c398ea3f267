import type { Delivery, Runtime } from "../engine/index.ts";

/** Where a delivery stands with one holder: the number of the frame whose ack is waited for, infinite while that is yet to be sent. */
export interface DeliveryTarget<Holder> {
  readonly holder: Holder;
  /** Undefined: the holder has it already. */
  readonly number: number | undefined;
  /** What it has already is stored there. */
  readonly durable: boolean;
}

interface Pending<Holder> {
  readonly id: string;
  readonly wanted: number;
  readonly waitingFor: Map<Holder, number>;
  acks: number;
  isDurable: boolean;
  settle(): void;
}

/** Deliveries that somebody waits for, across reconnects. Each settles within `timeoutMs`. */
export class Deliveries<Holder> {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #pending = new Set<Pending<Holder>>();
  readonly #byId = new Map<string, Set<Pending<Holder>>>();

  constructor(runtime: Runtime, timeoutMs: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves when `wanted` of the holders have what was sent of `id` so far, at the latest after the timeout. */
  wait(id: string, wanted: number, targets: readonly DeliveryTarget<Holder>[]): Promise<Delivery> {
    const there = targets.filter(({ number }) => number === undefined);
    const acks = there.length;
    const isDurable = there.every(({ durable }) => durable);
    if (acks >= wanted) return Promise.resolve({ acks, wanted, durable: acks > 0 && isDurable });
    return new Promise((resolve) => {
      const pending: Pending<Holder> = {
        id,
        wanted,
        waitingFor: new Map(),
        acks,
        isDurable,
        settle: () => {
          stopTimer();
          this.#delete(pending);
          resolve({ acks: pending.acks, wanted, durable: pending.acks > 0 && pending.isDurable });
        },
      };
      const stopTimer = this.#runtime.setTimer(this.#timeoutMs, () => pending.settle());
      for (const { holder, number } of targets) if (number !== undefined) pending.waitingFor.set(holder, number);
      this.#add(pending);
    });
  }

  /** Ids that somebody waits for. */
  ids(): Iterable<string> {
    return this.#byId.keys();
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** What a holder lacked of `id` leaves now, as this number. */
  sent(holder: Holder, id: string, number: number): void {
    for (const pending of this.#byId.get(id) ?? []) {
      if (pending.waitingFor.get(holder) === Number.POSITIVE_INFINITY) pending.waitingFor.set(holder, number);
    }
  }

  /** `awaited`: the number of the newest frame that told an id, as in `DeliveryTarget`: what was missed may have been sent again meanwhile. */
  acked(holder: Holder, number: number, missed: ReadonlySet<string>, durable: boolean, awaited: (id: string) => number | undefined): void {
    for (const pending of this.#pending) {
      const target = pending.waitingFor.get(holder);
      if (target === undefined || target > number) continue;
      const again = missed.has(pending.id) ? awaited(pending.id) : undefined;
      if (again === undefined) this.#count(pending, holder, durable);
      else pending.waitingFor.set(holder, again);
    }
  }

  /** A holder turned out to have all that is not under way: `isOpen` says of which ids it does not. */
  synced(holder: Holder, isOpen: (id: string) => boolean, durable: boolean): void {
    for (const pending of this.#pending) {
      if (pending.waitingFor.get(holder) === Number.POSITIVE_INFINITY && !isOpen(pending.id)) this.#count(pending, holder, durable);
    }
  }

  /** Its connection is gone: what it did not ack is sent again on the next one. */
  lost(holder: Holder): void {
    for (const { waitingFor } of this.#pending) if (waitingFor.has(holder)) waitingFor.set(holder, Number.POSITIVE_INFINITY);
  }

  /** Settles all with what is known. */
  close(): void {
    for (const pending of this.#pending) pending.settle();
  }

  #count(pending: Pending<Holder>, holder: Holder, durable: boolean): void {
    pending.waitingFor.delete(holder);
    pending.acks += 1;
    pending.isDurable &&= durable;
    if (pending.acks >= pending.wanted) pending.settle();
  }

  #add(pending: Pending<Holder>): void {
    this.#pending.add(pending);
    const others = this.#byId.get(pending.id);
    if (others === undefined) this.#byId.set(pending.id, new Set([pending]));
    else others.add(pending);
  }

  #delete(pending: Pending<Holder>): void {
    this.#pending.delete(pending);
    const others = this.#byId.get(pending.id);
    others?.delete(pending);
    if (others?.size === 0) this.#byId.delete(pending.id);
  }
}
