import { SessionError } from "../../engine/index.ts";
import type { CommitResult, OpenSession, SessionKey } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { Channel, PresentedCookie } from "./cookie.ts";
import { withDeadline } from "./deadline.ts";
import { HeldSession } from "./held-session.ts";
import type { RegenerateOptions, SessionObject } from "./session.ts";

/** What the response gets at the moment its headers are written. `isRefresh`: the browser has this cookie already. */
export interface CookieDecision {
  readonly setCookie: string;
  readonly isRefresh: boolean;
}

/** What the cookie of a request led to, before anybody asked for the session. */
export type Opening =
  | { readonly kind: "alive"; readonly open: OpenSession; readonly id: string }
  | { readonly kind: "none" }
  | { readonly kind: "rotated" }
  | { readonly kind: "unavailable"; readonly cause: unknown };

/**
 * One request's session from its cookie to its `Set-Cookie`, without any framework. An adapter gives `session` to the application,
 * calls `commit` before the headers go out, `cookie` when they are written, and `commitLate` when a body ends after them.
 */
export class RequestSession {
  readonly #settings: AdapterSettings;
  readonly #channel: Channel;
  readonly #presented: PresentedCookie | undefined;
  readonly #isUse: boolean;
  readonly #opening: Opening;
  #held: HeldSession | undefined;
  /** Set when this request ended its session and began no other. */
  #isDestroyed = false;
  /** A session began, or its cookie's life changed, in this request: the browser must be told. */
  #isCookieDue = false;
  #isClearingDue = false;
  #areHeadersWritten = false;
  /** No session can begin here, for want of a cookie; a notice said so, and a later commit need not say it again. */
  #isBeginningRefused = false;
  /** Nothing more is committed: a commit failed, and the error path has the response. */
  #isClosed = false;
  /** The application set the session to nothing, and to nothing else since. */
  #isLetGo = false;
  /** A `regenerate` failed: whatever is written now would go to the id that was to be replaced. */
  #failedRotation: { readonly error: unknown } | undefined;
  /** A failure of something nobody holds a promise of; the next commit reports it. */
  #unreported: { readonly error: unknown } | undefined;
  /** The last of the operations under way; they run one after the other, and this never rejects. */
  #underWay: Promise<void> | undefined;

  constructor(settings: AdapterSettings, channel: Channel, presented: PresentedCookie | undefined, isUse: boolean, opening: Opening) {
    this.#settings = settings;
    this.#channel = channel;
    this.#presented = presented;
    this.#isUse = isUse;
    this.#opening = opening;
    if (opening.kind !== "alive") return;
    if (isUse) opening.open.touch();
    const isPersistent = settings.cookie.maxAgeMs !== undefined || presented?.sentAtMs !== undefined;
    this.#held = new HeldSession(settings, this, opening.open, opening.id, isPersistent);
  }

  /**
   * What the application sees; undefined once it destroyed the session.
   * @throws SessionError SESSION_UNAVAILABLE (503) when nobody who could know the session answered.
   */
  get session(): SessionObject | undefined {
    return this.#isDestroyed ? undefined : this.#current().object;
  }

  /** Whether the response needs this request's session even if the application never asks for it. */
  get concernsResponse(): boolean {
    return this.#settings.saveUninitialized || this.#isRefreshDue;
  }

