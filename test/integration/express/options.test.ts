import { randomUUID } from "node:crypto";
import { sign } from "cookie-signature";
import { expect, test } from "vitest";
import { Browser } from "../../support/browser.ts";
import { OUR_COOKIE, PEER_COOKIE, SECRET, called, describeLibraries, kindOf, route, sessionOf, startSite } from "./library.ts";
import type { PeerOptions, Setup, Site } from "./library.ts";
import { addWriteAndRead } from "./counting.ts";

function start(setup: Setup, options: PeerOptions = {}): Promise<Site> {
  return startSite(setup, (app) => {
    app.use(setup.library.session(options));
    addWriteAndRead(app);
    app.get(
      "/id",
      route(({ request, session }) => [request.sessionID, session.id]),
    );
    app.get(
      "/unset",
      route(({ request, session }) => {
        session["count"] = 100;
        (request as unknown as { session: null }).session = null;
        return kindOf(sessionOf(request));
      }),
    );
    app.get(
      "/delete",
      route(({ request }) => {
        delete (request as Partial<typeof request>).session;
        return kindOf(sessionOf(request));
      }),
    );
    app.get(
      "/regenerate",
      route(async ({ request, session }) => {
        await called((callback) => session.regenerate(callback));
        return request.sessionID;
      }),
    );
  });
}

