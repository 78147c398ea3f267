/** The part of a session that express-session and this package have in common, so that both run the same code. */
export interface RaceSession {
  [name: string]: unknown;
  destroy(callback: (error?: unknown) => void): unknown;
}

/** What a route answers: a JSON body, or where to go. */
export type RaceAnswer = { readonly body: unknown } | { readonly redirect: string };

/** A running race app. */
export interface RaceApp {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** No request waits longer for its door. */
const DOOR_MS = 10_000;

/**
 * Routes in which requests overlap by order instead of by luck: a request with `?door=name` reads its session, then waits until
 * somebody asks for `/open?door=name`. `/waiting` tells how many stand before it.
 */
export class RaceRoutes {
  readonly #doors = new Map<string, (() => void)[]>();

  /** `session` is what the framework has for this request; undefined or null where it is gone. */
  async answer(path: string, query: URLSearchParams, session: () => RaceSession | null | undefined): Promise<RaceAnswer> {
    const door = query.get("door");
    if (path === "/waiting") return { body: { waiting: this.#doors.get(door ?? "")?.length ?? 0 } };
    if (path === "/open") return { body: { opened: this.#open(door ?? "") } };
    const data = session();
    if (data === undefined || data === null) return { body: { session: null } };
    if (path === "/read-slow") {
      const seen = data["user"];
      if (door !== null) await this.#wait(door);
      return { body: { seen: seen ?? null } };
    }
    // What a request changes it has read before it waits: this is the session that an ordinary handler would hold meanwhile.
    const items = (data["items"] ?? []) as unknown[];
    const visits = Number(data["visits"] ?? 0);
    if (door !== null) await this.#wait(door);
    return this.#write(path, query, data, items, visits);
  }

  async #write(path: string, query: URLSearchParams, data: RaceSession, items: unknown[], visits: number): Promise<RaceAnswer> {
    switch (path) {
      case "/login":
        data["user"] = query.get("user") ?? "Ada";
        return { body: { ok: true } };
      case "/set":
        data[query.get("k") ?? "k"] = query.get("v") ?? "1";
        return { body: { ok: true } };
      case "/push":
        items.push(query.get("v"));
        data["items"] = items;
        return { body: { ok: true } };
      case "/count":
        data["visits"] = visits + 1;
        return { body: { ok: true } };
      case "/slow-write":
        data["late"] = true;
        return { body: { ok: true } };
      case "/redirect":
        data["last"] = query.get("v");
        return { redirect: "/session" };
      case "/logout":
        await new Promise<void>((resolve, reject) =>
          data.destroy((error) =>
            error === undefined || error === null ? resolve() : reject(new Error("The logout failed.", { cause: error })),
          ),
        );
        return { body: { ok: true } };
      case "/session": {
        const { cookie: _cookie, ...attributes } = data;
        return { body: attributes };
      }
      default:
        return { body: { unknown: path } };
    }
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
