import type { Request, RequestHandler } from "express";
import { auth } from "express-openid-connect";
import { expect, test, vi } from "vitest";
import { SECRET, describeLibraries, route, startSite, storeOf } from "./library.ts";
import type { Setup, Site, StoreSurface } from "./library.ts";

/** Where express-openid-connect keeps its session: an object that can be filled, or set to undefined. */
interface WithAppSession {
  appSession: Record<string, unknown> | undefined;
}

const HOUR_S = 3_600;

/** The real middleware; nobody logs in, so nothing is fetched from the issuer. */
function openid(store: unknown): RequestHandler {
  return auth({
    authRequired: false,
    issuerBaseURL: "https://issuer.example.test",
    baseURL: "http://127.0.0.1:1",
    clientID: "a client",
    secret: SECRET,
    session: { store: store as never, cookie: { secure: false, sameSite: "Lax" }, rollingDuration: HOUR_S, absoluteDuration: 2 * HOUR_S },
  });
}

function addRoutes(app: { get: (path: string, handler: RequestHandler) => unknown }): void {
  const of = (request: Request): WithAppSession => request as unknown as WithAppSession;
  app.get(
    "/enter",
    route(({ request }) => {
      Object.assign(of(request).appSession ?? {}, {
        id_token: "a.b.c",
        token_type: "Bearer",
        expires_at: 2_000_000_000,
        nested: { a: [1] },
      });
      return "in";
    }),
  );
  app.get(
    "/who",
    route(({ request }) => of(request).appSession),
  );
  app.get(
    "/more",
    route(({ request }) => Object.assign(of(request).appSession ?? {}, { more: true })),
  );
  app.get(
    "/leave",
    route(({ request }) => {
      of(request).appSession = undefined;
      return "out";
    }),
  );
}

const TOKENS = { id_token: "a.b.c", token_type: "Bearer", expires_at: 2_000_000_000, nested: { a: [1] } };

describeLibraries("express-openid-connect", (setup: Setup) => {
  const { library } = setup;

  /** With a MemoryStore of the library, as its documentation has it. */
  const withStore = (): Promise<Site> =>
    startSite(setup, (app) => {
      app.use(openid(new library.module.MemoryStore()));
      addRoutes(app);
    });

  /** With the store that stands behind req.session. */
  const withSessionStore = (): Promise<Site> =>
    startSite(setup, (app) => {
      app.use(library.session());
      let handler: RequestHandler | undefined;
      app.use((request, response, next) => {
        // Without a store it would keep everything in its cookie, and these tests would prove nothing.
        const store = storeOf(request) as StoreSurface | undefined;
        if (store === undefined) throw new Error("req.sessionStore is not there");
        handler ??= openid(store);
        handler(request, response, next);
      });
      addRoutes(app);
    });

  for (const [title, start] of [
    ["a MemoryStore", withStore],
    ["req.sessionStore", withSessionStore],
  ] as const) {
    test(`${title}: set, get and destroy`, async () => {
      const { browser, errors } = await start();
      await browser.send("/enter");
      expect(browser.cookieNames).toEqual(["appSession"]);
      expect(await browser.json("/who")).toEqual(TOKENS);
      expect(await browser.json("/more")).toEqual({ ...TOKENS, more: true });
      expect(await browser.json("/who")).toEqual({ ...TOKENS, more: true });
      const old = browser.fork();
      expect(await browser.json("/leave")).toBe("out");
      expect(await old.json("/who")).toEqual({});
      expect(errors).toEqual([]);
    });

    test(`${title}: an id that nobody stored is an empty session`, async () => {
      const { browser, errors } = await start();
      browser.setCookie("appSession", "0123456789abcdef0123456789abcdef");
      expect(await browser.json("/who")).toEqual({});
      expect(errors).toEqual([]);
    });

    test(`${title}: the session ends when it was not used for as long as it says`, async () => {
      vi.useFakeTimers({ toFake: ["Date", "performance"] });
      try {
        const { browser } = await start();
        await browser.send("/enter");
        const id = browser.cookie("appSession") ?? "";
        vi.advanceTimersByTime(0.4 * HOUR_S * 1000);
        browser.setCookie("appSession", id);
        expect(await browser.json("/who")).toEqual(TOKENS);
        vi.advanceTimersByTime(1.1 * HOUR_S * 1000);
        browser.setCookie("appSession", id);
        expect(await browser.json("/who")).toEqual({});
      } finally {
        vi.useRealTimers();
      }
    });
  }

  test("what it stores has the shape that it reads back", async () => {
    const store: StoreSurface = new library.module.MemoryStore();
    const set = vi.spyOn(store, "set");
    // express-openid-connect looks at the source of a method, and a spy hides that: it gives the calls through.
    const { browser } = await startSite(setup, (app) => {
      app.use(
        openid({
          get: store.get.bind(store),
          set: (...call: Parameters<typeof store.set>) => store.set(...call),
          destroy: store.destroy.bind(store),
        }),
      );
      addRoutes(app);
    });
    await browser.send("/enter");
    expect(set).toHaveBeenCalledTimes(1);
    const [id, stored] = set.mock.calls[0] ?? [];
    expect(id).toBe(browser.cookie("appSession"));
    expect(stored).toMatchObject({
      header: { iat: expect.any(Number) as number, uat: expect.any(Number) as number, exp: expect.any(Number) as number },
      data: TOKENS,
      cookie: { expires: expect.any(Number) as number, maxAge: expect.any(Number) as number },
    });
    expect(await browser.json("/who")).toEqual(TOKENS);
  });
});