  get #isRefreshDue(): boolean {
    const held = this.#held;
    if (held === undefined || !this.#isUse || !held.isPersistent || this.#opening.kind !== "alive") return false;
    const sentAtMs = this.#presented?.sentAtMs;
    if (sentAtMs === undefined || this.#settings.rolling) return true;
    return held.open.envelope.touchedAtMs - sentAtMs > held.lifeLeftMs / 2;
  }

  /** The cookie's life was changed through the session object. */
  noteCookieChanged(): void {
    this.#isCookieDue = true;
  }

  /** Lets go of the session without ending it: what was written since the last commit is forgotten. */
  abandon(): void {
    this.#isLetGo = true;
    this.#held?.open.reload();
  }

  /** Replaces all attributes by those of `data`; after `destroy` this begins a new session. */
  replace(data: object): void {
    this.#isLetGo = false;
    if (this.#isDestroyed) {
      this.#isDestroyed = false;
      this.#held = this.#draft();
    }
    const { object, open } = this.#current();
    if (data === object) return;
    const entries = Object.entries(data);
    for (const name of open.names()) if (!Object.hasOwn(data, name)) open.delete(name);
    for (const [name, value] of entries) Reflect.set(object, name, value);
  }

  /**
   * Writes what the request changed, as one change, and waits where `persist: "before"` or an operation under way asks for it; else it
   * is done when this returns. A visitor who wrote nothing gets no session.
   * @throws SessionError (or rejects with it) once; afterwards nothing more is committed, so that an error page cannot fail the same way.
   */
  commit(): void | Promise<void> {
    if (this.#underWay === undefined) return this.#commitNow();
    return this.#bounded(this.#underWay).then(
      () => this.#commitNow(),
      (error: unknown) => {
        this.#isClosed = true;
        throw error;
      },
    );
  }

  /** The same for what was written while the body went out. Too late for a cookie, so it cannot start a session. */
  commitLate(): void | Promise<void> {
    this.#areHeadersWritten = true;
    return this.commit();
  }

  /** Decided now, against what the session is now: a late response must not bring back the cookie of a session that ended. */
  cookie(): CookieDecision | undefined {
    this.#areHeadersWritten = true;
    const held = this.#held;
    if (held !== undefined && !held.open.isNew && held.open.verdict() !== "ended" && (this.#isCookieDue || this.#isRefreshDue)) {
      const { touchedAtMs } = held.open.envelope;
      const setCookie = this.#settings.cookie.write(this.#channel, held.id, held.isPersistent ? held.lifeLeftMs : undefined, touchedAtMs);
      return setCookie === undefined ? undefined : { setCookie, isRefresh: !this.#isCookieDue };
    }
    if (!this.#isClearingDue) return undefined;
    const setCookie = this.#settings.cookie.clear(this.#channel);
    return setCookie === undefined ? undefined : { setCookie, isRefresh: false };
  }

  save(held: HeldSession): Promise<void> {
    return this.#enqueue(async () => {
      if (held !== this.#held) throw this.#notCurrent();
      if (this.#write(held, false) === "discarded") throw this.#notCurrent();
      if (!held.open.isNew) await this.#bounded(held.open.persisted());
    });
  }

  reload(held: HeldSession): Promise<void> {
    return this.#enqueue(async () => {
      if (held !== this.#held || held.open.verdict() === "ended") throw this.#notCurrent();
      held.open.reload();
    });
  }

  regenerate(options: RegenerateOptions): Promise<void> {
    return this.#enqueue(async () => {
      try {
        await this.#rotate(options.keep ?? false);
      } catch (error) {
        this.#failedRotation = { error };
        throw error;
      }
    });
  }

  /** `unreported`: the caller has no promise to look at, so a failure is the next commit's. */
  destroy(isReported = true): Promise<void> {
    const ending = this.#enqueue(() => this.#end());
    if (!isReported) {
      ending.catch((error: unknown) => {
        this.#unreported = { error };
      });
    }
    return ending;
  }

  async #end(): Promise<void> {
    if (this.#isDestroyed) return;
    const held = this.#held;
    this.#isDestroyed = true;
    this.#held = undefined;
    held?.closeAs("destroyed");
    const key = this.#keyToEnd(held);
    if (key === undefined) return;
    this.#isClearingDue = this.#presented !== undefined;
    this.#isCookieDue = false;
    await this.#bounded(this.#settings.engine.end(key, "destroyed"));
  }

  /** A session that could not be loaded can be ended all the same: a logout must not need a load. */
  #keyToEnd(held: HeldSession | undefined): SessionKey | undefined {
    if (held !== undefined) return held.open.isNew ? undefined : held.key;
    if (this.#opening.kind !== "unavailable" || this.#presented === undefined) return undefined;
    return this.#settings.engine.keyOf(this.#presented.id);
  }

  async #rotate(keep: boolean | readonly string[]): Promise<void> {
    const { engine } = this.#settings;
    const old = this.#isDestroyed ? undefined : this.#current();
    if (this.#opening.kind === "rotated" || old?.open.envelope.ended?.reason === "rotated") throw this.#rotatedElsewhere();
    if (this.#areHeadersWritten) {
      throw new SessionError(
        "SESSION_ENDED",
        `Not regenerated: the headers are gone, so no cookie can follow. Call it before the response begins.`,
      );
    }
    const fresh = this.#draft();
    if (old !== undefined && keep !== false) {
      if (!old.open.isNew && old.open.verdict() === "ended") throw this.#notCurrent();
      for (const name of keep === true ? old.open.names() : keep) if (old.open.has(name)) fresh.open.set(name, old.open.get(name));
    }
    if (old === undefined || old.open.isNew) {
      this.#become(fresh, old);
      return;
    }
    if (!this.#settings.cookie.maySend(this.#channel)) {
      throw new SessionError(
        "SESSION_ENDED",
        "Not regenerated: no cookie may be set on this plain-http connection. Set what the notice says.",
      );
    }
    fresh.identify();
    fresh.open.commit({ evenIfEmpty: true });
    this.#become(fresh, old);
    const wasCookieDue = this.#isCookieDue;
    this.#isCookieDue = true;
    if (engine.persist === "before") {
      try {
        await this.#bounded(fresh.open.persisted());
      } catch (error) {
        // Never two: the old one stays what it was, the new one is over before anybody has its cookie.
        this.#become(old, fresh);
        this.#isCookieDue = wasCookieDue;
        engine.end(fresh.key, "destroyed").catch(() => undefined);
        throw error;
      }
    }
    await this.#bounded(engine.end(old.key, "rotated"));
  }

  #become(next: HeldSession, previous: HeldSession | undefined): void {
    this.#isDestroyed = false;
    this.#held = next;
    next.reopen();
    previous?.closeAs("replaced");
  }

