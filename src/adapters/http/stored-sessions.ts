import { ageOf } from "../../engine/index.ts";
import type { OpenSession, SessionEngine } from "../../engine/index.ts";
import { COOKIE_ATTRIBUTE, isSessionObject } from "./session.ts";

/** A session as classic stores know it: plain data, with the JSON of its cookie. */
export type ClassicData = Record<string, unknown> & { cookie?: unknown };

export type StoreCallback<Value = void> = (error?: unknown, value?: Value) => void;

/**
 * The sessions of an engine as those know them that were written for a store of express-session or @fastify/session: by id, and whole. `set` writes
 * what differs from what is there and removes what is not in it, whoever wrote that. What ended stays ended: setting it again does nothing.
 */
export class StoredSessions {
  readonly #engine: SessionEngine;

  constructor(engine: SessionEngine) {
    this.#engine = engine;
  }

  set(sid: string, session: object): Promise<void> {
    return isSessionObject(session) && session.id === sid ? session.save() : this.#write(sid, session as ClassicData);
  }

  async destroy(sid: string): Promise<void> {
    await this.#engine.end(this.#engine.keyOf(sid), "destroyed");
  }

  length(): Promise<number> {
    return this.#engine.count();
  }

  async clear(): Promise<void> {
    await this.#engine.clear();
  }

  async get(sid: string): Promise<ClassicData | undefined> {
    const open = await this.#open(sid);
    if (open === undefined) return undefined;
    const data: ClassicData = { cookie: cookieOf(open) };
    for (const name of open.names()) if (name !== COOKIE_ATTRIBUTE) data[name] = open.get(name);
    return data;
  }

  async #open(sid: string): Promise<OpenSession | undefined> {
    const found = await this.#engine.checkOut(this.#engine.keyOf(sid), { bornAtMs: ageOf(sid)?.bornAtMs });
    return found.kind === "alive" ? found.session : undefined;
  }

  async touch(sid: string, session: unknown): Promise<void> {
    const open = await this.#open(sid);
    if (open === undefined) return;
    const lifeMs = lifeOf((session as ClassicData | undefined)?.cookie);
    open.touch();
    if (lifeMs === undefined || lifeMs <= 0 || lifeMs === open.envelope.idleTimeoutMs) return;
    open.setIdleTimeout(lifeMs);
    open.commit();
    if (this.#engine.persist === "before") await open.answerable();
  }

  async #write(sid: string, { cookie, ...data }: ClassicData): Promise<void> {
    const engine = this.#engine;
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
    const engine = this.#engine;
    const usual = engine.draft();
    const { createdAtMs, deadlineMs } = usual.envelope;
    const open = lifeMs !== undefined && lifeMs > deadlineMs - createdAtMs ? engine.draft({ absoluteTimeoutMs: lifeMs }) : usual;
    open.identify(sid);
    return open;
  }

  async all(): Promise<Record<string, ClassicData>> {
    const all: Record<string, ClassicData> = {};
    for await (const { key, idleTimeoutMs, touchedAtMs } of this.#engine.sessions()) {
      const handle = await this.#engine.open(key);
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
export function answerBy<Value>(promise: Promise<Value>, callback: StoreCallback<Value> | undefined): void {
  promise.then(
    (value) => setImmediate(() => callback?.(null, value)),
    (error: unknown) => setImmediate(() => callback?.(error)),
  );
}

/** Whether it is a store of express-session's kind, which reads and writes whole sessions. */
export function isClassicStore(store: unknown): boolean {
  return typeof store === "object" && store !== null && !("append" in store) && "get" in store && "set" in store;
}
