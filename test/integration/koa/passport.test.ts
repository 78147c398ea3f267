import { createRequire } from "node:module";
import type Koa from "koa";
import { Strategy as LocalStrategy } from "passport-local";
import type { PassportStatic } from "passport";
import { expect, test } from "vitest";
import { describeLibraries, sessionOf, sessions, startApp } from "./library.ts";
import type { Setup, Site } from "./library.ts";

/** What koa-passport adds to passport: middleware of Koa's kind, and promises on the context. */
interface KoaPassport extends Omit<PassportStatic, "initialize" | "session" | "authenticate"> {
  initialize(): Koa.Middleware;
  session(): Koa.Middleware;
  authenticate(strategy: string, options?: object): Koa.Middleware;
}

interface Person {
  readonly id: string;
}

type PassportContext = Koa.Context & {
  login(user: Person, options?: object): Promise<void>;
  logout(options?: object): Promise<void>;
  isAuthenticated(): boolean;
};

const { KoaPassport } = createRequire(import.meta.url)("koa-passport") as { KoaPassport: new () => KoaPassport };

function startLogin(setup: Setup): Promise<Site> {
  const passport = new KoaPassport();
  passport.use(new LocalStrategy((username, password, done) => done(null, password === "right" ? { id: username } : false)));
  passport.serializeUser((user, done) => done(null, (user as Person).id));
  passport.deserializeUser((id: string, done) => done(null, { id }));
  return startApp(setup, (app) => {
    app.use(sessions(setup, {}, app));
    // passport-local reads the form from where a body parser puts it.
    app.use(async (context, next) => {
      (context.request as unknown as { body: unknown }).body = { ...context.query };
      await next();
    });
    app.use(passport.initialize());
    app.use(passport.session());
    const authenticate = passport.authenticate("local", { failureRedirect: "/failed" });
    app.use(async (plain, next) => {
      const context = plain as unknown as PassportContext;
      switch (context.path) {
        case "/cart":
          sessionOf(context)["cart"] = ["book"];
          context.body = {};
          return;
        case "/login":
          await authenticate(plain, next);
          if (context.isAuthenticated()) context.redirect("/me");
          return;
        case "/login-keeping":
          await context.login({ id: "ann" }, { keepSessionInfo: true });
          context.body = {};
          return;
        case "/logout":
          await context.logout();
          context.body = {};
          return;
        default:
          context.body = {
            user: (context.state as { user?: Person }).user ?? null,
            isIn: context.isAuthenticated(),
            all: sessionOf(context).toJSON(),
          };
      }
    });
  });
}

describeLibraries("koa-passport", (setup) => {
  test("[A40] logs in and out; the page after a login knows who it is", async () => {
    const { visitor } = await startLogin(setup);
    expect((await visitor.send("/login?username=ann&password=wrong")).headers.get("location")).toBe("/failed");
    expect((await visitor.send("/login?username=ann&password=right")).headers.get("location")).toBe("/me");
    expect(await visitor.json("/me")).toMatchObject({ user: { id: "ann" }, isIn: true });
    await visitor.send("/logout");
    expect(await visitor.json("/me")).toMatchObject({ user: null, isIn: false });
  });

  test("[A40] a login and a logout change the id: the one before is worth nothing (fixation)", async () => {
    const { visitor } = await startLogin(setup);
    await visitor.send("/cart");
    const fixed = visitor.fork();
    await visitor.send("/login?username=ann&password=right");
    expect([...visitor.jar]).not.toEqual([...fixed.jar]);
    expect(await fixed.json("/me")).toMatchObject({ user: null, isIn: false, all: {} });
    const stolen = visitor.fork();
    await visitor.send("/logout");
    expect(await stolen.json("/me")).toMatchObject({ user: null, isIn: false });
    expect(await visitor.json("/me")).toMatchObject({ isIn: false, all: { cart: ["book"] } });
  });

  test("[A40] what the visitor had before the login is there after it", async () => {
    for (const path of ["/login?username=ann&password=right", "/login-keeping"]) {
      const { visitor } = await startLogin(setup);
      await visitor.send("/cart");
      await visitor.send(path);
      expect(await visitor.json("/me")).toMatchObject({ user: { id: "ann" }, all: { cart: ["book"], passport: { user: "ann" } } });
    }
  });
});
