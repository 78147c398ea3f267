import type { EngineClock } from "./hybrid-clock.ts";
import { SessionError } from "./errors.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import type { OnceOptions } from "./session-engine.ts";
import type { SessionStore } from "./session-store.ts";

const LEASE_MS = 30_000;
/** How often a lease that another process holds is asked for again. */
const RETRY_MS = 50;
const TIMER_MAX_MS = 24 * 60 * 60 * 1000;

interface Run {
  readonly result: Promise<unknown>;
  readonly untilMs: number;
}

/**
 * Who may do what a session may have done once. The store grants: so it holds in every process that shares the store, and as long as
 * the store lasts.
 */
export class Claims {
  readonly #runtime: Runtime;
  readonly #clock: EngineClock;
  readonly #store: SessionStore;
  /** False where processes that do not share the store may hold the session, too. */
  readonly #isAlone: boolean;
  readonly #runs = new Map<string, Run>();

  constructor(runtime: Runtime, clock: EngineClock, store: SessionStore, isAlone: boolean) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#store = store;
    this.#isAlone = isAlone;
  }

  async claim(key: SessionKey, token: string, untilMs: number): Promise<boolean> {
    this.#checkAlone();
    return this.#store.claim(key, `claim ${token}`, this.#clock.nowMs(), untilMs);
  }

  async once<T>(key: SessionKey, name: string, run: () => T | Promise<T>, options: OnceOptions = {}): Promise<T> {
    this.#checkAlone();
    const leaseMs = inTimerRange("leaseMs", options.leaseMs ?? LEASE_MS);
    const waitMs = inTimerRange("waitMs", options.waitMs ?? leaseMs);
    const place = `${key} ${name}`;
    const running = this.#runs.get(place);
    // The same name has the same kind of result: the caller's own contract.
    if (running !== undefined && this.#clock.nowMs() < running.untilMs) return this.#inTime(running.result as Promise<T>, waitMs);
    const result = this.#lead(key, `once ${name}`, run, leaseMs, waitMs);
    const mine: Run = { result, untilMs: this.#clock.nowMs() + waitMs + leaseMs };
    this.#runs.set(place, mine);
    const done = (): void => {
      if (this.#runs.get(place) === mine) this.#runs.delete(place);
    };
    result.then(done, done);
    return result;
  }

  async #lead<T>(key: SessionKey, name: string, run: () => T | Promise<T>, leaseMs: number, waitMs: number): Promise<T> {
    const giveUpAtMs = this.#clock.nowMs() + waitMs;
    let untilMs = this.#clock.nowMs() + leaseMs;
    while (!(await this.#store.claim(key, name, this.#clock.nowMs(), untilMs))) {
      if (this.#clock.nowMs() >= giveUpAtMs) throw taken();
      await new Promise<void>((resolve) => void this.#runtime.setTimer(RETRY_MS, resolve));
      untilMs = this.#clock.nowMs() + leaseMs;
    }
    try {
      return await run();
    } finally {
      // Past its time the lease may be another's.
      if (this.#clock.nowMs() < untilMs) await this.#store.release(key, name).catch(() => undefined);
    }
  }

  #inTime<T>(result: Promise<T>, waitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#runtime.setTimer(waitMs, () => reject(taken()));
      result.then(resolve, reject).finally(cancel);
    });
  }

  #checkAlone(): void {
    if (this.#isAlone) return;
    throw new SessionError(
      "CLAIM_UNAVAILABLE",
      "Relays do not grant claims yet, and this process alone cannot know whether another one did; take claims in a database meanwhile.",
    );
  }
}

function taken(): SessionError {
  return new SessionError("CLAIM_UNAVAILABLE", "Somebody else held it for all of waitMs; try again, or wait longer.");
}

function inTimerRange(name: string, value: number): number {
  if (!(value > 0 && value <= TIMER_MAX_MS))
    throw new SessionError("OPTION_INVALID", `${name} must be a number of milliseconds above 0, at most a day.`);
  return value;
}