describeLibraries("options", (setup: Setup) => {
  const { library } = setup;

  test("options that cannot be meant are refused at once", () => {
    expect(() => library.session({ genid: "no function" as never })).toThrow(/genid/);
    expect(() => library.session({ unset: "sometimes" as never })).toThrow(/unset/);
    expect(() => library.session({ secret: [] })).toThrow(/secret/);
  });

  test("a short secret works, as in every tutorial", async () => {
    const { browser } = await start(setup, { secret: "keyboard cat" });
    await browser.send("/write");
    expect(await browser.json("/read")).toBe(1);
  });

  test("a Buffer is a secret", async () => {
    const { browser } = await start(setup, { secret: Buffer.from("keyboard cat, thirty-two bytes long") });
    await browser.send("/write");
    expect(await browser.json("/read")).toBe(1);
  });

  test("a list of secrets: the first signs, and cookies of all are believed", async () => {
    const genid = (): string => "the-one-id-of-all-of-them";
    const before = await start(setup, { secret: ["old secret"], genid });
    const between = await start(setup, { secret: ["new secret", "old secret"], genid });
    const after = await start(setup, { secret: ["new secret"], genid });
    await before.browser.send("/write");
    const old = before.browser.header();
    await between.browser.send("/write");
    const fresh = between.browser.header();
    expect(fresh).not.toBe(old);
    const readWith = (site: Site, cookie: string): Promise<unknown> => new Browser(site.url).json("/read", { headers: { cookie } });
    expect(await readWith(between, old)).toBe(1);
    expect(await readWith(between, fresh)).toBe(1);
    expect(await readWith(after, old)).toBe(null);
    expect(await readWith(before, fresh)).toBe(null);
  });

  test("genid makes the ids, also at regenerate, and is given the request", async () => {
    const paths: string[] = [];
    const genid: PeerOptions["genid"] = (request) => {
      paths.push(request.path);
      return `mine-${randomUUID()}`;
    };
    const { browser } = await start(setup, { genid });
    await browser.send("/write");
    const [sessionID, id] = await browser.json<[string, string]>("/id");
    expect(sessionID).toMatch(/^mine-/);
    expect(id).toBe(sessionID);
    const next = await browser.json<string>("/regenerate");
    expect(next).toMatch(/^mine-/);
    expect(next).not.toBe(id);
    expect(paths).toContain("/write");
    expect(paths).toContain("/regenerate");
  });

  test("the id is the same for req.sessionID and req.session.id, from the first request on", async () => {
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      app.get(
        "/",
        route(({ request, session }) => {
          const before = request.sessionID;
          session["a"] = 1;
          return [before, session.id, request.sessionID];
        }),
      );
    });
    const [first, second, third] = await site.browser.json<string[]>("/");
    expect([second, third]).toEqual([first, first]);
    expect(first?.length).toBeGreaterThan(20);
    expect(await site.browser.json("/")).toEqual([first, first, first]);
  });

  test("an id that nobody issued is not adopted", async () => {
    const { browser } = await start(setup);
    await browser.send("/write");
    const name = browser.cookieNames[0] ?? "";
    const cookie = browser.cookie(name) ?? "";
    const stranger = new Browser((await start(setup)).url);
    stranger.setCookie(name, cookie);
    const [id] = await stranger.json<string[]>("/id");
    expect(cookie).not.toContain(id);
    const forger = browser.fork();
    forger.setCookie(name, `x${cookie}`);
    expect(await forger.json("/read")).toBe(null);
  });

  test("saveUninitialized: true gives every visitor a session, false none", async () => {
    const every = await start(setup, { saveUninitialized: true });
    const reply = await every.browser.send("/read");
    expect(reply.setCookies.length).toBe(1);
    const [id] = await every.browser.json<string[]>("/id");
    expect(await every.browser.json("/id")).toEqual([id, id]);
    const none = await start(setup, { saveUninitialized: false });
    expect((await none.browser.send("/read")).setCookies).toEqual([]);
  });

  test("saveUninitialized when it is left out", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use(library.session({ saveUninitialized: undefined as never }));
      app.get(
        "/",
        route(() => "hello"),
      );
    });
    // DESIGN 7: false unless set. express-session still says true, and warns.
    expect((await browser.send("/")).setCookies.length).toBe(library.pick({ peer: 1, ours: 0 }));
  });

  test("resave is taken, either way", async () => {
    for (const resave of [true, false]) {
      const { browser } = await start(setup, { resave });
      await browser.send("/write");
      expect(await browser.json("/read")).toBe(1);
    }
  });

  test("unset: keep (default): req.session = null forgets what this request wrote, and the session lives on", async () => {
    const { browser } = await start(setup);
    await browser.send("/write");
    const reply = await browser.send("/unset");
    expect([reply.status, reply.setCookies]).toEqual([200, []]);
    expect(reply.json()).toBe("null");
    expect(await browser.json("/read")).toBe(1);
    expect(await browser.json("/delete")).toBe("undefined");
    expect(await browser.json("/read")).toBe(1);
  });

  test("unset: destroy: req.session = null ends the session, and so does delete", async () => {
    for (const path of ["/unset", "/delete"]) {
      const { browser } = await start(setup, { unset: "destroy" });
      await browser.send("/write");
      const old = browser.fork();
      expect((await browser.send(path)).status).toBe(200);
      expect(await old.json("/read")).toBe(null);
      expect(await browser.json("/read")).toBe(null);
    }
  });

  test("unset: destroy leaves a visitor alone who has no session", async () => {
    const { browser } = await start(setup, { unset: "destroy" });
    const reply = await browser.send("/unset");
    expect([reply.status, reply.setCookies]).toEqual([200, []]);
  });

  test("the defaults of the README, written out", async () => {
    const cookie = { path: "/", httpOnly: true, secure: false, maxAge: null };
    const { browser } = await start(setup, { cookie, unset: "keep", rolling: false, proxy: undefined as never });
    const reply = await browser.send("/write");
    expect(reply.setCookies[0]?.lifeMs).toBe(undefined);
    expect(await browser.json("/read")).toBe(1);
  });

  test("an option that is undefined is one that was left out", async () => {
    const none = {
      name: undefined,
      store: undefined,
      genid: undefined,
      cookie: undefined,
      rolling: undefined,
      proxy: undefined,
      unset: undefined,
    };
    const { browser } = await start(setup, none as unknown as PeerOptions);
    expect((await browser.send("/write")).setCookies[0]?.name).toBe(library.pick({ peer: PEER_COOKIE, ours: OUR_COOKIE }));
    expect(await browser.json("/read")).toBe(1);
  });

  test("a cookie that express-session signed with the same secret, of a session that is not here", async () => {
    const { browser } = await start(setup, { name: "sid" });
    browser.setCookie("sid", encodeURIComponent(`s:${sign("an-id-from-elsewhere", SECRET)}`));
    expect(await browser.json("/write")).toBe(1);
    const [id] = await browser.json<string[]>("/id");
    expect(id).not.toBe("an-id-from-elsewhere");
    expect(await browser.json("/write")).toBe(2);
  });

  test("what no cookie of ours looks like is no cookie: unsigned, of another signer, empty, twice", async () => {
    const { browser } = await start(setup);
    const name = library.pick({ peer: PEER_COOKIE, ours: OUR_COOKIE });
    for (const value of ["", "plain", "s:plain", "s%3Aplain.signature", "%", ".", "~.", "s:."]) {
      const stranger = browser.fork();
      stranger.setCookie(name, value);
      expect((await stranger.send("/read")).status).toBe(200);
      expect(await stranger.json("/write")).toBe(1);
    }
  });
});
