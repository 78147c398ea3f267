import { SessionError } from "./errors.ts";
import type { EventListener } from "./events.ts";
import type { Limits } from "./limits.ts";

/** A warning at 80 % of a limit, and again only after the figure was below 60 %. */
const WARN_AT = 0.8;
const WARN_AGAIN_BELOW = 0.6;

/** Whether there is room for a new session, and who is told when there soon will not be. */
export class Room {
  readonly #limits: Limits;
  readonly #onEvent: EventListener;
  #isCountWarned = false;
  #isUnsavedWarned = false;

  constructor(limits: Limits, onEvent: EventListener) {
    this.#limits = limits;
    this.#onEvent = onEvent;
  }

  /** @throws SessionError TOO_MANY_SESSIONS */
  check(sessionCount: number, unsavedBytes: number, unreplicatedBytes: number): void {
    const { sessionCount: limit, unsavedBytes: unsavedLimit } = this.#limits;
    if (sessionCount >= limit) {
      throw new SessionError(
        "TOO_MANY_SESSIONS",
        `This process holds limits.sessionCount (${limit}) sessions; raise it, shorten idleTimeoutMs, or add a node.`,
      );
    }
    if (unsavedBytes >= unsavedLimit) {
      throw new SessionError(
        "TOO_MANY_SESSIONS",
        `The store lacks limits.unsavedBytes (${unsavedLimit}) of what this process holds; see why it fails or is slow, or raise the limit.`,
      );
    }
    if (unreplicatedBytes >= unsavedLimit) {
      throw new SessionError(
        "TOO_MANY_SESSIONS",
        `No relay has limits.unsavedBytes (${unsavedLimit}) of what was written here; see why they cannot be reached, or raise the limit.`,
      );
    }
    const isNear = sessionCount >= WARN_AT * limit;
    if (isNear && !this.#isCountWarned) this.#onEvent({ type: "sessions-near-limit", sessionCount, limit });
    this.#isCountWarned = isNear || (this.#isCountWarned && sessionCount >= WARN_AGAIN_BELOW * limit);
  }

  /** To be called with what is not stored whenever that changes. */
  unsaved(unsavedBytes: number): void {
    const limit = this.#limits.unsavedBytes;
    const isNear = unsavedBytes >= WARN_AT * limit;
    const isNews = isNear && !this.#isUnsavedWarned;
    this.#isUnsavedWarned = isNear || (this.#isUnsavedWarned && unsavedBytes >= WARN_AGAIN_BELOW * limit);
    if (isNews) this.#onEvent({ type: "unsaved-near-limit", unsavedBytes, limit });
  }
}
