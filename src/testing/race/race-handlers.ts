import { counter } from "../../engine/index.ts";
import type { AttributeTypes } from "../../engine/index.ts";

/** The declarations with which the races are lost nowhere: concurrent increments add up only where a counter is declared. */
export const RACE_ATTRIBUTES = { visits: counter() } satisfies AttributeTypes;

/** The part of a session that libraries have in common, so that all run the same code. */
export interface RaceSession {
  [name: string]: unknown;
  destroy?(callback: (error?: unknown) => void): unknown;
  regenerate?(callback: (error?: unknown) => void): unknown;
}

/** A request as an adapter hands it over. */
export interface RaceRequest {
  /** Without the query: `/set`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** What the framework has for this request, looked up anew at each call; undefined or null where there is none. */
  session(): RaceSession | null | undefined;
  /** A logout, as this framework does it. Default: `session().destroy(callback)`. */
  end?(): Promise<void>;
  /** Another id for the same visitor, as a login draws it. Default: `session().regenerate(callback)`. */
  regenerate?(): Promise<void>;
}

/** What is to be answered: a JSON body (200 unless `status` says otherwise), or a redirect (302). */
export type RaceAnswer = { readonly body: unknown; readonly status?: number } | { readonly redirect: string };

/** One route. `session` is there; `wait` resolves at once, or when the door that the request names is opened. */
export type RaceHandler = (request: RaceRequest, session: RaceSession, wait: () => Promise<void>) => Promise<RaceAnswer> | RaceAnswer;

/** No request waits longer for its door. */
const DOOR_MS = 10_000;
const DONE: RaceAnswer = { body: { ok: true } };

/** Everything that a request changes it has read before it waits: this is the session that an ordinary handler would hold meanwhile. */
const HANDLERS: Readonly<Record<string, RaceHandler>> = {
  "/login": ({ query }, session) => {
    session["user"] = query.get("user") ?? "Ada";
    return DONE;
  },
  "/session": (_request, session) => ({ body: attributesOf(session) }),
  "/set": async ({ query }, session, wait) => {
    await wait();
    session[query.get("k") ?? "k"] = query.get("v") ?? "1";
    return DONE;
  },
  "/push": async ({ query }, session, wait) => {
    const items = (session["items"] ?? []) as unknown[];
    await wait();
    items.push(query.get("v"));
    session["items"] = items;
    return DONE;
  },
  "/count": async (_request, session, wait) => {
    const visits = Number(session["visits"] ?? 0);
    await wait();
    session["visits"] = visits + 1;
    return DONE;
  },
  "/read-slow": async (_request, session, wait) => {
    const seen = session["user"];
    await wait();
    return { body: { seen: seen ?? null } };
  },
  "/slow-write": async (_request, session, wait) => {
    await wait();
    session["late"] = true;
    return DONE;
  },
  "/redirect": ({ query }, session) => {
    session["last"] = query.get("v");
    return { redirect: "/session" };
  },
  "/logout": async (request) => {
    await endSession(request);
    return DONE;
  },
};

/**
 * Routes in which requests overlap by order instead of by luck: a request with `?door=name` reads its session, then waits until
 * somebody asks for `/open?door=name`. `/waiting` tells how many stand before it.
 */
export class RaceHandlers {
  readonly #doors = new Map<string, (() => void)[]>();
  readonly #handlers: Readonly<Record<string, RaceHandler>>;

  /** `more`: routes beyond those of the races that are here, by path. */
  constructor(more: Readonly<Record<string, RaceHandler>> = {}) {
    this.#handlers = { ...HANDLERS, ...more };
  }

  /** Rejects where the session layer does: that is for the error path of the framework. */
  async answer(request: RaceRequest): Promise<RaceAnswer> {
    const { path, query } = request;
    const door = query.get("door");
    if (path === "/waiting") return { body: { waiting: this.#doors.get(door ?? "")?.length ?? 0 } };
    if (path === "/open") return { body: { opened: this.#open(door ?? "") } };
    const handler = this.#handlers[path];
    if (handler === undefined) return { status: 404, body: { unknown: path } };
    const session = request.session();
    if (session === undefined || session === null) return { body: { session: null } };
    return handler(request, session, () => (door === null ? Promise.resolve() : this.#wait(door)));
  }

  #wait(door: string): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, DOOR_MS);
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#doors.set(door, [...(this.#doors.get(door) ?? []), go]);
    });
  }

  #open(door: string): number {
    const waiting = this.#doors.get(door) ?? [];
    this.#doors.delete(door);
    for (const go of waiting) go();
    return waiting.length;
  }
}

/** What an application wrote. Some libraries list their own among the properties: express-session its cookie, koa-session `isNew` and `_expire`. */
export function attributesOf(session: RaceSession): Record<string, unknown> {
  return Object.fromEntries(Object.entries(session).filter(([name]) => !/^(cookie|isNew|_.*)$/.test(name)));
}

/** A logout, in the way of the request's framework. */
export function endSession(request: RaceRequest): Promise<void> {
  return request.end?.() ?? calledBack("destroy", request.session());
}

/** Another id, in the way of the request's framework. What `session()` gives afterwards is the session from then on. */
export function regenerateSession(request: RaceRequest): Promise<void> {
  return request.regenerate?.() ?? calledBack("regenerate", request.session());
}

function calledBack(name: "destroy" | "regenerate", session: RaceSession | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (session?.[name] === undefined)
      throw new Error(`This session has no ${name}(callback): the adapter under test must say how it is done.`);
    session[name]((error) => {
      if (error === undefined || error === null) resolve();
      else reject(new Error(`The session library could not ${name}.`, { cause: error }));
    });
  });
}
