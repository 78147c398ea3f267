import express from "express";
import type { Express, Request, RequestHandler } from "express";
import expressSession from "express-session";
import { expect, onTestFinished, test } from "vitest";
import * as converge from "../../../src/adapters/express/index.ts";
import { describeLibraries, startSite } from "./library.ts";
import type { PeerOptions, SessionModule, Setup } from "./library.ts";

/** What `import * as` gives: ours is an ES module, express-session is CommonJS with everything on its default. */
interface Namespace {
  readonly default?: SessionModule;
  readonly session?: SessionModule;
}

const CLASSES = ["Store", "MemoryStore", "Cookie", "Session"] as const;

/** The examples of express-session's README, as they stand there but for types. */
interface ReadmeSession {
  views?: Record<string, number>;
  user?: string | null;
  save(callback: (error?: unknown) => void): void;
  regenerate(callback: (error?: unknown) => void): void;
}

function viewCounter(app: Express, session: SessionModule): void {
  app.use(session({ secret: "keyboard cat", resave: false, saveUninitialized: true }));
  app.use((req: Request, _res, next) => {
    const own = req.session as unknown as ReadmeSession;
    own.views ??= {};
    own.views[req.path] = (own.views[req.path] ?? 0) + 1;
    next();
  });
  app.get("/foo", (req, res) => void res.send(`you viewed this page ${(req.session as unknown as ReadmeSession).views?.["/foo"]} times`));
  app.get("/bar", (req, res) => void res.send(`you viewed this page ${(req.session as unknown as ReadmeSession).views?.["/bar"]} times`));
}

function userLogin(app: Express, session: SessionModule): void {
  const of = (req: Request): ReadmeSession => req.session;
  app.use(session({ secret: "keyboard cat", resave: false, saveUninitialized: true }));
  const isAuthenticated: RequestHandler = (req, _res, next) => {
    if (typeof of(req).user === "string") next();
    else next("route");
  };
  app.get("/", isAuthenticated, (req, res) => void res.send(`hello, ${of(req).user}!`));
  app.get("/", (_req, res) => void res.send("who are you?"));
  app.post("/login", express.urlencoded({ extended: false }), (req, res, next) => {
    of(req).regenerate((regenerateError) => {
      if (regenerateError) next(regenerateError);
      of(req).user = (req.body as { user: string }).user;
      of(req).save((saveError) => {
        if (saveError) return next(saveError);
        res.redirect("/");
      });
    });
  });
  app.get("/logout", (req, res, next) => {
    of(req).user = null;
    of(req).save((saveError) => {
      if (saveError) next(saveError);
      of(req).regenerate((regenerateError) => {
        if (regenerateError) next(regenerateError);
        res.redirect("/");
      });
    });
  });
}

describeLibraries("drop-in", (setup: Setup) => {
  const { library } = setup;
  const namespace = library.pick<Namespace>({
    peer: { default: expressSession as unknown as SessionModule },
    ours: converge as unknown as Namespace,
  });

  /** The default import as it is: only the engine that ours makes is closed behind it. */
  const drop = Object.assign((options?: PeerOptions): RequestHandler => {
    const middleware = namespace.default?.(options);
    if (middleware === undefined) throw new TypeError("there is no default export");
    const { engine } = middleware as { engine?: { close(): Promise<void> } };
    onTestFinished(() => engine?.close());
    return middleware;
  }, {}) as SessionModule;

  test("import session from …: a function with Store, MemoryStore, Cookie and Session on it", () => {
    const session = namespace.default;
    expect(typeof session).toBe("function");
    for (const name of CLASSES) expect(typeof session?.[name]).toBe("function");
    expect(Object.getPrototypeOf(session?.MemoryStore)).not.toBe(undefined);
  });

  test("ours: import { session, Store, … } gives the same ones", () => {
    const named = library.pick<Record<string, unknown>>({ peer: { ...library.module, session: library.module }, ours: { ...converge } });
    expect(named["session"]).toBe(namespace.default);
    for (const name of CLASSES) {
      expect(typeof named[name]).toBe("function");
      expect(named[name]).toBe(namespace.default?.[name]);
    }
  });

  test("the view counter of express-session's README", async () => {
    const { browser } = await startSite(setup, (app) => {
      viewCounter(app, drop);
    });
    expect((await browser.send("/foo")).body).toBe("you viewed this page 1 times");
    expect((await browser.send("/foo")).body).toBe("you viewed this page 2 times");
    expect((await browser.send("/bar")).body).toBe("you viewed this page 1 times");
  });

  test("the user login of express-session's README", async () => {
    const { browser } = await startSite(setup, (app) => {
      userLogin(app, drop);
    });
    expect((await browser.send("/")).body).toBe("who are you?");
    const stranger = browser.fork();
    expect((await browser.send("/login", { body: "user=ada" })).headers.location).toBe("/");
    expect((await browser.send("/")).body).toBe("hello, ada!");
    expect((await stranger.send("/")).body).toBe("who are you?");
    const old = browser.fork();
    expect((await browser.send("/logout")).headers.location).toBe("/");
    expect((await browser.send("/")).body).toBe("who are you?");
    expect((await old.send("/")).body).toBe("who are you?");
  });

  test("without a secret: there at each request, here at start", async () => {
    if (library.pick({ peer: false, ours: true })) {
      expect(() => library.session({ secret: undefined as never })).toThrow(/secret/);
      return;
    }
    const { browser } = await startSite(setup, (app) => {
      app.use(library.session({ secret: undefined as never }));
    });
    const reply = await browser.send("/");
    expect([reply.status, reply.json()]).toEqual([500, { error: "secret option required for sessions" }]);
  });
});
