import type { CommitResult, OpenSession, SessionKey } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { IncomingRequest, Presented } from "./begin-request.ts";
import { wantedCarrier } from "./carrier.ts";
import type { Carrier, ResponseMark } from "./carrier.ts";
import type { Channel, CookieOverrides, SessionCookie } from "./cookie.ts";
import { withDeadline } from "./deadline.ts";
import { HeldSession } from "./held-session.ts";
import {
  behindToRotate,
  noCookieToRotate,
  notBegun,
  notCurrent,
  notStored,
  rotatedElsewhere,
  tooLateToRotate,
  unavailable,
} from "./refusals.ts";
import { isRotated, newDraft, newIdOf, prolonging, rotationOf, takesOver } from "./rotation.ts";
import type { Rotation } from "./rotation.ts";
import type { SeenExchange } from "./seen-exchange.ts";
import { COOKIE_ATTRIBUTE } from "./session.ts";
import type { RegenerateOptions, SessionObject } from "./session.ts";
import type { PresentedToken } from "./token.ts";

/** What the id of a request led to, before anybody asked for the session. `follows`: the id was rotated, and this goes on in its place. */
export type Opening =
  | { readonly kind: "alive"; readonly open: OpenSession; readonly id: string; readonly follows: boolean }
  | { readonly kind: "none"; readonly missed?: "missed" | "expired" }
  | { readonly kind: "rotated" }
  | { readonly kind: "unavailable"; readonly cause: unknown };

/**
 * One request's session from its cookie to its `Set-Cookie`, without any framework. An adapter gives `session` to the application,
 * calls `commit` before the headers go out, `mark` when they are written, and `commitLate` when a body ends after them.
 */
export class RequestSession {
  readonly cookieSettings: SessionCookie;
  readonly channel: Channel;
  readonly #settings: AdapterSettings;
  readonly #incoming: IncomingRequest;
  readonly #presented: PresentedToken | undefined;
  readonly #opening: Opening;
  /** Undefined where no other process has the session. */
  readonly #seen: SeenExchange | undefined;
  readonly #isUse: boolean;
  #carrier: Carrier | undefined;
  #held: HeldSession | undefined;
  /** Set when this request ended its session and began no other. */
  #isDestroyed = false;
  /** A session began, or its cookie's life changed, in this request: the browser must be told. */
  #isCookieDue = false;
  /** The client is to forget the id; with what the cookie of the session had of its own. */
  #clearing: CookieOverrides | undefined;
  #areHeadersWritten = false;
  /** No session can begin here, for want of a cookie; a notice said so, and a later commit need not say it again. */
  #isBeginningRefused = false;
  /** Nothing more is committed: a commit failed, and the error path has the response. */
  #isClosed = false;
  /** The cookie is due by what was committed: `reload` does not take that back. */
  #isCookieOwed = false;
  /** What it destroyed. */
  #destroyed: HeldSession | undefined;
  /** The application set the session to nothing, and to nothing else since. */
  #isLetGo = false;
  /** A `regenerate` failed: whatever is written now would go to the id that was to be replaced. */
  #failedRotation: { readonly error: unknown } | undefined;
  /** What that was to become: it has the objects that the application had in hand. */
  #abandoned: HeldSession | undefined;
  /** A failure of something nobody holds a promise of; the next commit reports it. */
  #unreported: { readonly error: unknown } | undefined;
  /** The last of the operations under way; they run one after the other, and this never rejects. */
  #underWay: Promise<void> | undefined;