  #commitNow(): void | Promise<void> {
    if (this.#isClosed || this.#isLetGo) return undefined;
    if (this.#unreported !== undefined) {
      this.#isClosed = true;
      throw this.#unreported.error;
    }
    const { engine, saveUninitialized } = this.#settings;
    if (this.#held === undefined && saveUninitialized && this.#opening.kind === "none" && !this.#isDestroyed) this.#held = this.#draft();
    const held = this.#held;
    if (held === undefined) return undefined;
    const wasNew = held.open.isNew;
    try {
      if (this.#write(held, saveUninitialized) !== "committed" || engine.persist === "after") return undefined;
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
    return this.#bounded(held.open.persisted()).catch((error: unknown) => {
      this.#isClosed = true;
      if (wasNew) this.#isCookieDue = false;
      throw error;
    });
  }

  #write(held: HeldSession, evenIfEmpty: boolean): CommitResult {
    const { open } = held;
    if (!open.isNew) {
      if (this.#failedRotation !== undefined && open.isModified()) throw this.#failedRotation.error;
      return open.commit();
    }
    const isEmpty = open.names().length === 0;
    if ((isEmpty && !evenIfEmpty) || this.#isBeginningRefused) return "unchanged";
    if (this.#opening.kind === "rotated") {
      if (isEmpty) return "unchanged";
      throw this.#rotatedElsewhere();
    }
    if (this.#areHeadersWritten) {
      this.#isBeginningRefused = true;
      this.#settings.notices.notify(
        "late-session",
        `${held.accessor} was first written after the headers were sent; no cookie can follow, so nothing was kept. Write before the body begins.`,
      );
      return "unchanged";
    }
    if (!this.#settings.cookie.maySend(this.#channel)) {
      this.#isBeginningRefused = true;
      return "unchanged";
    }
    held.identify();
    const result = open.commit(evenIfEmpty ? { evenIfEmpty } : {});
    if (result === "committed") this.#isCookieDue = true;
    return result;
  }

  /** @throws SessionError SESSION_UNAVAILABLE */
  #current(): HeldSession {
    if (this.#held !== undefined) return this.#held;
    if (this.#opening.kind === "unavailable") {
      throw new SessionError(
        "SESSION_UNAVAILABLE",
        "The session could not be loaded: neither store nor holders answered. Try again shortly.",
        {
          cause: this.#opening.cause,
        },
      );
    }
    this.#held = this.#draft();
    return this.#held;
  }

  #draft(): HeldSession {
    const { engine, cookie } = this.#settings;
    const open = engine.draft();
    if (cookie.maxAgeMs !== undefined && cookie.maxAgeMs !== open.envelope.idleTimeoutMs) open.setIdleTimeout(cookie.maxAgeMs);
    return new HeldSession(this.#settings, this, open, undefined, cookie.maxAgeMs !== undefined);
  }

  /** Runs `operation` in this tick when none is under way, else after it. */
  #enqueue(operation: () => Promise<void>): Promise<void> {
    const running = this.#underWay === undefined ? operation() : this.#underWay.then(operation);
    const settled = running
      .catch(() => undefined)
      .then(() => {
        if (this.#underWay === settled) this.#underWay = undefined;
      });
    this.#underWay = settled;
    return running;
  }

  #bounded<T>(promise: Promise<T>): Promise<T> {
    const { waitMs, setTimer } = this.#settings;
    return withDeadline(promise, waitMs, setTimer, () => {
      return new SessionError(
        "STORE_UNAVAILABLE",
        `The session was not stored within ${waitMs} ms; whether it is, is unknown. Trying again is safe.`,
      );
    });
  }

  #rotatedElsewhere(): SessionError {
    return new SessionError(
      "SESSION_ROTATED",
      "This request's session id was replaced a moment ago, by a login for example. Send the request again.",
    );
  }

  #notCurrent(): SessionError {
    return new SessionError("SESSION_ENDED", `This session is over. Use ${this.#settings.accessor} as it is now.`);
  }
}
