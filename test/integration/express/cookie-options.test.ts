import { expect, test, vi } from "vitest";
import type { Reply, SetCookie } from "../../support/browser.ts";
import { OUR_COOKIE, PEER_COOKIE, describeLibraries, route, startSite } from "./library.ts";
import type { PeerOptions, Setup, Site } from "./library.ts";
import { addWriteAndRead } from "./counting.ts";

const HOUR_MS = 3_600_000;
const HTTPS = { headers: { "x-forwarded-proto": "https" } };

interface Options extends PeerOptions {
  readonly trustProxy?: boolean;
}

function start({ library, express, expressVersion }: Setup, { trustProxy = false, ...options }: Options = {}): Promise<Site> {
  return startSite({ library, express, expressVersion }, (app) => {
    app.set("trust proxy", trustProxy);
    app.use(library.session(options));
    addWriteAndRead(app);
    app.get(
      "/cookie",
      route(({ session }) => session.cookie),
    );
    app.get(
      "/max-age/:ms",
      route(({ request, session }) => {
        session.cookie.maxAge = Number(request.params["ms"]);
        return "set";
      }),
    );
    app.get(
      "/login/:ms",
      route(({ request, session }) => {
        session["count"] = 1;
        session.cookie.maxAge = Number(request.params["ms"]);
        return "in";
      }),
    );
    app.get("/ignore", (_request, response) => void response.end("no session was asked for"));
  });
}

function theCookie(reply: Reply): SetCookie {
  const [cookie, ...others] = reply.setCookies;
  if (cookie === undefined || others.length > 0) throw new Error(`expected one Set-Cookie, and got ${reply.setCookies.length}`);
  return cookie;
}

/** About so many milliseconds: whole seconds, and the time that the request took. */
function expectLife(cookie: SetCookie, lifeMs: number): void {
  expect(cookie.lifeMs).toBeGreaterThan(lifeMs - 5_000);
  expect(cookie.lifeMs).toBeLessThanOrEqual(lifeMs + 1_000);
}

