import { SessionError } from "../../engine/index.ts";
import type { OpenSession } from "../../engine/index.ts";

/** Called once, with an error or with nothing, as Node's own callbacks are. */
export type SessionCallback = (error?: unknown) => void;

export interface RegenerateOptions {
  /** What to take over: everything, or these attributes. Default nothing, as a change of privilege wants it (OWASP, SEC-12). */
  readonly keep?: boolean | readonly string[];
}

/** `req.session.cookie`: what one session's cookie says. */
export interface SessionCookieView {
  /**
   * Milliseconds until this session ends if nobody uses it; null for a cookie without Max-Age. Setting it sets the session's idle
   * timeout with the next commit and sends the cookie again.
   */
  get maxAge(): number | null;
  set maxAge(value: number | null);
}

/** What stands behind one session object: the request's half of the life of a session. */
export interface SessionOwner {
  /** The path by which the application reaches the session, for messages: `req.session`. */
  readonly accessor: string;
  readonly adapter: string;
  readonly id: string;
  readonly key: string;
  readonly cookie: SessionCookieView;
  /** The attributes; undefined once the session was destroyed by this request. */
  readonly attributes: OpenSession | undefined;
  /** Why nothing may be written any more; undefined while it may. */
  readonly closedBy: SessionError | undefined;
  save(): Promise<void>;
  reload(): Promise<void>;
  regenerate(options: RegenerateOptions): Promise<void>;
  destroy(): Promise<void>;
  touch(): void;
}

/**
 * `req.session` (`request.session`, `ctx.session`): attributes are its own enumerable properties; everything named here is on the
 * prototype, and thereby neither in `Object.keys` nor in JSON. Each method takes a callback or gives a promise.
 */
export interface Session {
  /** The bearer secret of the cookie: neither for logs nor for pages. Reading it of an empty session chooses its future id. */
  readonly id: string;
  /** What stores, peers and logs call this session. It opens nothing. */
  readonly key: string;
  readonly cookie: SessionCookieView;
  /** Commits what was written so far, and waits until it is stored. The response commits by itself: most code needs no `save`. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /** Forgets what this request wrote since the last commit; sees what others wrote meanwhile. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  /** A new id; the old one is over before this resolves. Call it whenever somebody logs in. This object keeps the old attributes, for reading. */
  regenerate(options?: RegenerateOptions): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(options: RegenerateOptions, callback: SessionCallback): this;
  /** Ends the session, finally and on every node; the response clears the cookie. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  /** Starts the idle timeout again. Every request does so by itself, unless the option `touch` says otherwise. */
  touch(): this;
}

/** A session with its attributes, which TypeScript does not know by name. */
export type SessionObject = Session & Record<string, unknown>;

/** By this the methods of a session object, whose `this` is the proxy, find what stands behind it. */
const OWNER = Symbol("owner");

/** The prototype of every session object. */
class SessionPrototype implements Session {
  declare readonly [OWNER]: SessionOwner;

  private constructor() {
    throw new SessionError("INVARIANT_BROKEN", "A session object is made by its middleware.");
  }

  get id(): string {
    return this[OWNER].id;
  }

  get key(): string {
    return this[OWNER].key;
  }

  get cookie(): SessionCookieView {
    return this[OWNER].cookie;
  }

  save(): Promise<void>;
  save(callback: SessionCallback): this;
  save(callback?: SessionCallback): Promise<void> | this {
    return settle(this, this[OWNER].save(), callback);
  }

  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  reload(callback?: SessionCallback): Promise<void> | this {
    return settle(this, this[OWNER].reload(), callback);
  }

  regenerate(options?: RegenerateOptions): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(options: RegenerateOptions, callback: SessionCallback): this;
  regenerate(first?: RegenerateOptions | SessionCallback, second?: SessionCallback): Promise<void> | this {
    const callback = typeof first === "function" ? first : second;
    return settle(this, this[OWNER].regenerate(typeof first === "function" ? {} : (first ?? {})), callback);
  }

  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  destroy(callback?: SessionCallback): Promise<void> | this {
    return settle(this, this[OWNER].destroy(), callback);
  }

  touch(): this {
    this[OWNER].touch();
    return this;
  }

