import { EventEmitter } from "node:events";
import type { Request } from "express";
import { isSessionObject } from "../http/index.ts";
import type { ClassicData, StoreCallback } from "../http/index.ts";
import { Cookie } from "./classic-cookie.ts";

/** What a session from a store needs of the request that it stands for. */
export interface StoreRequest {
  sessionID: string;
  sessionStore: ClassicStore;
  session?: unknown;
}

/**
 * express-session's `Store`: the base class of classic stores, for libraries that look for it. It may be extended as a class and, like the
 * original, called without `new` (`Store.call(this)` with `util.inherits`).
 */
export interface ClassicStore extends EventEmitter {
  get(sid: string, callback: StoreCallback<ClassicData | null | undefined>): void;
  set(sid: string, session: object, callback?: StoreCallback): void;
  destroy(sid: string, callback?: StoreCallback): void;
  regenerate(request: Request, callback: StoreCallback): void;
  /** Given to it by the middleware that it is the store of. */
  generate?(request: Request): void;
  load(sid: string, callback: StoreCallback<ClassicSession>): void;
  createSession(request: StoreRequest, session: ClassicData): ClassicSession;
}

export interface StoreConstructor {
  new (): ClassicStore;
  (this: object): void;
  prototype: ClassicStore;
}

export const Store = function Store(this: object): void {
  Reflect.apply(EventEmitter as unknown as (this: object) => void, this, []);
} as unknown as StoreConstructor;

Store.prototype = Object.assign(Object.create(EventEmitter.prototype) as ClassicStore, {
  constructor: Store,

  regenerate(this: ClassicStore, request: Request, callback: StoreCallback): void {
    this.destroy(request.sessionID, (error) => {
      this.generate?.(request);
      callback(error);
    });
  },

  load(this: ClassicStore, sid: string, callback: StoreCallback<ClassicSession>): void {
    this.get(sid, (error, session) => {
      if (error !== undefined && error !== null) callback(error);
      else if (session === undefined || session === null) callback();
      else callback(null, this.createSession({ sessionID: sid, sessionStore: this }, session));
    });
  },

  createSession(this: ClassicStore, request: StoreRequest, session: ClassicData): ClassicSession {
    const { cookie } = session;
    const { expires, originalMaxAge } = (cookie ?? {}) as { expires?: unknown; originalMaxAge?: number | null };
    const own = new Cookie(cookie ?? {});
    if (typeof expires === "string") own.expires = new Date(expires);
    own.originalMaxAge = originalMaxAge;
    const created = new ClassicSession(request, { ...session, cookie: own });
    request.session = created;
    return created;
  },
});

/** express-session's `Session`: a session outside its request, as `store.load` gives it. `req.session` passes for one (`instanceof`). */
export class ClassicSession {
  declare readonly req: StoreRequest;
  declare readonly id: string;
  [name: string]: unknown;

  static [Symbol.hasInstance](value: unknown): boolean {
    return isSessionObject(value) || Function.prototype[Symbol.hasInstance].call(this, value);
  }

  constructor(request: StoreRequest, data?: object) {
    Object.defineProperty(this, "req", { value: request });
    Object.defineProperty(this, "id", { value: request.sessionID });
    for (const [name, value] of Object.entries(data ?? {})) if (!(name in this)) this[name] = value;
  }

  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    const { cookie } = this;
    if (cookie instanceof Cookie) cookie.maxAge = cookie.originalMaxAge;
    return this;
  }

  save(callback: StoreCallback = ignore): this {
    this.req.sessionStore.set(this.id, this, callback);
    return this;
  }

  reload(callback: StoreCallback): this {
    const { req, id } = this;
    req.sessionStore.get(id, (error, session) => {
      if (error !== undefined && error !== null) callback(error);
      else if (session === undefined || session === null) callback(new Error("failed to load session"));
      else {
        req.sessionStore.createSession(req, session);
        callback();
      }
    });
    return this;
  }

  destroy(callback?: StoreCallback): this {
    delete this.req.session;
    this.req.sessionStore.destroy(this.id, callback);
    return this;
  }

  regenerate(callback: StoreCallback): this {
    this.req.sessionStore.regenerate(this.req as unknown as Request, callback);
    return this;
  }
}

function ignore(): void {}
