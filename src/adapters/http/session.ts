import { SessionError } from "../../engine/index.ts";
import type { OpenSession } from "../../engine/index.ts";
import type { SessionCookieView } from "./live-cookie.ts";

/** Called once, with an error or with nothing, as Node's own callbacks are. */
export type SessionCallback = (error?: unknown) => void;

export interface RegenerateOptions {
  /** What to take over: everything, or these attributes. Default nothing, as a change of privilege wants it (OWASP, SEC-12). */
  readonly keep?: boolean | readonly string[];
  /**
   * Only with `keep: true`: for so many milliseconds (at most 10 minutes) requests with the old id read and write the new session, so that
   * parallel requests lose nothing. For a new id without a change of privilege. Default: the old id is over at once.
   */
  readonly graceMs?: number;
}

/** What stands behind one session object: the request's half of the life of a session. */
export interface SessionOwner {
  /** The path by which the application reaches the session, for messages: `req.session`. */
  readonly accessor: string;
  readonly adapter: string;
  readonly id: string;
  readonly key: string;
  readonly cookie: SessionCookieView;
  readonly listsCookie: boolean;
  /** Undefined: what all frameworks have. */
  readonly surface: SessionSurface | undefined;
  /** The attributes; undefined once the session was destroyed by this request. */
  readonly attributes: OpenSession | undefined;
  /** Why nothing may be written any more; undefined while it may. */
  readonly closedBy: SessionError | undefined;
  /** `evenIfEmpty`: begins a session without attributes, too. */
  save(options?: { readonly evenIfEmpty?: boolean }): Promise<void>;
  reload(): Promise<void>;
  regenerate(options: RegenerateOptions): Promise<void>;
  destroy(): Promise<void>;
  touch(): void;
  /** The id as this request's cookie has it. */
  signedId(): string;
  setCookie(source: object): void;
  setSubject(value: string | undefined): void;
  /** As this request set it. */
  readonly subject: { readonly value: string | undefined } | undefined;
}

/**
 * `req.session` (`request.session`, `ctx.session`): attributes are its own enumerable properties; everything named here is on the
 * prototype, and thereby neither in `Object.keys` nor in JSON (but for `cookie` in Express, as in express-session). Each method takes a callback or gives a promise.
 */
export interface Session {
  /** The bearer secret of the cookie: neither for logs nor for pages. Reading it of an empty session chooses its future id. */
  readonly id: string;
  /** What stores, peers and logs call this session. It opens nothing. */
  readonly key: string;
  get cookie(): SessionCookieView;
  /** Takes over what another cookie says, as libraries do that copy one session into the next. */
  set cookie(source: object);
  /** An attribute like any other; text in it also says whom the session belongs to, for `revokeAll` and `sessions` of the engine. */
  subject?: string | undefined;
  /** Commits what was written so far, and waits until it is stored. The response commits by itself: most code needs no `save`. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /** Forgets what this request wrote since the last commit; sees what others wrote meanwhile. SESSION_ENDED where nothing was ever saved. */
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
  /** The same as `touch`, under the name that express-session has for it. */
  resetMaxAge(): this;
}

/** A session with its attributes, which TypeScript does not know by name. */
export type SessionObject = Session & Record<string, unknown>;

/** By this the methods of a session object, whose `this` is the proxy, find what stands behind it. */
export const OWNER = Symbol("owner");

/** Under this name a session keeps what its cookie has instead of what the options say. No attribute of an application can have it. */
export const COOKIE_ATTRIBUTE = "cookie";
/** An attribute like any other; text in it also says whom the session belongs to, for `revokeAll` and `sessions` of the engine. */
export const SUBJECT_ATTRIBUTE = "subject";

/** The prototype of every session object; frameworks whose sessions have other methods extend it, see `surfaceOf`. */
export class SessionPrototype implements Session {
  readonly [OWNER]: SessionOwner;

