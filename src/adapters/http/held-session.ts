import { SessionError } from "../../engine/index.ts";
import type { CommitResult, Envelope, OpenSession } from "../../engine/index.ts";
import type { AdapterSettings } from "./adapter-settings.ts";
import type { CookieOverrides, EffectiveAttributes } from "./cookie.ts";
import { MAX_AGE_MS_MAX } from "./cookie-options.ts";
import { assignCookie, LiveCookie } from "./live-cookie.ts";
import type { CookieOwner, SessionCookieView } from "./live-cookie.ts";
import type { RequestSession } from "./request-session.ts";
import { COOKIE_ATTRIBUTE, sessionObject } from "./session.ts";
import type { RegenerateOptions, SessionObject, SessionOwner, SessionSurface } from "./session.ts";

/** One session in one request: the engine's working copy, its id, and the object that the application has of it. */
export class HeldSession implements SessionOwner, CookieOwner {
  readonly #settings: AdapterSettings;
  readonly #request: RequestSession;
  #open: OpenSession;
  #id: string | undefined;
  #object: SessionObject | undefined;
  #cookie: LiveCookie | undefined;
  #closed: "destroyed" | "replaced" | undefined;
  /** As it was before a rotation ended it: libraries copy the cookie of the old session into the new one. */
  #lastEnvelope: Envelope | undefined;
  /** As set in this request; the envelope follows with the commit. */
  #idleTimeoutMs: number | undefined;
  /** As the cookie was when it came, or is to be; undefined: as the options say. */
  #isPersistent: boolean | undefined;
  /** The same as of the last commit. */
  #wasPersistent: boolean | undefined;
  /** The cookie's life was set to nothing: the session is over with this response. */
  isOver = false;
  /** This request wrote to it: its client must find that everywhere. */
  hasCommitted = false;
  /** The life that the application asked for, where it is more than the session has until its absolute end. */
  wantedLifeMs: number | undefined;
  /** What was said in this request of whom it belongs to. */
  subject: { readonly value: string | undefined } | undefined;

  constructor(settings: AdapterSettings, request: RequestSession, open: OpenSession, id: string | undefined, isPersistent?: boolean) {
    this.#open = open;
    this.#settings = settings;
    this.#request = request;
    this.#id = id;
    this.#isPersistent = isPersistent;
    this.#wasPersistent = isPersistent;
  }

