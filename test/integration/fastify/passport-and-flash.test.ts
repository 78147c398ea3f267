import flash from "@fastify/flash";
import { Authenticator, Strategy } from "@fastify/passport";
import type { FastifyRequest } from "fastify";
import type { FastifyInstance } from "fastify";
import { expect, test } from "vitest";
import { Gate } from "../adapters/frameworks.ts";
import { addRoutes, COOKIE, describeLibraries, sessionOf, startSite } from "./library.ts";
import type { Library, Site } from "./library.ts";

interface Person {
  readonly id: string;
}

/** Takes name and password from the query. */
class QueryStrategy extends Strategy {
  override authenticate(request: FastifyRequest): void {
    const { user, password } = request.query as Record<string, string>;
    if (password === "lovelace") this.success({ id: user });
    else this.fail({ message: "wrong" }, 401);
  }
}

/** The login of @fastify/passport's own guide, over any session library. */
async function login(app: FastifyInstance, library: Library, gate: Gate): Promise<void> {
  const passport = new Authenticator();
  passport.use("query", new QueryStrategy("query"));
  passport.registerUserSerializer(async (user: Person) => user.id);
  passport.registerUserDeserializer(async (id: string) => ({ id }));
  await library.register(app);
  await app.register(passport.initialize());
  await app.register(passport.secureSession());
  const authenticate = { preValidation: passport.authenticate("query", { failureRedirect: "/me?failed", failureFlash: "wrong" }) };
  app.get("/login", authenticate, (_request, reply) => reply.redirect("/me"));
  const keeping = { preValidation: passport.authenticate("query", { authInfo: false, keepSessionInfo: true } as object) };
  app.get("/login-keeping", keeping, (_request, reply) => reply.redirect("/me"));
  app.get("/logout", async (request, reply) => {
    await request.logOut();
    return reply.redirect("/me");
  });
  app.get("/me", (request) => ({
    user: (request.user as Person | null)?.id ?? null,
    isAuthenticated: request.isAuthenticated(),
    id: sessionOf(request).sessionId,
  }));
  addRoutes(app, {
    "/cart": ({ session }) => {
      session["cart"] = [...((session["cart"] as string[] | undefined) ?? []), "book"];
      return session["cart"];
    },
    "/see-cart": ({ session }) => session["cart"] ?? [],
    "/slow": async ({ session }) => {
      await gate.wait();
      session["note"] = "late";
      return {};
    },
    "/messages": ({ reply }) => (reply as unknown as { flash(type: string): unknown[] }).flash("error"),
  });
}

function start(library: Library, gate = new Gate()): Promise<Site> {
  return startSite((app) => login(app, library, gate));
}

describeLibraries("@fastify/passport", (library) => {
  const RIGHT = "/login?user=ada&password=lovelace";

  test("[A39] login, logout, and the old cookie afterwards", async () => {
    const { browser } = await start(library);
    expect(await browser.json("/me")).toMatchObject({ user: null, isAuthenticated: false });
    expect((await browser.send(RIGHT)).headers.location).toBe("/me");
    expect(await browser.json("/me")).toMatchObject({ user: "ada", isAuthenticated: true });
    const loggedIn = browser.fork();
    await browser.send("/logout");
    expect(await browser.json("/me")).toMatchObject({ user: null, isAuthenticated: false });
    expect(await loggedIn.json("/me")).toMatchObject({ user: null, isAuthenticated: false });
  });

  test("[A39] fixation: the id from before the login is nobody's afterwards", async () => {
    const { browser } = await start(library);
    await browser.send("/cart");
    const planted = browser.fork();
    const before = browser.cookie(COOKIE);
    await browser.send(RIGHT);
    expect(browser.cookie(COOKIE)).not.toBe(before);
    expect(await planted.json("/me")).toMatchObject({ user: null });
    expect(await browser.json("/me")).toMatchObject({ user: "ada" });
  });

  test("[A39] a login keeps nothing of the visitor's session, or all of it with keepSessionInfo", async () => {
    const { browser } = await start(library);
    await browser.send("/cart");
    await browser.send(RIGHT);
    expect(await browser.json("/see-cart")).toEqual([]);
    await browser.send("/cart");
    const before = browser.cookie(COOKIE);
    await browser.send("/login-keeping?user=grace&password=lovelace");
    expect(browser.cookie(COOKIE)).not.toBe(before);
    expect(await browser.json("/see-cart")).toEqual(["book"]);
    expect(await browser.json("/me")).toMatchObject({ user: "grace" });
  });

  test("[A39] a wrong password: still nobody, and the message crosses the redirect once", async () => {
    const { browser } = await start(library);
    expect((await browser.send("/login?user=ada&password=byron")).headers.location).toBe("/me?failed");
    expect(await browser.json("/me")).toMatchObject({ user: null });
    expect(await browser.json("/messages")).toEqual(["wrong"]);
    expect(await browser.json("/messages")).toEqual([]);
  });

  test("[A39] a slow request of before the logout does not bring the login back", async () => {
    const gate = new Gate();
    const { browser } = await start(library, gate);
    await browser.send(RIGHT);
    const old = browser.fork();
    const slow = old.send("/slow", { keep: false });
    await gate.reached;
    await browser.send("/logout");
    gate.open();
    await slow;
    expect(await old.json("/me")).toMatchObject({ user: library.pick<string | null>({ peer: "ada", ours: null }) });
  });
});

interface Flashing {
  flash(type: string, ...message: readonly unknown[]): unknown;
}

describeLibraries("@fastify/flash", (library) => {
  const site = (): Promise<Site> =>
    startSite(async (app) => {
      await library.register(app);
      await app.register(flash);
      const of = (value: unknown): Flashing => value as Flashing;
      addRoutes(app, {
        "/save": ({ request, reply }) => {
          of(request).flash("info", "saved %s", "it");
          void reply.redirect("/show");
        },
        "/many": ({ request }) => ({ count: of(request).flash("error", ["one", "two"]) }),
        "/show": ({ reply }) => of(reply).flash("info"),
        "/all": ({ reply }) => (reply as unknown as { flash(): unknown }).flash(),
      });
    });

  test("[A39] set, redirect, read once", async () => {
    const { browser } = await site();
    const reply = await browser.send("/save");
    expect([reply.status, reply.headers.location]).toEqual([302, "/show"]);
    expect(await browser.json("/show")).toEqual(["saved it"]);
    expect(await browser.json("/show")).toEqual([]);
  });

  test("[A39] following the redirect on its headers finds the message, ten of ten", async () => {
    const { browser } = await site();
    for (let round = 0; round < 10; round++) {
      const visitor = browser.fork();
      let next: Promise<unknown> | undefined;
      await visitor.send("/save", { onHeaders: () => (next = visitor.json("/show")) });
      expect(await next).toEqual(["saved it"]);
    }
  });

  test("[A39] several of one kind, and all at once", async () => {
    const { browser } = await site();
    expect(await browser.json("/many")).toEqual({ count: 2 });
    await browser.send("/save");
    expect(await browser.json("/all")).toEqual({ error: ["one", "two"], info: ["saved it"] });
    expect(await browser.json("/all")).toEqual({});
  });
});
