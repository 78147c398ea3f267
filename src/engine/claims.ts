import type { Envelope } from "./envelope.ts";
import { SessionError } from "./errors.ts";
import type { EngineClock } from "./hybrid-clock.ts";
import type { SessionKey } from "./record.ts";
import type { Runtime } from "./runtime.ts";
import type { OnceOptions } from "./session-engine.ts";

const LEASE_MS = 30_000;
/** How often a lease that another process holds is asked for again. */
const RETRY_MS = 50;
const NAME_LENGTH_MAX = 1_024;
const TIMER_MAX_MS = 24 * 60 * 60 * 1000;

/** How a run came out; `untaken`: the one who was to run never got the lease. */
type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "untaken" };

interface Run {
  readonly outcome: Promise<Outcome>;
}

/** The bound of one caller's wait: `expired` resolves when it is over, however the clock is set. */
interface Wait {
  readonly expired: Promise<"expired">;
  readonly cancel: () => void;
}

/**
 * Who grants: the store of a process that runs alone, or the holders of record. `bornAtMs`: first birth of the session.
 * @throws SessionError CLAIM_UNAVAILABLE
 */
export interface Grantor {
  claim(key: SessionKey, name: string, nowMs: number, untilMs: number, bornAtMs: number): Promise<boolean>;
  release(key: SessionKey, name: string, untilMs: number): Promise<void>;
}

/** The session as claims name it: the first of those that it goes on from. */
export type Claimed = Pick<Envelope, "firstKey" | "firstCreatedAtMs">;

/**
 * Who may do what a session may have done once. Alone the store grants: so it holds in every process that shares the store, and as long as
 * the store lasts. With holders a majority of them does. Leases are told from each other by the instant at which they end.
 */
export class Claims {
  readonly #runtime: Runtime;
  readonly #clock: EngineClock;
  readonly #grantor: () => Grantor;
  /** Who is running, or about to, in this process; until the lease is over. */
  readonly #runs = new Map<string, Run>();
  readonly #waits = new Set<() => void>();
  #isClosed = false;