  constructor(owner: SessionOwner) {
    this[OWNER] = owner;
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

  resetMaxAge(): this {
    return this.touch();
  }

  /** Names only: values and ids must not reach a log by way of an inspected request. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `Session { ${attributeNames(this[OWNER]).join(", ")} }`;
  }
}

export function settle<T extends object>(session: T, promise: Promise<void>, callback: SessionCallback | undefined): Promise<void> | T {
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

/** What the session objects of one framework have besides attributes. */
export interface SessionSurface {
  readonly Prototype: new (owner: SessionOwner) => SessionPrototype;
  /** Names that are methods or accessors of the session object, and so cannot be attributes where it is used. */
  readonly reserved: ReadonlySet<string>;
  readonly access: ProxyHandler<SessionPrototype>;
}

export function surfaceOf(Prototype: SessionSurface["Prototype"]): SessionSurface {
  const reserved = new Set<string>();
  const settable = new Set<string>();
  for (let level = Prototype.prototype as object; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const [name, { set }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (name !== "constructor") reserved.add(name);
      if (set !== undefined) settable.add(name);
    }
  }
  return { Prototype, reserved, access: attributeAccess(reserved, settable) };
}

/** The session object over `owner`: a working copy of plain values that any library may mutate, spread, list or print as JSON. */
export function sessionObject(owner: SessionOwner): SessionObject {
  const { Prototype, access } = owner.surface ?? COMMON;
  return new Proxy(new Prototype(owner), access) as unknown as SessionObject;
}

/** Whether it was made by this package, and not by another or by hand. */
export function isSessionObject(value: unknown): value is SessionObject {
  return value instanceof SessionPrototype;
}

/** `settable`: those of the reserved names that may be assigned to. */
function attributeAccess(reserved: ReadonlySet<string>, settable: ReadonlySet<string>): ProxyHandler<SessionPrototype> {
  const isAttribute = (name: string | symbol): name is string => typeof name === "string" && !reserved.has(name);
  return {
    get(target, name, receiver): unknown {
      if (typeof name === "string" && !reserved.has(name)) {
        const value = target[OWNER].attributes?.get(name);
        if (value !== undefined) return value;
      }
      return Reflect.get(target, name, receiver);
    },

    has(target, name): boolean {
      if (typeof name !== "string") return Reflect.has(target, name);
      return (!reserved.has(name) && target[OWNER].attributes?.has(name) === true) || Reflect.has(target, name);
    },

    set(target, name, value: unknown, receiver): boolean {
      const owner = target[OWNER];
      if (typeof name === "string" && settable.has(name)) return Reflect.set(target, name, value);
      if (!isAttribute(name)) return setReserved(owner, name, value);
      if (!(receiver instanceof SessionPrototype && receiver[OWNER] === owner)) return Reflect.set(target, name, value, receiver);
      write(owner, name, value);
      return true;
    },

    defineProperty(target, name, descriptor): boolean {
      const owner = target[OWNER];
      if (!isAttribute(name)) return setReserved(owner, name, descriptor.value);
      if (!("value" in descriptor)) {
        throw new SessionError("VALUE_REFUSED", `${owner.accessor}.${name} cannot be a getter or setter: assign a value to it.`);
      }
      write(owner, name, descriptor.value);
      return true;
    },

    deleteProperty(target, name): boolean {
      const owner = target[OWNER];
      if (!isAttribute(name) || owner.attributes?.has(name) !== true) return true;
      write(owner, name, undefined);
      return true;
    },

    ownKeys(target): string[] {
      const names = attributeNames(target[OWNER], reserved);
      if (isCookieListed(target[OWNER])) names.unshift(COOKIE_ATTRIBUTE);
      return names;
    },

    getOwnPropertyDescriptor(target, name): PropertyDescriptor | undefined {
      const owner = target[OWNER];
      if (name === COOKIE_ATTRIBUTE && isCookieListed(owner)) {
        return { value: owner.cookie, writable: true, enumerable: true, configurable: true };
      }
      if (!isAttribute(name) || owner.attributes?.has(name) !== true) return undefined;
      return { value: owner.attributes.get(name), writable: true, enumerable: true, configurable: true };
    },

    preventExtensions(): boolean {
      return false;
    },

    setPrototypeOf(): boolean {
      return false;
    },
  };
}

const COMMON = surfaceOf(SessionPrototype);

export function attributeNames(owner: SessionOwner, reserved: ReadonlySet<string> = (owner.surface ?? COMMON).reserved): string[] {
  return owner.attributes?.names().filter((name) => !reserved.has(name)) ?? [];
}

function isCookieListed(owner: SessionOwner): boolean {
  return owner.listsCookie && owner.attributes !== undefined;
}

function write(owner: SessionOwner, name: string, value: unknown): void {
  if (owner.closedBy !== undefined) throw owner.closedBy;
  if (name === SUBJECT_ATTRIBUTE) owner.setSubject(subjectOf(value));
  if (value === undefined) owner.attributes?.delete(name);
  else owner.attributes?.set(name, value);
}

/** `session.cookie.maxAge = …` does not come here; `session.cookie = …` does. */
function setReserved(owner: SessionOwner, name: string | symbol, value: unknown): boolean {
  if (name === COOKIE_ATTRIBUTE && typeof value === "object" && value !== null) owner.setCookie(value);
  else {
    const reason =
      typeof name === "symbol"
        ? "symbols cannot be stored"
        : `${owner.accessor}.${name} belongs to the ${owner.adapter} adapter; choose another attribute name`;
    throw new SessionError("ATTRIBUTE_NAME_REFUSED", `Not set: ${reason}.`);
  }
  return true;
}

/** Anything but text is an attribute like any other, and nobody. */
export function subjectOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
