import { attributeNames, CurrentSession, OWNER, sessionObject, SessionPrototype, settle, surfaceOf } from "../http/index.ts";
import type { HeldSession, RegenerateOptions, RequestSession, Session, SessionCallback, SessionObject } from "../http/index.ts";

/** What a session object asks of its request. */
export interface SessionRequest {
  readonly isNew: boolean;
  save(): Promise<void>;
  manuallyCommit(): Promise<void>;
  /** The cookie's life was set: it is saved even if nothing else was. */
  noteMaxAge(): void;
}

/** What `ctx.session` has besides attributes: koa-session's surface, and what sessions have in every framework. */
export interface KoaSession extends Session {
  /** True for a request whose visitor has no session, or none any more. */
  readonly isNew: boolean;
  /** How many attributes there are. */
  readonly length: number;
  readonly populated: boolean;
  /**
   * Milliseconds that the session may go unused; `session` for a cookie that goes with the browser. Setting it sends the cookie again, and
   * begins a session even if it is empty. Zero and less end it.
   */
  maxAge: number | "session";
  /** The same as `id`. */
  readonly externalKey: string;
  /** The attributes, as a plain object. */
  toJSON(): Record<string, unknown>;
  inspect(): Record<string, unknown>;
  /** Writes what was changed, and begins a session even if it is empty. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /** A new id; the old one is over before this resolves. Everything is kept unless `keep` says otherwise, and this object goes on. */
  regenerate(options?: RegenerateOptions): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(options: RegenerateOptions, callback: SessionCallback): this;
  /** With `autoCommit: false`: writes what was changed, or ends what was set to null. Call it before the response begins. */
  manuallyCommit(): Promise<void>;
}

class KoaOwner extends CurrentSession {
  readonly request: SessionRequest;

  constructor(request: SessionRequest, requestSession: RequestSession, held: HeldSession) {
    super(requestSession, held, SURFACE);
    this.request = request;
  }
}

class KoaPrototype extends SessionPrototype implements KoaSession {
  get isNew(): boolean {
    return requestOf(this).isNew;
  }

  get length(): number {
    return attributeNames(this[OWNER]).length;
  }

  get populated(): boolean {
    return this.length > 0;
  }

  get maxAge(): number | "session" {
    return this.cookie.originalMaxAge ?? "session";
  }

  set maxAge(value: number | "session") {
    this.cookie.maxAge = value === "session" ? null : value;
    requestOf(this).noteMaxAge();
  }

  get externalKey(): string {
    return this.id;
  }

  toJSON(): Record<string, unknown> {
    const { attributes } = this[OWNER];
    return Object.fromEntries(attributeNames(this[OWNER]).map((name) => [name, attributes?.get(name)]));
  }

  inspect(): Record<string, unknown> {
    return this.toJSON();
  }

  override save(): Promise<void>;
  override save(callback: SessionCallback): this;
  override save(callback?: SessionCallback): Promise<void> | this {
    return settle(this, requestOf(this).save(), callback);
  }

  override regenerate(options?: RegenerateOptions): Promise<void>;
  override regenerate(callback: SessionCallback): this;
  override regenerate(options: RegenerateOptions, callback: SessionCallback): this;
  override regenerate(first?: RegenerateOptions | SessionCallback, second?: SessionCallback): Promise<void> | this {
    const callback = typeof first === "function" ? first : second;
    const options = typeof first === "function" ? {} : first;
    return settle(this, this[OWNER].regenerate({ keep: true, ...options }), callback);
  }

  manuallyCommit(): Promise<void> {
    return requestOf(this).manuallyCommit();
  }
}

const SURFACE = surfaceOf(KoaPrototype);

function requestOf(session: KoaPrototype): SessionRequest {
  return (session[OWNER] as KoaOwner).request;
}

/** `ctx.session` of one request, whatever happens to the session. */
export function koaSessionObject(request: SessionRequest, requestSession: RequestSession, held: HeldSession): KoaSession & SessionObject {
  return sessionObject(new KoaOwner(request, requestSession, held)) as KoaSession & SessionObject;
}
