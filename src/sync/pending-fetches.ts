import type { Runtime, SessionKey, SessionRecord } from "../engine/index.ts";
import type { Holder } from "./holder.ts";
import { encodeFetch } from "./messages/fetch.ts";
import type { Fetched } from "./messages/fetched.ts";

/** What the holders that were asked said in time. Who is in neither did not answer, or could not look. */
export interface FetchOutcome {
  readonly found: readonly SessionRecord[];
  /** With what each said of until when it heard from the others. */
  readonly absent: ReadonlyMap<Holder, number | undefined>;
}

interface PendingFetch {
  readonly key: SessionKey;
  readonly waitingFor: Set<Holder>;
  readonly found: SessionRecord[];
  readonly absent: Map<Holder, number | undefined>;
  settle(): void;
}

/** Questions that holders have not all answered yet. Each settles within `timeoutMs`. */
export class PendingFetches {
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, PendingFetch>();
  readonly #keys = new Map<SessionKey, number>();
  #requestCount = 0;

  constructor(runtime: Runtime, timeoutMs: number) {
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** True while `key` is asked for: what comes for it meanwhile is wanted. */
  has(key: SessionKey): boolean {
    return this.#keys.has(key);
  }

  /** Asks all `holders` at once. Settles when all of them answered or are gone, at the latest after the timeout. */
  ask(key: SessionKey, holders: readonly Holder[]): Promise<FetchOutcome> {
    this.#requestCount += 1;
    const requestId = this.#requestCount;
    return new Promise((resolve) => {
      const stopTimer = this.#runtime.setTimer(this.#timeoutMs, () => pending.settle());
      const pending: PendingFetch = {
        key,
        waitingFor: new Set(holders),
        found: [],
        absent: new Map(),
        settle: () => {
          stopTimer();
          this.#pending.delete(requestId);
          this.#count(key, -1);
          resolve({ found: pending.found, absent: pending.absent });
        },
      };
      this.#pending.set(requestId, pending);
      this.#count(key, 1);
      const frame = encodeFetch({ requestId, key });
      for (const holder of holders) holder.send(frame);
    });
  }

  /** False when the answer came too late, or to no question of ours. */
  receive(holder: Holder, { requestId, answer }: Fetched): boolean {
    const pending = this.#pending.get(requestId);
    if (pending === undefined || !pending.waitingFor.has(holder)) return false;
    if (answer.kind === "found" && answer.record.envelope.key !== pending.key) return false;
    if (answer.kind === "found") pending.found.push(answer.record);
    if (answer.kind === "absent") pending.absent.set(holder, answer.heardUntilMs);
    this.#answered(pending, holder);
    return true;
  }

  /** The connection is gone: it will not answer. */
  lost(holder: Holder): void {
    for (const pending of this.#pending.values()) this.#answered(pending, holder);
  }

  /** Settles all with what is known. */
  close(): void {
    for (const pending of this.#pending.values()) pending.settle();
  }

  #answered(pending: PendingFetch, holder: Holder): void {
    if (pending.waitingFor.delete(holder) && pending.waitingFor.size === 0) pending.settle();
  }

  #count(key: SessionKey, difference: number): void {
    const count = (this.#keys.get(key) ?? 0) + difference;
    if (count === 0) this.#keys.delete(key);
    else this.#keys.set(key, count);
  }
}