  constructor(
    settings: AdapterSettings,
    incoming: IncomingRequest,
    { channel, token, carrier }: Presented,
    opening: Opening,
    seen: SeenExchange | undefined,
  ) {
    this.#settings = settings;
    this.#incoming = incoming;
    this.cookieSettings = incoming.cookie;
    this.channel = channel;
    this.#presented = token;
    this.#carrier = carrier;
    this.#opening = opening;
    this.#seen = seen;
    this.#isUse = opening.kind === "alive" && incoming.isUse;
    if (opening.kind !== "alive") return;
    if (this.#isUse) opening.open.touch();
    this.#held = new HeldSession(settings, this, opening.open, opening.id, token?.sentAtMs !== undefined);
  }

  /**
   * What the application sees; undefined once it destroyed the session.
   * @throws SessionError SESSION_UNAVAILABLE (503) when nobody who could know the session answered.
   */
  get session(): SessionObject | undefined {
    return this.#isDestroyed ? undefined : this.#current().object;
  }

  /** Of the session, also after it was destroyed, as logs of a logout want it; undefined where this request never had one. */
  get id(): string | undefined {
    return this.#isDestroyed ? (this.#destroyed?.id ?? this.#presented?.id) : this.#current().id;
  }

  /** The same, where it takes what the application does next: after `regenerate()` another one. Undefined once it was destroyed. */
  get held(): HeldSession | undefined {
    return this.#isDestroyed ? undefined : this.#current();
  }

  /** Whether the request brought along the id of a session that is there. */
  get isFound(): boolean {
    return this.#opening.kind === "alive";
  }

  /** What logs call the session whose id the request brought along. */
  get key(): SessionKey | undefined {
    return this.#presented === undefined ? undefined : this.#settings.engine.keyOf(this.#presented.id);
  }

  /** What became of the session whose id the request brought along, if it is not there. */
  get missed(): "missed" | "expired" | undefined {
    const opening = this.#opening;
    return opening.kind === "none" ? opening.missed : opening.kind === "rotated" ? "missed" : undefined;
  }

  /** Whether there is something that the next commit would write. Looks at all that the request read. */
  get isModified(): boolean {
    const held = this.#isDestroyed ? undefined : this.#held;
    return held !== undefined && (held.open.isNew ? !held.isEmpty : held.open.isModified());
  }

  /** Whether nothing of it was stored so far, here or anywhere. */
  get isNew(): boolean {
    return this.#held === undefined || this.#held.open.isNew;
  }

  /** Whether the response needs this request's session even if the application never asks for it. */
  get concernsResponse(): boolean {
    const { saveUninitialized } = this.#settings;
    return saveUninitialized || this.#isRefreshDue || this.#seen?.isDue(this.#held, this.#isUse) === true;
  }

  /** By which the id comes and goes: as it came, else as the client asks for it, else by the cookie. */
  get carrier(): Carrier {
    this.#carrier ??= wantedCarrier(this.#settings.carriers, this.#incoming.request);
    return this.#carrier;
  }

  get #isFollowing(): boolean {
    return this.#opening.kind === "alive" && this.#opening.follows;
  }

