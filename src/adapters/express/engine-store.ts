import type { Request } from "express";
import { ageOf } from "../../engine/index.ts";
import type { OpenSession, SessionEngine } from "../../engine/index.ts";
import { createEngine } from "../../runtime/index.ts";
import { COOKIE_ATTRIBUTE, isSessionObject } from "../http/index.ts";
import type { SessionObject } from "../http/index.ts";
import { exchangeOf } from "./exchange.ts";
import { Store } from "./store.ts";
import type { ClassicData, StoreCallback } from "./store.ts";

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

  bind(engine: SessionEngine): SessionEngine {
    this.#engine = engine;
    engine.ready.then(
      () => this.emit("connect"),
      () => this.emit("disconnect"),
    );
    return engine;
  }

  override get(sid: string, callback: StoreCallback<ClassicData | undefined>): void {
    answer(this.#get(sid), callback);
  }

  override set(sid: string, session: object, callback?: StoreCallback): void {
    answer(isSessionObject(session) && session.id === sid ? session.save() : this.#set(sid, session as ClassicData), callback);
  }

  override destroy(sid: string, callback?: StoreCallback): void {
    const { engine } = this;
    answer(
      engine.end(engine.keyOf(sid), "destroyed").then(() => undefined),
      callback,
    );
  }

  /** Takes over how long the cookie of `session` says that it lives, and nothing else of it. */
  touch(sid: string, session: unknown, callback?: StoreCallback): void {
    answer(this.#touch(sid, session), callback);
  }

  /** A request's session is replaced before it ends, so that a failure leaves the old one; a request without one gets another. */
  override regenerate(request: Request, callback: StoreCallback): void {
    const session = request.session as unknown as Partial<SessionObject> | null | undefined;
    if (session?.regenerate !== undefined) session.regenerate(callback);
    else answer(Promise.resolve(this.generate(request)), callback);
  }

  all(callback: StoreCallback<Record<string, ClassicData>>): void {
    answer(this.#all(), callback);
  }

  length(callback: StoreCallback<number>): void {
    answer(this.engine.count(), callback);
  }

  clear(callback?: StoreCallback): void {
    answer(
      this.engine.clear().then(() => undefined),
      callback,
    );
  }

  /** Begins a new session for this request; the one that it had is let go of, and lives on. */
  override generate(request: Request): void {
    exchangeOf(request)?.beginAnew();
  }

  async #get(sid: string): Promise<ClassicData | undefined> {
    const open = await this.#open(sid);
    if (open === undefined) return undefined;
    const data: ClassicData = { cookie: cookieOf(open) };
    for (const name of open.names()) if (name !== COOKIE_ATTRIBUTE) data[name] = open.get(name);
    return data;
  }

  async #open(sid: string): Promise<OpenSession | undefined> {
    const found = await this.engine.checkOut(this.engine.keyOf(sid), { bornAtMs: ageOf(sid)?.bornAtMs });
    return found.kind === "alive" ? found.session : undefined;
  }

  async #touch(sid: string, session: unknown): Promise<void> {
    const open = await this.#open(sid);
    if (open === undefined) return;
    const lifeMs = lifeOf((session as ClassicData | undefined)?.cookie);
    open.touch();
    if (lifeMs === undefined || lifeMs <= 0 || lifeMs === open.envelope.idleTimeoutMs) return;
    open.setIdleTimeout(lifeMs);
    open.commit();
    if (this.engine.persist === "before") await open.answerable();
  }

  async #set(sid: string, { cookie, ...data }: ClassicData): Promise<void> {
    const { engine } = this;
    const key = engine.keyOf(sid);
    const found = await engine.checkOut(key, { bornAtMs: ageOf(sid)?.bornAtMs });
    if (found.kind === "ended") return;
    const lifeMs = lifeOf(cookie);
    if (lifeMs !== undefined && lifeMs <= 0) {
      await engine.end(key, "expired");
      return;
    }
    // Between the answer and this line somebody else may have made it.
    const open = found.kind === "alive" ? found.session : (engine.checkOutHot(key) ?? this.#draft(sid, lifeMs));
    for (const name of open.names()) if (name !== COOKIE_ATTRIBUTE && !Object.hasOwn(data, name)) open.delete(name);
    for (const [name, value] of Object.entries(data)) {
      if (value === undefined) open.delete(name);
      else open.set(name, value);
    }
    if (lifeMs !== undefined && lifeMs !== open.envelope.idleTimeoutMs) open.setIdleTimeout(lifeMs);
    open.touch();
    open.commit({ evenIfEmpty: true });
    if (engine.persist === "before") await open.answerable();
  }

  #draft(sid: string, lifeMs: number | undefined): OpenSession {
    const { engine } = this;
    const usual = engine.draft();
    const { createdAtMs, deadlineMs } = usual.envelope;
    const open = lifeMs !== undefined && lifeMs > deadlineMs - createdAtMs ? engine.draft({ absoluteTimeoutMs: lifeMs }) : usual;
    open.identify(sid);
    return open;
  }

  async #all(): Promise<Record<string, ClassicData>> {
    const all: Record<string, ClassicData> = {};
    for await (const { key, idleTimeoutMs, touchedAtMs } of this.engine.sessions()) {
      const handle = await this.engine.open(key);
      if (handle === undefined) continue;
      const cookie = { originalMaxAge: idleTimeoutMs, expires: new Date(touchedAtMs + idleTimeoutMs), httpOnly: true, path: "/" };
      all[key] = { ...handle.data(), cookie };
    }
    return all;
  }
}

/** In time zones of stores a cookie's Max-Age is how long a session may go unused. */
function cookieOf(open: OpenSession): object {
  const { idleTimeoutMs, touchedAtMs, deadlineMs } = open.envelope;
  const expires = new Date(Math.min(touchedAtMs + idleTimeoutMs, deadlineMs));
  const own = open.get(COOKIE_ATTRIBUTE);
  return { originalMaxAge: idleTimeoutMs, expires, httpOnly: true, path: "/", ...(typeof own === "object" ? own : {}) };
}

/** Milliseconds that a session with this cookie may go unused; undefined where it does not say. */
function lifeOf(cookie: unknown): number | undefined {
  if (typeof cookie !== "object" || cookie === null) return undefined;
  const { originalMaxAge, maxAge, expires } = cookie as { originalMaxAge?: unknown; maxAge?: unknown; expires?: unknown };
  for (const life of [originalMaxAge, maxAge]) if (typeof life === "number" && Number.isFinite(life)) return life;
  const instantMs = expires instanceof Date || typeof expires === "string" ? new Date(expires).getTime() : Number.NaN;
  return Number.isNaN(instantMs) ? undefined : instantMs - Date.now();
}

/** As Node's own callbacks: never in the tick of the call, and never twice. */
function answer<Value>(promise: Promise<Value>, callback: StoreCallback<Value> | undefined): void {
  promise.then(
    (value) => setImmediate(() => callback?.(null, value)),
    (error: unknown) => setImmediate(() => callback?.(error)),
  );
}
