import type { Request } from "express";
import type { SessionEngine } from "../../engine/index.ts";
import { createEngine } from "../../runtime/index.ts";
import { answerBy, StoredSessions } from "../http/index.ts";
import type { ClassicData, SessionObject, StoreCallback } from "../http/index.ts";
import { exchangeOf } from "./exchange.ts";
import { Store } from "./store.ts";

/**
 * `req.sessionStore`: the sessions of one engine by the interface of classic stores, for libraries that want one. `set` writes what
 * differs from what is there and removes what is not in it, whoever wrote that: for a session that requests write at the same time use
 * `req.session`, or `engine.open`. What ended stays ended: setting it again does nothing. It knows keys and not ids, so `all` is by key.
 *
 * As `MemoryStore` it may be made by itself: `session({ store: new MemoryStore() })` gives it an engine, which it shares with every
 * further middleware that gets it; without one it makes its own.
 */
export class EngineStore extends Store {
  #engine: SessionEngine | undefined;

  constructor(engine?: SessionEngine) {
    super();
    if (engine !== undefined) this.bind(engine);
  }

  get isBound(): boolean {
    return this.#engine !== undefined;
  }

  get engine(): SessionEngine {
    return this.#engine ?? this.bind(createEngine());
  }

  get #sessions(): StoredSessions {
    return new StoredSessions(this.engine);
  }

  bind(engine: SessionEngine): SessionEngine {
    this.#engine = engine;
    engine.ready.then(
      () => this.emit("connect"),
      () => this.emit("disconnect"),
    );
    return engine;
  }

  override get(sid: string, callback: StoreCallback<ClassicData | undefined>): void {
    answerBy(this.#sessions.get(sid), callback);
  }

  override set(sid: string, session: object, callback?: StoreCallback): void {
    answerBy(this.#sessions.set(sid, session), callback);
  }

  override destroy(sid: string, callback?: StoreCallback): void {
    answerBy(this.#sessions.destroy(sid), callback);
  }

  /** Takes over how long the cookie of `session` says that it lives, and nothing else of it. */
  touch(sid: string, session: unknown, callback?: StoreCallback): void {
    answerBy(this.#sessions.touch(sid, session), callback);
  }

  /** A request's session is replaced before it ends, so that a failure leaves the old one; a request without one gets another. */
  override regenerate(request: Request, callback: StoreCallback): void {
    const session = request.session as unknown as Partial<SessionObject> | null | undefined;
    if (session?.regenerate !== undefined) session.regenerate(callback);
    else answerBy(Promise.resolve(this.generate(request)), callback);
  }

  all(callback: StoreCallback<Record<string, ClassicData>>): void {
    answerBy(this.#sessions.all(), callback);
  }

  length(callback: StoreCallback<number>): void {
    answerBy(this.#sessions.length(), callback);
  }

  clear(callback?: StoreCallback): void {
    answerBy(this.#sessions.clear(), callback);
  }

  /** Begins a new session for this request; the one that it had is let go of, and lives on. */
  override generate(request: Request): void {
    exchangeOf(request)?.beginAnew();
  }
}
