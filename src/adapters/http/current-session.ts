import type { OpenSession, SessionError } from "../../engine/index.ts";
import type { HeldSession } from "./held-session.ts";
import type { SessionCookieView } from "./live-cookie.ts";
import type { RequestSession } from "./request-session.ts";
import type { RegenerateOptions, SessionOwner, SessionSurface } from "./session.ts";

/**
 * Stands behind a session object that is the request's session whatever happens to it: after `regenerate()` the same object is the new
 * session. For frameworks whose applications keep it in a variable.
 */
export class CurrentSession implements SessionOwner {
  readonly #request: RequestSession;
  readonly surface: SessionSurface | undefined;
  #last: HeldSession;

  /** @throws SessionError SESSION_UNAVAILABLE; INVARIANT_BROKEN is not possible before anything was destroyed */
  constructor(request: RequestSession, held: HeldSession, surface: SessionSurface | undefined) {
    this.#request = request;
    this.#last = held;
    this.surface = surface;
  }

  /** After a `destroy` what was destroyed: it reads as empty, and says so when it is written to. */
  get #held(): HeldSession {
    return (this.#last = this.#request.held ?? this.#last);
  }

  get accessor(): string {
    return this.#last.accessor;
  }

  get adapter(): string {
    return this.#last.adapter;
  }

  get listsCookie(): boolean {
    return this.#last.listsCookie;
  }

  get id(): string {
    return this.#held.id;
  }

  get key(): string {
    return this.#held.key;
  }

  get cookie(): SessionCookieView {
    return this.#held.cookie;
  }

  get attributes(): OpenSession | undefined {
    return this.#held.attributes;
  }

  get closedBy(): SessionError | undefined {
    return this.#held.closedBy;
  }

  get subject(): { readonly value: string | undefined } | undefined {
    return this.#held.subject;
  }

  save(options?: { readonly evenIfEmpty?: boolean }): Promise<void> {
    return this.#held.save(options);
  }

  reload(): Promise<void> {
    return this.#held.reload();
  }

  regenerate(options: RegenerateOptions): Promise<void> {
    return this.#held.regenerate(options);
  }

  destroy(): Promise<void> {
    return this.#held.destroy();
  }

  touch(): void {
    this.#held.touch();
  }

  signedId(): string {
    return this.#held.signedId();
  }

  setCookie(source: object): void {
    this.#held.setCookie(source);
  }

  setSubject(value: string | undefined): void {
    this.#held.setSubject(value);
  }
}