  get #isRefreshDue(): boolean {
    const held = this.#held;
    if (held === undefined || !this.#isUse || this.#isFollowing) return false;
    if (this.#settings.rolling) return true;
    if (!held.isPersistent) return false;
    const sentAtMs = this.#presented?.sentAtMs;
    return sentAtMs === undefined || held.open.envelope.touchedAtMs - sentAtMs > held.lifeLeftMs / 2;
  }

  /** The cookie was changed through the session object. */
  noteCookieChanged(): void {
    this.#isCookieDue = true;
  }

  newId(lifeMs: number): string {
    return newIdOf(this.#settings, this.#incoming, lifeMs);
  }

  /** Lets go of the session without ending it: what was written since the last commit is forgotten. */
  abandon(): void {
    this.#isLetGo = true;
    this.#held?.open.reload();
  }

  /** Another session for this request, without ending the one that it had. */
  beginAnew(): void {
    this.abandon();
    this.#isLetGo = false;
    this.#become(newDraft(this.#settings, this), this.#held);
  }

  /** Replaces all attributes by those of `data`, through the `object` that the application has; after `destroy` this begins a new session. */
  replace(data: object, object?: SessionObject): void {
    this.#isLetGo = false;
    if (this.#isDestroyed) {
      this.#isDestroyed = false;
      this.#held = newDraft(this.#settings, this);
    }
    const held = this.#current();
    const target = object ?? held.object;
    if (data === target) return;
    const entries = Object.entries(data);
    for (const name of held.open.names()) if (name !== COOKIE_ATTRIBUTE && !Object.hasOwn(data, name)) held.open.delete(name);
    for (const [name, value] of entries) Reflect.set(target, name, value);
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
  mark(): ResponseMark | undefined {
    this.#areHeadersWritten = true;
    const mark = this.#markId();
    if (this.#seen === undefined) return mark;
    // What a failed commit left behind is promised to nobody.
    const held = this.#isClosed ? undefined : this.#held;
    const seen = this.#seen.mark(this, { held, isUse: this.#isUse, clearing: this.#clearing });
    return seen === undefined ? mark : { isRefresh: true, ...mark, seen };
  }

  #markId(): ResponseMark | undefined {
    const held = this.#held;
    if (held !== undefined && this.#isTellingDue(held)) {
      return this.carrier.write({
        cookie: this.cookieSettings,
        channel: this.channel,
        id: held.id,
        maxAgeMs: held.isPersistent ? held.lifeLeftMs : undefined,
        nowMs: held.touchedAtMs,
        overrides: held.overrides,
        isRefresh: !this.#isCookieDue,
      });
    }
    if (this.#clearing === undefined) return undefined;
    return this.carrier.clear({ cookie: this.cookieSettings, channel: this.channel, overrides: this.#clearing, isRefresh: false });
  }

  #isTellingDue(held: HeldSession): boolean {
    if (!this.#isCookieDue && !this.#isRefreshDue) return false;
    // An id that was rotated never gets a cookie: the browser has, or is about to get, the one of the new id.
    return !this.#isFollowing && !held.open.isNew && held.open.envelope.successor === undefined && held.open.verdict() !== "ended";
  }

  save(held: HeldSession, evenIfEmpty: boolean): Promise<void> {
    return this.#enqueue(async () => {
      if (held !== this.#held) throw notCurrent(this.#settings.accessor);
      if (this.#write(held, evenIfEmpty) === "discarded") throw notCurrent(this.#settings.accessor);
      if (!held.open.isNew) await this.#bounded(held.open.persisted());
    });
  }

  reload(held: HeldSession): Promise<void> {
    return this.#enqueue(async () => {
      if (held !== this.#held || held.open.verdict() === "ended") throw notCurrent(this.#settings.accessor);
      if (held.open.isNew) throw notBegun(this.#settings.accessor);
      held.open.reload();
      held.forgetLife();
      this.#isCookieDue = this.#isCookieOwed;
    });
  }

  regenerate(options: RegenerateOptions): Promise<void> {
    return this.#enqueue(async () => {
      try {
        await this.#rotate(rotationOf(options));
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
    const overrides = held?.overrides ?? {};
    this.#destroyed = held;
    held?.closeAs("destroyed");
    const keys = this.#keysToEnd(held);
    if (keys.length === 0) return;
    if (this.#presented !== undefined && !this.#isFollowing) this.#clearing = overrides;
    this.#isCookieDue = false;
    await this.#bounded(Promise.all(keys.map((key) => this.#settings.engine.end(key, "destroyed"))));
  }

  /** A session that could not be loaded can be ended all the same: a logout must not need a load. */
  #keysToEnd(held: HeldSession | undefined): SessionKey[] {
    const keys = held === undefined || held.open.isNew ? [] : [held.key];
    const isById = this.#isFollowing || (held === undefined && this.#opening.kind === "unavailable");
    if (isById && this.#presented !== undefined) keys.push(this.#settings.engine.keyOf(this.#presented.id));
    return keys;
  }

  async #rotate(rotation: Rotation): Promise<void> {
    const { engine } = this.#settings;
    const old = this.#isDestroyed ? undefined : this.#current();
    if (this.#opening.kind === "rotated" || this.#isFollowing || (old !== undefined && isRotated(old.open))) throw rotatedElsewhere();
    if (this.#areHeadersWritten) throw tooLateToRotate();
    if (old !== undefined && rotation.keep !== false && !old.open.isNew && old.open.verdict() === "ended")
      throw notCurrent(this.#settings.accessor);
    const hasBegun = old !== undefined && !old.open.isNew;
    // Before the draft: that takes over the objects that the application has in hand.
    if (hasBegun && !this.cookieSettings.maySend(this.channel)) throw noCookieToRotate();
    if (hasBegun && takesOver(rotation) && this.#seen?.refusesCopy(old.nowMs) === true) throw behindToRotate();
    const fresh = newDraft(this.#settings, this, old, rotation);
    if (!hasBegun) {
      this.#become(fresh, old);
      return;
    }
    this.#noteSubject(fresh);
    fresh.identify();
    fresh.open.commit({ evenIfEmpty: true });
    fresh.hasCommitted = true;
    this.#become(fresh, old);
    const wasCookieDue = this.#isCookieDue;
    this.#isCookieDue = true;
    this.#isCookieOwed = true;
    if (engine.persist === "before") {
      try {
        await this.#bounded(fresh.open.answerable());
      } catch (error) {
        // Never two: the old one stays what it was, the new one is over before anybody has its cookie.
        this.#become(old, fresh);
        this.#abandoned = fresh;
        this.#isCookieDue = wasCookieDue;
        engine.end(fresh.key, "destroyed").catch(() => undefined);
        throw error;
      }
    }
    if (rotation.graceMs > 0) old.open.setSuccessor(fresh.key, rotation.graceMs);
    else await this.#bounded(engine.rotate(old.key, fresh.key));
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
    if (this.#held === undefined && saveUninitialized && this.#opening.kind === "none" && !this.#isDestroyed)
      this.#held = newDraft(this.#settings, this);
    const held = this.#held;
    if (held === undefined) return undefined;
    if (held.isOver) return this.#enqueue(() => this.#end());
    if (held.wantedLifeMs !== undefined && this.#mayProlong(held)) return this.#prolong(held, held.wantedLifeMs);
    const wasNew = held.open.isNew;
    try {
      if (this.#write(held, saveUninitialized) !== "committed" || engine.persist === "after") return undefined;
    } catch (error) {
      this.#isClosed = true;
      throw error;
    }
    return this.#bounded(held.open.answerable().then(() => undefined)).catch((error: unknown) => {
      this.#isClosed = true;
      if (wasNew) this.#isCookieDue = false;
      throw error;
    });
  }

  /** What asked for a longer life is still there to get it, and can be told. */
  #mayProlong({ open }: HeldSession): boolean {
    const mayTell = !this.#isFollowing && !this.#areHeadersWritten && this.channel !== "closed" && this.#failedRotation === undefined;
    return mayTell && !open.isNew && !isRotated(open) && open.verdict() === "alive";
  }

  /** "Remember me": only another envelope can have a later end. Parallel requests with the old id go on in it. */
  #prolong(held: HeldSession, lifeMs: number): Promise<void> {
    held.wantedLifeMs = undefined;
    return this.#enqueue(() => this.#rotate(prolonging(lifeMs))).catch((error: unknown) => {
      this.#isClosed = true;
      throw error;
    });
  }

  #write(held: HeldSession, evenIfEmpty: boolean): CommitResult {
    const { open } = held;
    if (!open.isNew) {
      const isWritten = this.#failedRotation !== undefined && (open.isModified() || this.#abandoned?.open.isModified() === true);
      if (isWritten) throw this.#failedRotation?.error;
      if (this.#settings.subject !== undefined && open.isModified()) this.#noteSubject(held);
      const result = held.noteCommit(open.commit());
      this.#isCookieOwed = this.#isCookieDue;
      return result;
    }
    const { isEmpty } = held;
    if ((isEmpty && !evenIfEmpty) || this.#isBeginningRefused) return "unchanged";
    if (this.#opening.kind === "rotated" || this.#isFollowing) {
      if (isEmpty) return "unchanged";
      throw rotatedElsewhere();
    }
    if (this.#areHeadersWritten) {
      this.#isBeginningRefused = true;
      this.#settings.notices.notify(
        "late-session",
        `${held.accessor} was first written after the headers were sent; no cookie can follow, so nothing was kept. Write before the body begins.`,
      );
      return "unchanged";
    }
    if (!this.cookieSettings.maySend(this.channel)) {
      this.#isBeginningRefused = true;
      return "unchanged";
    }
    this.#noteSubject(held);
    held.identify();
    const result = held.noteCommit(open.commit(evenIfEmpty ? { evenIfEmpty } : {}));
    if (result === "committed") this.#isCookieDue = true;
    this.#isCookieOwed = this.#isCookieDue;
    return result;
  }

  /** What the application said itself in this request counts more than the option. */
  #noteSubject(held: HeldSession): void {
    const { subject } = this.#settings;
    if (subject === undefined || held.subject !== undefined) return;
    held.open.setSubject(subject(held.object) ?? undefined);
  }

  /** @throws SessionError SESSION_UNAVAILABLE */
  #current(): HeldSession {
    if (this.#held !== undefined) return this.#held;
    if (this.#opening.kind === "unavailable") throw unavailable(this.#opening.cause);
    this.#held = newDraft(this.#settings, this);
    return this.#held;
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
    return withDeadline(promise, waitMs, setTimer, () => notStored(waitMs));
  }
}
