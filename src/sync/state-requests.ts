import type { SessionKey } from "../engine/index.ts";

/** A peer that did not answer by now does not hold the session; the next gap may ask again. */
const ANSWER_TIMEOUT_MS = 1_000;
const REQUEST_COUNT_MAX = 10_000;

interface Request {
  readonly askedAtMs: number;
  /** Another gap was seen since: the answer under way may be older than what it asks for. */
  isStale: boolean;
}

/**
 * Which states one peer was asked for. A burst of changes to a session that has a gap here asks once, and once more at the end, instead
 * of fetching the session whole for each of them.
 */
export class StateRequests {
  readonly #requests = new Map<SessionKey, Request>();

  /** A gap was seen. True: ask now. */
  need(key: SessionKey, nowMs: number): boolean {
    const request = this.#requests.get(key);
    if (request !== undefined && nowMs - request.askedAtMs < ANSWER_TIMEOUT_MS) {
      request.isStale = true;
      return false;
    }
    this.#remember(key, nowMs);
    return true;
  }

  /** A state came. True: ask once more. */
  arrived(key: SessionKey, nowMs: number): boolean {
    const request = this.#requests.get(key);
    if (request === undefined) return false;
    this.#requests.delete(key);
    if (request.isStale) this.#remember(key, nowMs);
    return request.isStale;
  }

  #remember(key: SessionKey, nowMs: number): void {
    // Deleted first, so that the first entry is always the one asked longest ago.
    this.#requests.delete(key);
    this.#requests.set(key, { askedAtMs: nowMs, isStale: false });
    const [oldest] = this.#requests.keys();
    if (this.#requests.size > REQUEST_COUNT_MAX && oldest !== undefined) this.#requests.delete(oldest);
  }
}