  get open(): OpenSession {
    return this.#open;
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

  get listsCookie(): boolean {
    return this.#settings.listsCookie;
  }

  get surface(): SessionSurface | undefined {
    return this.#settings.surface;
  }

  get id(): string {
    return this.identify();
  }

  get key(): string {
    return this.#open.key ?? this.#settings.engine.keyOf(this.identify());
  }

  get cookie(): SessionCookieView {
    this.#cookie ??= new LiveCookie(this);
    return this.#cookie;
  }

  get attributes(): OpenSession | undefined {
    return this.#closed === "destroyed" ? undefined : this.#open;
  }

  get closedBy(): SessionError | undefined {
    if (this.#closed === undefined) return undefined;
    const next = this.#closed === "destroyed" ? "call regenerate() for a new one" : `use ${this.accessor} as it is now`;
    return new SessionError("SESSION_ENDED", `Not written: this session was ${this.#closed} in this request; ${next}.`);
  }

  /** Whether it holds any attribute of the application. */
  get isEmpty(): boolean {
    return this.#open.names().every((name) => name === COOKIE_ATTRIBUTE);
  }

  // CookieOwner

  get isPersistent(): boolean {
    if (this.overrides.maxAge === null) return false;
    return this.#isPersistent === true || this.#request.cookieSettings.isPersistent;
  }

  get idleTimeoutMs(): number {
    return this.#idleTimeoutMs ?? this.#envelope.idleTimeoutMs;
  }

  /** How long it lives if nobody uses it from its last use on. */
  get lifeLeftMs(): number {
    if (this.isOver) return 0;
    const { deadlineMs, idleTimeoutMs, touchedAtMs } = this.#envelope;
    return this.wantedLifeMs ?? Math.min(this.#idleTimeoutMs ?? idleTimeoutMs, deadlineMs - touchedAtMs);
  }

  get touchedAtMs(): number {
    return this.#envelope.touchedAtMs;
  }

  /** The engine's clock: an envelope that begins now. */
  get nowMs(): number {
    return this.#settings.engine.draft().envelope.touchedAtMs;
  }

  get overrides(): CookieOverrides {
    const stored = this.#open.get(COOKIE_ATTRIBUTE);
    return typeof stored === "object" && stored !== null ? stored : NO_OVERRIDES;
  }

  get effectiveCookie(): EffectiveAttributes {
    return this.#request.cookieSettings.effective(this.#request.channel, this.overrides);
  }

  overrideCookie(overrides: CookieOverrides): void {
    this.#checkOpen();
    this.#open.set(COOKIE_ATTRIBUTE, { ...this.overrides, ...overrides });
    this.#request.noteCookieChanged();
  }

  setMaxAge(maxAgeMs: number | null): void {
    this.#checkOpen();
    const wasPersistent = this.isPersistent;
    this.isOver = maxAgeMs !== null && maxAgeMs <= 0;
    if (this.isOver || (maxAgeMs === null && !wasPersistent)) return;
    if (maxAgeMs === null) {
      this.overrideCookie({ maxAge: null });
      return;
    }
    const isSame = maxAgeMs === this.idleTimeoutMs;
    if (isSame && wasPersistent) return;
    this.#isPersistent = true;
    const { maxAge: isForgotten, ...others } = this.overrides;
    if (isForgotten === null) this.#open.set(COOKIE_ATTRIBUTE, others);
    this.#request.noteCookieChanged();
    if (isSame) return;
    const lifeMs = Math.min(maxAgeMs, MAX_AGE_MS_MAX);
    this.#open.setIdleTimeout(lifeMs);
    this.#idleTimeoutMs = lifeMs;
    const { firstCreatedAtMs, deadlineMs } = this.#open.envelope;
    const latestMs = Math.min(this.touchedAtMs + lifeMs, firstCreatedAtMs + MAX_AGE_MS_MAX);
    this.wantedLifeMs = latestMs > deadlineMs ? latestMs - this.touchedAtMs : undefined;
    if (this.wantedLifeMs !== undefined && this.#open.isNew) this.#beginAgain(lifeMs);
  }

  setCookie(source: object): void {
    assignCookie(this.cookie, source);
  }

  signedId(): string {
    return this.#request.cookieSettings.sign(this.#request.channel, this.identify());
  }

  setSubject(value: string | undefined): void {
    this.#checkOpen();
    this.subject = { value };
    this.#open.setSubject(value);
  }

  /** Its id; a draft gets one now, once. */
  identify(): string {
    if (this.#id === undefined) {
      const { createdAtMs, deadlineMs } = this.#open.envelope;
      this.#id = this.#request.newId(deadlineMs - createdAtMs);
      this.#open.identify(this.#id);
    }
    return this.#id;
  }

  /** `reload`: how long this request wants it to live is what it did not commit yet, like any other write. */
  forgetLife(): void {
    this.#idleTimeoutMs = undefined;
    this.#isPersistent = this.#wasPersistent;
    this.isOver = false;
    this.wantedLifeMs = undefined;
  }

  noteCommit(result: CommitResult): CommitResult {
    this.#wasPersistent = this.#isPersistent;
    if (result === "committed") this.hasCommitted = true;
    return result;
  }

  /** `destroyed`: reads as empty. `replaced`: still readable, as libraries copy from it after a login. Neither can be written. */
  closeAs(reason: "destroyed" | "replaced"): void {
    this.#lastEnvelope = this.#envelope;
    this.#closed = reason;
  }

  reopen(): void {
    this.#lastEnvelope = undefined;
    this.#closed = undefined;
  }

  save({ evenIfEmpty = false }: { readonly evenIfEmpty?: boolean } = {}): Promise<void> {
    return this.#request.save(this, evenIfEmpty);
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
    if (this.#closed === undefined) this.#open.touch();
  }

  /** A draft's end is fixed when it is made: another one with a later end, and the same contents. */
  #beginAgain(absoluteTimeoutMs: number): void {
    const before = this.#open;
    this.#open = this.#settings.engine.draft({ absoluteTimeoutMs });
    if (this.#id !== undefined) this.#open.identify(this.#id);
    for (const name of before.names()) this.#open.set(name, before.get(name));
    this.#open.setIdleTimeout(absoluteTimeoutMs);
    if (this.subject !== undefined) this.#open.setSubject(this.subject.value);
    this.wantedLifeMs = undefined;
  }

  /** An end leaves nothing of an envelope; a session that somebody else ended counts as one that begins. */
  get #envelope(): Envelope {
    if (this.#lastEnvelope !== undefined) return this.#lastEnvelope;
    const { envelope } = this.#open;
    return envelope.ended === undefined ? envelope : this.#settings.engine.draft().envelope;
  }

  #checkOpen(): void {
    if (this.closedBy !== undefined) throw this.closedBy;
  }
}

const NO_OVERRIDES: CookieOverrides = {};