  constructor(runtime: Runtime, clock: EngineClock, grantor: () => Grantor) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#grantor = grantor;
  }

  async claim({ firstKey, firstCreatedAtMs }: Claimed, token: string, untilMs: number): Promise<boolean> {
    checkName("token", token);
    const wait = this.#wait(LEASE_MS);
    try {
      const asking = this.#grantor().claim(firstKey, `claim ${token}`, this.#clock.nowMs(), untilMs, firstCreatedAtMs);
      const answer = await Promise.race([asking, wait.expired]);
      if (answer === "expired") throw this.#untaken();
      return answer;
    } finally {
      wait.cancel();
    }
  }

  async once<T>(claimed: Claimed, name: string, run: () => T | Promise<T>, options: OnceOptions = {}): Promise<T> {
    checkName("name", name);
    const leaseMs = inTimerRange("leaseMs", options.leaseMs ?? LEASE_MS);
    const wait = this.#wait(inTimerRange("waitMs", options.waitMs ?? leaseMs));
    const place = `${claimed.firstKey} ${name}`;
    try {
      for (;;) {
        const running = this.#runs.get(place);
        // Its own run a caller waits for as long as it takes.
        const outcome = await (running === undefined
          ? this.#begin(place, claimed, `once ${name}`, run, leaseMs, wait)
          : Promise.race([running.outcome, wait.expired]));
        if (outcome === "expired" || (running === undefined && outcome.kind === "untaken")) throw this.#untaken();
        // The same name has the same kind of result: the caller's own contract.
        if (outcome.kind === "done") return outcome.value as T;
        if (outcome.kind === "failed") throw outcome.error;
        // Whoever was to run gave up, or took too long: it is this caller's turn, for as long as it still waits.
      }
    } finally {
      wait.cancel();
    }
  }

  /** Tells those who wait. What runs goes on: it is the application's. */
  close(): void {
    this.#isClosed = true;
    for (const end of this.#waits) end();
  }

  /** The others see it until its lease is over. */
  #begin(place: string, claimed: Claimed, name: string, run: () => unknown, leaseMs: number, wait: Wait): Promise<Outcome> {
    let giveUp: () => void = () => undefined;
    const over = new Promise<Outcome>((resolve) => (giveUp = () => resolve({ kind: "untaken" })));
    const lead = this.#lead(claimed, name, run, leaseMs, wait, () => giveUp());
    const mine: Run = { outcome: Promise.race([lead, over]) };
    this.#runs.set(place, mine);
    void mine.outcome.then(() => {
      if (this.#runs.get(place) === mine) this.#runs.delete(place);
    });
    return lead;
  }

  async #lead(claimed: Claimed, name: string, run: () => unknown, leaseMs: number, wait: Wait, giveUp: () => void): Promise<Outcome> {
    try {
      const untilMs = await this.#lease(claimed, name, leaseMs, wait);
      if (untilMs === undefined) return { kind: "untaken" };
      // From then on another may run; whoever waits for this run here may, too.
      const lease = this.#wait(leaseMs);
      void lease.expired.then(giveUp);
      try {
        return { kind: "done", value: await run() };
      } finally {
        lease.cancel();
        void this.#grantor()
          .release(claimed.firstKey, name, untilMs)
          .catch(() => undefined);
      }
    } catch (error) {
      return { kind: "failed", error };
    }
  }

  /** Until when it is taken; undefined when it could not be had in time. */
  async #lease({ firstKey, firstCreatedAtMs }: Claimed, name: string, leaseMs: number, wait: Wait): Promise<number | undefined> {
    const grantor = this.#grantor();
    for (;;) {
      const nowMs = this.#clock.nowMs();
      const asking = grantor.claim(firstKey, name, nowMs, nowMs + leaseMs, firstCreatedAtMs);
      const answer = await Promise.race([asking, wait.expired]);
      if (answer === true) return nowMs + leaseMs;
      if (answer === "expired") {
        // Granted after all, for nobody.
        asking.then((granted) => (granted ? grantor.release(firstKey, name, nowMs + leaseMs) : undefined)).catch(() => undefined);
        return undefined;
      }
      let cancel: () => void = () => undefined;
      const retry = new Promise<"again">((resolve) => (cancel = this.#runtime.setTimer(RETRY_MS, () => resolve("again"))));
      const next = await Promise.race([retry, wait.expired]);
      cancel();
      if (next === "expired") return undefined;
    }
  }

  #wait(waitMs: number): Wait {
    let end: () => void = () => undefined;
    const expired = new Promise<"expired">((resolve) => (end = () => resolve("expired")));
    const stop = this.#runtime.setTimer(waitMs, () => end());
    const finish = (): void => {
      stop();
      end();
    };
    this.#waits.add(finish);
    return {
      expired,
      cancel: () => {
        stop();
        this.#waits.delete(finish);
      },
    };
  }

  #untaken(): SessionError {
    if (this.#isClosed) return new SessionError("ENGINE_CLOSED", "The engine was closed; make a new one.");
    return new SessionError(
      "CLAIM_UNAVAILABLE",
      "Somebody else held it for all of waitMs, or whoever grants it did not answer; try again, or wait longer.",
    );
  }
}

/** What is claimed is remembered for days: by a short name, and never by one that a missing value gave. */
function checkName(what: string, name: unknown): void {
  if (typeof name === "string" && name !== "" && name.length <= NAME_LENGTH_MAX) return;
  throw new SessionError("OPTION_INVALID", `${what} must be a text of 1 to ${NAME_LENGTH_MAX} characters, such as the id of a ticket.`);
}

function inTimerRange(name: string, value: number): number {
  if (!(value > 0 && value <= TIMER_MAX_MS)) {
    throw new SessionError("OPTION_INVALID", `${name} must be a number of milliseconds above 0, at most a day.`);
  }
  return value;
}
