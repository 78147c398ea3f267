import type Koa from "koa";
import { expect, test, vi } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { attributesOf, describeLibraries, sessionOf, sessions, startApp, startSite } from "./library.ts";
import type { PeerOptions, Route, Setup, Site } from "./library.ts";

const HOUR_MS = 3_600_000;

const routes: Readonly<Record<string, Route>> = {
  "/write": (context) => {
    sessionOf(context)["name"] = context.query["name"] ?? "Ada";
    return {};
  },
  "/read": (context) => ({ isNew: sessionOf(context).isNew, ...sessionOf(context).toJSON() }),
  "/ignore": () => ({}),
  "/null": (context) => {
    (context as unknown as { session: unknown }).session = null;
    return {};
  },
};

interface Told {
  readonly event: string;
  readonly key: unknown;
  readonly value: unknown;
  readonly path: string;
}

async function startTelling(setup: Setup, options: PeerOptions = {}): Promise<Site & { readonly told: Told[] }> {
  const site = await startSite(setup, routes, options);
  const told: Told[] = [];
  for (const event of ["missed", "invalid", "expired"]) {
    site.app.on(`session:${event}`, ({ key, value, ctx }: { key: unknown; value: unknown; ctx: Koa.Context }) => {
      told.push({ event, key: typeof key, value, path: ctx.path });
    });
  }
  return { ...site, told };
}

describeLibraries("hooks and events", (setup) => {
  test("[A52] session:missed tells of an id that leads nowhere, and not of visitors without one", async () => {
    const { visitor, told } = await startTelling(setup);
    await visitor.send("/read");
    await visitor.send("/write");
    const thief = visitor.fork();
    await visitor.send("/null");
    expect(told).toEqual([]);
    await thief.send("/read");
    await eventually(() => expect(told).toEqual([{ event: "missed", key: "string", value: undefined, path: "/read" }]));
  });

  test("[A52] session:expired tells of a session that was idle too long", async () => {
    // Each request is a use of the session: whoever looked again and again until it is over would keep it alive.
    vi.useFakeTimers({ toFake: ["Date", "performance"] });
    try {
      const { visitor, told } = await startTelling(setup, { maxAge: HOUR_MS });
      await visitor.send("/write");
      vi.advanceTimersByTime(HOUR_MS * 0.9);
      expect(await visitor.json("/read")).toEqual({ isNew: false, name: "Ada" });
      expect(told).toEqual([]);
      vi.advanceTimersByTime(HOUR_MS * 1.1);
      expect(await visitor.json("/read")).toEqual({ isNew: true });
      expect(told).toMatchObject([{ event: "expired", key: "string", path: "/read" }]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("[A52] valid: a session that is refused is not taken, told, and replaced when there is something to keep", async () => {
    const asked: unknown[] = [];
    const valid = ({ query }: Koa.Context, { name, ...rest }: Record<string, unknown>): boolean => {
      asked.push(Object.keys(rest).filter((each) => !each.startsWith("_")));
      return query["as"] === undefined || query["as"] === name;
    };
    const { visitor, told } = await startTelling(setup, { valid, maxAge: 60_000 });
    await visitor.send("/write?name=Ada");
    expect(asked).toEqual([]);
    const before = visitor.fork();
    expect(await visitor.json("/read?as=Ada")).toEqual({ isNew: false, name: "Ada" });
    expect(await visitor.json("/read?as=Eve")).toEqual({ isNew: true });
    expect(asked).toEqual([[], []]);
    await eventually(() => expect(told.map(({ event, path }) => [event, path])).toEqual([["invalid", "/read"]]));
    expect(told[0]?.value).toMatchObject({ name: "Ada" });
    expect(await visitor.json("/read?as=Ada")).toEqual({ isNew: false, name: "Ada" });
    await visitor.send("/write?as=Eve&name=Eve");
    expect(await visitor.json("/read")).toEqual({ isNew: false, name: "Eve" });
    expect(await before.json("/read?as=Ada")).toEqual({ isNew: false, name: "Ada" });
  });

  test("[A52] beforeSave is called before something is written, and what it writes goes with it", async () => {
    const saved: unknown[] = [];
    const beforeSave = (context: Koa.Context, session: Record<string, unknown>): void => {
      saved.push(context.path);
      session["seenAt"] = context.path;
    };
    const { visitor } = await startSite(setup, routes, { beforeSave });
    await visitor.send("/read");
    await visitor.send("/write");
    expect(await visitor.json("/read")).toEqual({ isNew: false, name: "Ada", seenAt: "/write" });
    await visitor.send("/ignore");
    expect(saved).toEqual(["/write"]);
  });

  test("[A52] with rolling, beforeSave is called once for each response of a session", async () => {
    const saved: string[] = [];
    const beforeSave = (context: Koa.Context): void => void saved.push(context.path);
    const { visitor } = await startSite(setup, routes, { beforeSave, rolling: true, key: "sid", maxAge: 60_000 });
    await visitor.send("/write");
    expect(attributesOf(await visitor.send("/read"), "sid")).toBeDefined();
    expect(saved).toEqual(["/write", "/read"]);
  });

  test("[A52] hooks that throw are the application's errors, and save nothing", async () => {
    const broken = (): never => {
      throw new Error("broken hook");
    };
    const saving = await startSite(setup, routes, { beforeSave: broken });
    expect((await saving.visitor.send("/write")).status).toBe(500);
    expect(saving.visitor.jar.size).toBe(0);
    const { visitor } = await startSite(setup, routes, { valid: broken });
    await visitor.send("/write");
    expect((await visitor.send("/read")).status).toBe(500);
  });

  test("[A52] what a middleware further out sees and writes", async () => {
    const seen: unknown[] = [];
    const { visitor } = await startApp(setup, (app) => {
      app.use(async (context, next) => {
        await next();
        seen.push(sessionOf(context)["name"]);
      });
      app.use(sessions(setup, {}, app));
      app.use((context) => {
        sessionOf(context)["name"] = "Ada";
        context.body = "ok";
      });
    });
    await visitor.send("/");
    expect(seen).toEqual(["Ada"]);
  });
});
