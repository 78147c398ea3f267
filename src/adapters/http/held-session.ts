import { SessionError } from "../../engine/index.ts";
import type { OpenSession } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { RequestSession } from "./request-session.ts";
import { sessionObject } from "./session.ts";
import type { RegenerateOptions, SessionObject, SessionCookieView, SessionOwner } from "./session.ts";

/** One session in one request: the engine's working copy, its id, and the object that the application has of it. */
export class HeldSession implements SessionOwner, SessionCookieView {
  readonly open: OpenSession;
  /** Whether its cookie has a Max-Age. */
  isPersistent: boolean;
  readonly #settings: AdapterSettings;
  readonly #request: RequestSession;
  #id: string | undefined;
  #object: SessionObject | undefined;
  #closed: "destroyed" | "replaced" | undefined;
  /** As set in this request; the envelope follows with the commit. */
  #idleTimeoutMs: number | undefined;

  constructor(settings: AdapterSettings, request: RequestSession, open: OpenSession, id: string | undefined, isPersistent: boolean) {
    this.open = open;
    this.isPersistent = isPersistent;
    this.#settings = settings;
    this.#request = request;
    this.#id = id;
  }

  get object(): SessionObject {
    this.#object ??= sessionObject(this);
    return this.#object;
  }

  get accessor(): string {
    return this.#settings.accessor;
  }

  get adapter(): string {
    return this.#settings.adapter;
  }

  get id(): string {
    return this.identify();
  }

  get key(): string {
    return this.open.key ?? this.#settings.engine.keyOf(this.identify());
  }

  get cookie(): SessionCookieView {
    return this;
  }

  get attributes(): OpenSession | undefined {
    return this.#closed === "destroyed" ? undefined : this.open;
  }

  get closedBy(): SessionError | undefined {
    if (this.#closed === undefined) return undefined;
    const next = this.#closed === "destroyed" ? "call regenerate() for a new one" : `use ${this.accessor} as it is now`;
    return new SessionError("SESSION_ENDED", `Not written: this session was ${this.#closed} in this request; ${next}.`);
  }

  get maxAge(): number | null {
    return this.isPersistent ? this.lifeLeftMs : null;
  }

  set maxAge(value: number | null) {
    if (this.closedBy !== undefined) throw this.closedBy;
    if (value !== null && (!Number.isFinite(value) || value <= 0)) {
      throw new SessionError(
        "OPTION_INVALID",
        `${this.accessor}.cookie.maxAge must be a positive number of milliseconds, or null; destroy() ends a session.`,
      );
    }
    const isPersistent = value !== null;
    const idleTimeoutMs = this.#idleTimeoutMs ?? this.open.envelope.idleTimeoutMs;
    if (this.isPersistent === isPersistent && (value === null || value === idleTimeoutMs)) return;
    this.isPersistent = isPersistent;
    if (value !== null && value !== idleTimeoutMs) {
      this.open.setIdleTimeout(value);
      this.#idleTimeoutMs = value;
    }
    this.#request.noteCookieChanged();
  }

  /** How long it lives if nobody uses it from now on. */
  get lifeLeftMs(): number {
    const { deadlineMs, idleTimeoutMs, touchedAtMs } = this.open.envelope;
    return Math.min(this.#idleTimeoutMs ?? idleTimeoutMs, deadlineMs - touchedAtMs);
  }

  /** Its id; a draft gets one now, once. */
  identify(): string {
    if (this.#id === undefined) {
      this.#id = this.#settings.engine.issueId();
      this.open.identify(this.#id);
    }
    return this.#id;
  }

  /** `destroyed`: reads as empty. `replaced`: still readable, as libraries copy from it after a login. Neither can be written. */
  closeAs(reason: "destroyed" | "replaced"): void {
    this.#closed = reason;
  }

  reopen(): void {
    this.#closed = undefined;
  }

  save(): Promise<void> {
    return this.#request.save(this);
  }

  reload(): Promise<void> {
    return this.#request.reload(this);
  }

  regenerate(options: RegenerateOptions): Promise<void> {
    return this.#request.regenerate(options);
  }

  destroy(): Promise<void> {
    // A second call, or one on the object from before a regenerate(), must not end what is current now.
    return this.#closed === undefined ? this.#request.destroy() : Promise.resolve();
  }

  touch(): void {
    if (this.#closed === undefined) this.open.touch();
  }
}