describeLibraries("the cookie", (setup: Setup) => {
  const { library } = setup;

  test("by default: for the whole host, HttpOnly, until the browser closes", async () => {
    const { browser } = await start(setup);
    const { name, attributes } = theCookie(await browser.send("/write"));
    expect(name).toBe(library.pick({ peer: PEER_COOKIE, ours: OUR_COOKIE }));
    // DESIGN 7: SameSite=Lax by default; express-session sends none.
    expect(attributes).toEqual(
      library.pick<object>({ peer: { path: "/", httponly: true }, ours: { path: "/", httponly: true, samesite: "Lax" } }),
    );
  });

  test("over TLS, by default", async () => {
    const { browser } = await start(setup, { trustProxy: true });
    const { name, attributes } = theCookie(await browser.send("/write", HTTPS));
    expect(name).toBe(library.pick({ peer: PEER_COOKIE, ours: "__Host-sid" }));
    expect(attributes["secure"]).toBe(library.pick({ peer: undefined, ours: true }));
  });

  test("name", async () => {
    const { browser } = await start(setup, { name: "shop.session" });
    expect(theCookie(await browser.send("/write")).name).toBe("shop.session");
    expect(await browser.json("/read")).toBe(1);
  });

  test("cookie: path, domain, httpOnly, sameSite, priority", async () => {
    const cookie = { path: "/", domain: "example.test", httpOnly: false, sameSite: "strict", priority: "high" };
    const { browser } = await start(setup, { name: "sid", cookie });
    const { attributes } = theCookie(await browser.send("/write"));
    expect(attributes).toEqual({ path: "/", domain: "example.test", samesite: "Strict", priority: "High" });
  });

  test("sameSite: true is strict, false is none at all", async () => {
    for (const [sameSite, expected] of [
      [true, "Strict"],
      [false, undefined],
      ["lax", "Lax"],
    ] as const) {
      const { browser } = await start(setup, { cookie: { sameSite } });
      expect(theCookie(await browser.send("/write")).attributes["samesite"]).toBe(expected);
    }
  });

  test("partitioned, over TLS", async () => {
    const { browser } = await start(setup, { trustProxy: true, cookie: { secure: true, partitioned: true, sameSite: "none" } });
    expect(theCookie(await browser.send("/write", HTTPS)).attributes).toMatchObject({ partitioned: true, secure: true, samesite: "None" });
  });

  test("secure: true over plain http sends no cookie, over trusted TLS it does", async () => {
    const { browser } = await start(setup, { trustProxy: true, cookie: { secure: true } });
    const open = await browser.send("/write");
    expect([open.status, open.setCookies]).toEqual([200, []]);
    expect(theCookie(await browser.send("/write", HTTPS)).attributes["secure"]).toBe(true);
    expect(await browser.json("/read", HTTPS)).toBe(1);
  });

  test("X-Forwarded-Proto means nothing without trust", async () => {
    const { browser } = await start(setup, { cookie: { secure: true } });
    expect((await browser.send("/write", HTTPS)).setCookies).toEqual([]);
  });

  test("proxy: true trusts X-Forwarded-Proto, its first entry, whatever Express does", async () => {
    const { browser } = await start(setup, { proxy: true, cookie: { secure: true } });
    expect((await browser.send("/write")).setCookies).toEqual([]);
    expect((await browser.send("/write", { headers: { "x-forwarded-proto": "http,https" } })).setCookies).toEqual([]);
    const reply = await browser.send("/write", { headers: { "x-forwarded-proto": "HTTPS , http" } });
    expect(theCookie(reply).attributes["secure"]).toBe(true);
  });

  test("proxy: false never trusts it, whatever Express does", async () => {
    const { browser } = await start(setup, { trustProxy: true, proxy: false, cookie: { secure: true } });
    expect((await browser.send("/write", HTTPS)).setCookies).toEqual([]);
  });

  test("secure: auto follows the connection", async () => {
    const { browser } = await start(setup, { trustProxy: true, name: "sid", cookie: { secure: "auto" } });
    expect(theCookie(await browser.fork().send("/write", HTTPS)).attributes["secure"]).toBe(true);
    expect(theCookie(await browser.fork().send("/write")).attributes["secure"]).toBe(undefined);
  });

  test("sameSite: auto is None over TLS, and Lax elsewhere", async () => {
    const { browser } = await start(setup, { trustProxy: true, name: "sid", cookie: { secure: "auto", sameSite: "auto" } });
    expect(theCookie(await browser.fork().send("/write", HTTPS)).attributes).toMatchObject({ samesite: "None", secure: true });
    expect(theCookie(await browser.fork().send("/write")).attributes["samesite"]).toBe("Lax");
  });

  test("cookie as a function of the request", async () => {
    const cookie = (request: { query: Record<string, unknown> }): object => ({ sameSite: "strict", maxAge: Number(request.query["ms"]) });
    const { browser } = await start(setup, { cookie: cookie as never });
    const first = theCookie(await browser.fork().send(`/write?ms=${HOUR_MS}`));
    expect(first.attributes["samesite"]).toBe("Strict");
    expectLife(first, HOUR_MS);
    expectLife(theCookie(await browser.fork().send(`/write?ms=${HOUR_MS / 2}`)), HOUR_MS / 2);
  });

  test("cookie as a function that says auto", async () => {
    const { browser } = await start(setup, { trustProxy: true, name: "sid", cookie: () => ({ secure: "auto", sameSite: "auto" }) });
    const [open, tls] = [await browser.fork().send("/write"), await browser.fork().send("/write", HTTPS)];
    // A bug of 1.19.0: auto is looked for on the function, so the text "auto" reaches the serializer, which throws, and no cookie goes out.
    expect([open.setCookies.length, tls.setCookies.length]).toEqual(library.pick({ peer: [0, 0], ours: [1, 1] }));
    if (tls.setCookies.length > 0) expect(theCookie(tls).attributes).toMatchObject({ samesite: "None", secure: true });
  });

  test("maxAge", async () => {
    const { browser } = await start(setup, { cookie: { maxAge: HOUR_MS } });
    expectLife(theCookie(await browser.send("/write")), HOUR_MS);
  });

  test("expires", async () => {
    const { browser } = await start(setup, { cookie: { expires: new Date(Date.now() + HOUR_MS) } });
    expectLife(theCookie(await browser.send("/write")), HOUR_MS);
  });

  test("with maxAge the cookie is not sent for reading; rolling sends it each time", async () => {
    const fixed = await start(setup, { cookie: { maxAge: HOUR_MS } });
    await fixed.browser.send("/write");
    expect((await fixed.browser.send("/read")).setCookies).toEqual([]);
    const rolling = await start(setup, { rolling: true, cookie: { maxAge: HOUR_MS } });
    await rolling.browser.send("/write");
    expectLife(theCookie(await rolling.browser.send("/read")), HOUR_MS);
    expectLife(theCookie(await rolling.browser.send("/ignore")), HOUR_MS);
  });

  test("rolling without maxAge sends it each time as well", async () => {
    const { browser } = await start(setup, { rolling: true });
    await browser.send("/write");
    expect(theCookie(await browser.send("/read")).lifeMs).toBe(undefined);
  });

  test("rolling does not send a cookie for a session that never began", async () => {
    const { browser } = await start(setup, { rolling: true });
    expect((await browser.send("/read")).setCookies).toEqual([]);
  });

  test("with maxAge a write sends the cookie again: DESIGN 7, ours only when less than half is left", async () => {
    const { browser } = await start(setup, { cookie: { maxAge: HOUR_MS } });
    await browser.send("/write");
    expect((await browser.send("/write")).setCookies.length).toBe(library.pick({ peer: 1, ours: 0 }));
    expect(await browser.json("/read")).toBe(2);
  });

  test("ours: sent again once less than half is left, read or write", async () => {
    vi.useFakeTimers({ toFake: ["Date", "performance"] });
    try {
      const { browser } = await start(setup, { cookie: { maxAge: HOUR_MS } });
      await browser.send("/write");
      vi.advanceTimersByTime(HOUR_MS * 0.6);
      const reply = await browser.send("/read");
      expect(reply.setCookies.length).toBe(library.pick({ peer: 0, ours: 1 }));
    } finally {
      vi.useRealTimers();
    }
  });

  test("cookie.maxAge of one session", async () => {
    const { browser } = await start(setup);
    expect(theCookie(await browser.send("/write")).lifeMs).toBe(undefined);
    const reply = await browser.send(`/max-age/${HOUR_MS}`);
    // express-session does not notice (expressjs/session#452); ours sends the cookie again.
    expect(reply.setCookies.length).toBe(library.pick({ peer: 0, ours: 1 }));
    if (reply.setCookies.length > 0) expectLife(theCookie(reply), HOUR_MS);
    expect(await browser.json("/read")).toBe(1);
    expect(await browser.json("/cookie")).toMatchObject({ originalMaxAge: expect.closeTo(HOUR_MS, -3.7) as number });
  });

  test("remember me: cookie.maxAge of thirty days, set at login, lives on after a day", async () => {
    vi.useFakeTimers({ toFake: ["Date", "performance"] });
    try {
      const { browser } = await start(setup);
      const reply = await browser.send(`/login/${30 * 24 * HOUR_MS}`);
      expectLife(theCookie(reply), 30 * 24 * HOUR_MS);
      vi.advanceTimersByTime(24 * HOUR_MS);
      expect(await browser.json("/read")).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test("a session without maxAge: DESIGN 3.1, ours ends after 30 minutes without a request, express-session's never", async () => {
    vi.useFakeTimers({ toFake: ["Date", "performance"] });
    try {
      const { browser } = await start(setup);
      await browser.send("/write");
      vi.advanceTimersByTime(HOUR_MS * 0.4);
      expect(await browser.json("/read")).toBe(1);
      vi.advanceTimersByTime(HOUR_MS * 0.6);
      expect(await browser.json("/read")).toBe(library.pick({ peer: 1, ours: null }));
    } finally {
      vi.useRealTimers();
    }
  });

  test("a session of maxAge ends when nobody came in that time", async () => {
    vi.useFakeTimers({ toFake: ["Date", "performance"] });
    try {
      const { browser } = await start(setup, { cookie: { maxAge: HOUR_MS } });
      await browser.send("/write");
      const [header, name] = [browser.cookie(browser.cookieNames[0] ?? ""), browser.cookieNames[0] ?? ""];
      vi.advanceTimersByTime(HOUR_MS * 0.9);
      expect(await browser.json("/read")).toBe(1);
      vi.advanceTimersByTime(HOUR_MS * 0.9);
      browser.setCookie(name, browser.cookie(name) ?? header ?? "");
      expect(await browser.json("/read")).toBe(1);
      vi.advanceTimersByTime(HOUR_MS * 1.1);
      browser.setCookie(name, browser.cookie(name) ?? header ?? "");
      expect(await browser.json("/read")).toBe(null);
    } finally {
      vi.useRealTimers();
    }
  });
});
