import { expect, test } from "vitest";
import { describeLibraries, startHandlers } from "./library.ts";
import type { Setup } from "./library.ts";

describeLibraries("req.session.cookie", (setup: Setup) => {
  const { library } = setup;
  const HOUR_MS = 3_600_000;

  test("without maxAge", async () => {
    const { browser } = await startHandlers(setup, {
      "/": ({ session: { cookie } }) => [cookie.maxAge, cookie.expires ?? null, cookie.originalMaxAge, cookie.path, cookie.httpOnly],
    });
    expect(await browser.json("/")).toEqual([null, null, null, "/", true]);
  });

  test("with maxAge: what is left, when it ends, and what it was", async () => {
    const { browser } = await startHandlers(
      setup,
      {
        "/": ({ session }) => {
          session["a"] = 1;
          const { maxAge, expires, originalMaxAge } = session.cookie;
          const isDate = expires instanceof Date;
          return { maxAge, leftMs: isDate ? expires.getTime() - Date.now() : null, isDate, originalMaxAge };
        },
      },
      { cookie: { maxAge: HOUR_MS } },
    );
    for (let round = 0; round < 2; round++) {
      const view = await browser.json<{ maxAge: number; leftMs: number; isDate: boolean; originalMaxAge: number }>("/");
      expect(view.isDate).toBe(true);
      for (const ms of [view.maxAge, view.leftMs, view.originalMaxAge]) {
        expect(ms).toBeGreaterThan(HOUR_MS - 5_000);
        expect(ms).toBeLessThanOrEqual(HOUR_MS);
      }
    }
  });

  test("maxAge and expires can be set, each moves the other; false and null are a cookie of the browser's session", async () => {
    const { browser } = await startHandlers(setup, {
      "/": ({ session: { cookie } }) => {
        cookie.maxAge = HOUR_MS;
        const byAge = Math.round(((cookie.expires as Date).getTime() - Date.now()) / 10_000);
        cookie.expires = new Date(Date.now() + HOUR_MS / 2);
        const byDate = Math.round(cookie.maxAge / 10_000);
        cookie.expires = false;
        const none = cookie.maxAge || null;
        cookie.maxAge = null;
        return [byAge, byDate, none, cookie.maxAge];
      },
    });
    expect(await browser.json("/")).toEqual([360, 180, null, null]);
  });

  test("a maxAge that is no number throws a TypeError", async () => {
    const { browser } = await startHandlers(setup, {
      "/": ({ session }) => {
        try {
          session.cookie.maxAge = "1 hour" as never;
          return "taken";
        } catch (error) {
          return (error as Error).name;
        }
      },
    });
    expect(await browser.json("/")).toBe(library.pick({ peer: "TypeError", ours: "SessionError" }));
  });

  test("resetMaxAge and touch put maxAge back to what it was", async () => {
    const { browser } = await startHandlers(
      setup,
      {
        "/": ({ session }) => {
          const { cookie } = session;
          const before = cookie.originalMaxAge;
          session.resetMaxAge();
          session.touch();
          return [before === cookie.originalMaxAge, Math.round((cookie.maxAge as number) / 10_000)];
        },
      },
      { cookie: { maxAge: HOUR_MS } },
    );
    expect(await browser.json("/")).toEqual([true, 360]);
  });

  test("data and JSON hold the attributes, and what JSON gives is what express-session stores", async () => {
    const cookie = { maxAge: HOUR_MS, domain: "example.test", sameSite: "lax", priority: "low", secure: false };
    const { browser } = await startHandlers(
      setup,
      { "/": ({ session }) => [session.cookie.toJSON(), JSON.parse(JSON.stringify(session.cookie)) as object, { ...session.cookie.data }] },
      { name: "sid", cookie },
    );
    const expected = {
      path: "/",
      httpOnly: true,
      domain: "example.test",
      sameSite: "lax",
      priority: "low",
      originalMaxAge: expect.closeTo(HOUR_MS, -3.7) as number,
    };
    for (const view of await browser.json<object[]>("/"))
      expect(view).toMatchObject({ ...expected, expires: expect.any(String) as string });
  });

  test("serialize gives a header of its own", async () => {
    const { browser } = await startHandlers(setup, { "/": ({ session }) => session.cookie.serialize("other", "value") });
    expect(await browser.json("/")).toMatch(/^other=value; .*Path=\/.*HttpOnly/);
  });

  test("one visitor's cookie can be altered: README, req.session.cookie", async () => {
    const { browser } = await startHandlers(
      setup,
      {
        "/attributes": ({ session }) => {
          session["a"] = 1;
          session.cookie.sameSite = "strict";
          session.cookie.httpOnly = false;
          return "altered";
        },
        "/expires": ({ session }) => {
          session["a"] = 1;
          session.cookie.expires = new Date(Date.now() + HOUR_MS / 2);
          return "altered";
        },
        "/until-it-closes": ({ session }) => {
          session["a"] = 1;
          session.cookie.expires = false;
          return "altered";
        },
      },
      { name: "sid", cookie: { maxAge: HOUR_MS } },
    );
    const [altered] = (await browser.fork().send("/attributes")).setCookies;
    expect([altered?.attributes["samesite"], altered?.attributes["httponly"]]).toEqual(["Strict", undefined]);
    const [shorter] = (await browser.fork().send("/expires")).setCookies;
    expect(Math.round((shorter?.lifeMs ?? 0) / 60_000)).toBe(30);
    const [open] = (await browser.fork().send("/until-it-closes")).setCookies;
    expect([open?.name, open?.lifeMs]).toEqual(["sid", undefined]);
  });
});
