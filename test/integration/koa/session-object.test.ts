import type Koa from "koa";
import { expect, test } from "vitest";
import { describeLibraries, sessionOf, startSite } from "./library.ts";
import type { Route } from "./library.ts";

type Holder = { session: unknown };

const set = (context: Koa.Context, value: unknown): void => {
  (context as unknown as Holder).session = value;
};

describeLibraries("ctx.session", (setup) => {
  const routes: Readonly<Record<string, Route>> = {
    "/look": (context) => {
      const { isNew, length, populated } = sessionOf(context);
      return { isNew, length, populated, all: sessionOf(context).toJSON() };
    },
    "/write": (context) => {
      sessionOf(context)["cart"] = ["book"];
      sessionOf(context)["name"] = "Ada";
      return { json: JSON.stringify(sessionOf(context)), keys: Object.keys(sessionOf(context).toJSON()) };
    },
    "/private": (context) => {
      Object.assign(sessionOf(context), { _token: 1, name: "Ada" });
      return {};
    },
    "/body": (context) => {
      context.body = (context as unknown as Holder).session as object;
    },
    "/null": (context) => {
      set(context, null);
      return { now: (context as unknown as Holder).session };
    },
    "/object": (context) => {
      set(context, { only: 1 });
      return { isNew: sessionOf(context).isNew, all: sessionOf(context).toJSON() };
    },
    "/empty": (context) => {
      set(context, {});
      return {};
    },
    "/max-age-object": (context) => {
      set(context, { maxAge: 5000 });
      return { maxAge: sessionOf(context).maxAge };
    },
    "/text": (context) => set(context, "text"),
    "/undefined": (context) => set(context, undefined),
    "/same": (context) => {
      set(context, sessionOf(context));
      return sessionOf(context).toJSON();
    },
    "/spread": (context) => {
      set(context, { ...sessionOf(context).toJSON(), more: true });
      return sessionOf(context).toJSON();
    },
    "/save": async (context) => {
      const result = sessionOf(context).save();
      await result;
      return { isPromise: result instanceof Promise, isNew: sessionOf(context).isNew };
    },
    "/save-callback": (context) =>
      new Promise((resolve) => {
        sessionOf(context).save((error) => resolve({ error: error ?? null }));
      }),
    "/regenerate": async (context) => {
      const session = sessionOf(context);
      const key = session.externalKey;
      await session.regenerate();
      session["after"] = true;
      return { isNewKey: session.externalKey !== key, all: sessionOf(context).toJSON(), isSame: sessionOf(context) === session };
    },
    "/regenerate-callback": (context) =>
      new Promise((resolve) => {
        sessionOf(context).regenerate((error) => resolve({ error: error ?? null }));
      }),
    "/mutate": (context) => {
      (sessionOf(context)["cart"] as string[]).push("pen");
      delete sessionOf(context)["name"];
      return {};
    },
    "/week": (context) => {
      sessionOf(context).maxAge = 7 * 86_400_000;
      return { maxAge: sessionOf(context).maxAge };
    },
    "/options": (context) => {
      const { maxAge, rolling, autoCommit, overwrite, httpOnly, signed } = (
        context as unknown as { sessionOptions: Record<string, unknown> }
      ).sessionOptions;
      return { maxAge, rolling, autoCommit, overwrite, httpOnly, signed };
    },
  };

  test("[A36] isNew, length, populated and toJSON tell of the attributes", async () => {
    const { visitor } = await startSite(setup, routes);
    expect(await visitor.json("/look")).toEqual({ isNew: true, length: 0, populated: false, all: {} });
    expect(visitor.jar.size).toBe(0);
    expect(await visitor.json("/write")).toEqual({ json: '{"cart":["book"],"name":"Ada"}', keys: ["cart", "name"] });
    expect(await visitor.json("/look")).toEqual({ isNew: false, length: 2, populated: true, all: { cart: ["book"], name: "Ada" } });
    expect(await visitor.json("/body")).toEqual({ cart: ["book"], name: "Ada" });
    await visitor.send("/mutate");
    expect(await visitor.json("/body")).toEqual({ cart: ["book", "pen"] });
  });

  test("[A36] names that begin with _ are kept", async () => {
    const { visitor } = await startSite(setup, routes);
    await visitor.send("/private");
    const kept = { _token: 1, name: "Ada" };
    expect(await visitor.json("/body")).toEqual(setup.pick<object>({ peer: { name: "Ada" }, ours: kept }));
  });

  test("[A17] null ends the session and clears the cookie; the old one opens nothing", async () => {
    const { visitor } = await startSite(setup, routes);
    await visitor.send("/write");
    const thief = visitor.fork();
    expect(await visitor.json("/null")).toEqual({ now: null });
    expect(visitor.jar.size).toBe(0);
    for (const each of [visitor, thief]) expect(await each.json("/look")).toMatchObject({ isNew: true, length: 0 });
  });

  test("[A17] an object replaces the attributes, an empty one alone makes no session, anything else is an error", async () => {
    const { visitor } = await startSite(setup, routes);
    await visitor.send("/empty");
    expect(visitor.jar.size).toBe(0);
    expect(await visitor.json("/object")).toEqual({ isNew: false, all: { only: 1 } });
    await visitor.send("/write");
    expect(await visitor.json("/object")).toEqual({ isNew: false, all: { only: 1 } });
    expect(await visitor.json("/body")).toEqual({ only: 1 });
    expect(await visitor.json("/spread")).toEqual({ only: 1, more: true });
    expect((await visitor.send("/text")).status).toBe(500);
    expect((await visitor.send("/undefined")).status).toBe(500);
    expect(await visitor.json("/body")).toEqual({ only: 1, more: true });
    await visitor.send("/empty");
    expect(await visitor.json("/body")).toEqual({});
  });

  test.runIf(setup.library === "converge-session")("[A17] the session itself may be assigned", async () => {
    const { visitor } = await startSite(setup, routes);
    await visitor.send("/write");
    expect(await visitor.json("/same")).toEqual({ cart: ["book"], name: "Ada" });
    expect(await visitor.json("/body")).toEqual({ cart: ["book"], name: "Ada" });
  });

  test("[A36] save begins a session even if it is empty, by promise and by callback", async () => {
    const { visitor } = await startSite(setup, routes);
    expect(await visitor.json("/save")).toEqual({ isPromise: true, isNew: true });
    expect(visitor.jar.size).toBeGreaterThan(0);
    expect(await visitor.json("/look")).toMatchObject({ isNew: false, length: 0 });
    const other = (await startSite(setup, routes)).visitor;
    expect(await other.json("/save-callback")).toEqual({ error: null });
    expect(other.jar.size).toBeGreaterThan(0);
  });

  test("[A36] regenerate gives a new id, keeps everything, and the same object goes on", async () => {
    const { visitor } = await startSite(setup, routes);
    await visitor.send("/write");
    const thief = visitor.fork();
    expect(await visitor.json("/regenerate")).toEqual({
      isNewKey: setup.pick({ peer: false, ours: true }),
      all: { cart: ["book"], name: "Ada", after: true },
      isSame: true,
    });
    expect(await visitor.json("/body")).toEqual({ cart: ["book"], name: "Ada", after: true });
    expect(await thief.json("/look")).toMatchObject({ isNew: true, length: 0 });
    expect(await visitor.json("/regenerate-callback")).toEqual({ error: null });
    expect(await visitor.json("/body")).toEqual({ cart: ["book"], name: "Ada", after: true });
  });

  test("[A36] maxAge is what the option says, can be set, stays with the session, and is saved even if nothing else is", async () => {
    const { visitor } = await startSite(setup, routes, { key: "sid", maxAge: 60_000 });
    expect(await visitor.json("/options")).toEqual({
      maxAge: 60_000,
      rolling: false,
      autoCommit: true,
      overwrite: true,
      httpOnly: true,
      signed: true,
    });
    const response = await visitor.send("/week");
    expect(await response.json()).toEqual({ maxAge: 7 * 86_400_000 });
    expect(response.headers.getSetCookie().join()).toMatch(/expires=|Max-Age=604(799|800)/);
    expect(visitor.jar.has("sid")).toBe(true);
    expect(await visitor.json("/options")).toMatchObject({ maxAge: 7 * 86_400_000 });
    const other = (await startSite(setup, routes)).visitor;
    expect(await other.json("/max-age-object")).toEqual({ maxAge: 5000 });
    expect(other.jar.size).toBeGreaterThan(0);
  });
});