  /** Names only: values and ids must not reach a log by way of an inspected request. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Session { ${this[OWNER].attributes?.names().join(", ") ?? ""} }`;
  }
}

function settle<T extends Session>(session: T, promise: Promise<void>, callback: SessionCallback | undefined): Promise<void> | T {
  if (callback === undefined) {
    // Who does not wait for it must not crash the process by that; the commit before the headers meets the same trouble again.
    promise.catch(() => undefined);
    return promise;
  }
  promise.then(
    () => process.nextTick(callback),
    (error: unknown) => process.nextTick(callback, error),
  );
  return session;
}

/** Names that are methods or accessors of the session object, and so cannot be attributes where it is used. */
const RESERVED: ReadonlySet<string> = new Set(
  Object.getOwnPropertyNames(SessionPrototype.prototype).filter((name) => name !== "constructor"),
);

/** The session object over `owner`: a working copy of plain values that any library may mutate, spread, list or print as JSON. */
export function sessionObject(owner: SessionOwner): SessionObject {
  const target = Object.create(SessionPrototype.prototype) as Session;
  return new Proxy(target, new AttributeAccess(owner)) as SessionObject;
}

class AttributeAccess implements ProxyHandler<Session> {
  readonly #owner: SessionOwner;

  constructor(owner: SessionOwner) {
    this.#owner = owner;
  }

  get(target: Session, name: string | symbol, receiver: unknown): unknown {
    if (name === OWNER) return this.#owner;
    if (typeof name === "string" && !RESERVED.has(name)) {
      const value = this.#owner.attributes?.get(name);
      if (value !== undefined) return value;
    }
    return Reflect.get(target, name, receiver);
  }

  has(target: Session, name: string | symbol): boolean {
    return (typeof name === "string" && this.#owner.attributes?.has(name) === true) || Reflect.has(target, name);
  }

  set(target: Session, name: string | symbol, value: unknown, receiver: unknown): boolean {
    // `session.cookie.maxAge = …` does not come here; `session.cookie = …` does.
    if (!this.#isAttribute(name)) throw this.#refusal(name);
    if (!isSessionOf(receiver, this.#owner)) return Reflect.set(target, name, value, receiver);
    this.#write(name, value);
    return true;
  }

  defineProperty(_target: Session, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (!this.#isAttribute(name)) throw this.#refusal(name);
    if (!("value" in descriptor)) {
      throw new SessionError("VALUE_REFUSED", `${this.#owner.accessor}.${name} cannot be a getter or setter: assign a value to it.`);
    }
    this.#write(name, descriptor.value);
    return true;
  }

  deleteProperty(_target: Session, name: string | symbol): boolean {
    if (!this.#isAttribute(name)) return true;
    if (this.#owner.attributes?.has(name) !== true) return true;
    this.#write(name, undefined);
    return true;
  }

  ownKeys(): string[] {
    return this.#owner.attributes?.names().filter((name) => !RESERVED.has(name)) ?? [];
  }

  getOwnPropertyDescriptor(_target: Session, name: string | symbol): PropertyDescriptor | undefined {
    if (!this.#isAttribute(name) || this.#owner.attributes?.has(name) !== true) return undefined;
    return { value: this.#owner.attributes.get(name), writable: true, enumerable: true, configurable: true };
  }

  preventExtensions(): boolean {
    return false;
  }

  setPrototypeOf(): boolean {
    return false;
  }

  #isAttribute(name: string | symbol): name is string {
    return typeof name === "string" && !RESERVED.has(name);
  }

  #write(name: string, value: unknown): void {
    if (this.#owner.closedBy !== undefined) throw this.#owner.closedBy;
    if (value === undefined) this.#owner.attributes?.delete(name);
    else this.#owner.attributes?.set(name, value);
  }

  #refusal(name: string | symbol): SessionError {
    const { accessor, adapter } = this.#owner;
    const reason =
      typeof name === "symbol"
        ? "symbols cannot be stored"
        : `${accessor}.${name} belongs to the ${adapter} adapter; choose another attribute name`;
    return new SessionError("ATTRIBUTE_NAME_REFUSED", `Not set: ${reason}.`);
  }
}

function isSessionOf(value: unknown, owner: SessionOwner): boolean {
  return value instanceof SessionPrototype && value[OWNER] === owner;
}
