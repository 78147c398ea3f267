import type { Request, RequestHandler } from "express";
import { expect, test } from "vitest";
import { describeLibraries, route, sessionOf, startSite } from "./library.ts";
import type { SessionSurface, Setup } from "./library.ts";

/** Where a session may be missing altogether. */
function found(request: unknown): SessionSurface | undefined {
  return sessionOf(request);
}

const hasSession: RequestHandler = (request, response) => void response.json(found(request) !== undefined);

const countUp: RequestHandler = route(({ session }) => {
  session["count"] = ((session["count"] as number | undefined) ?? 0) + 1;
  return session["count"];
});

describeLibraries("mounting", (setup: Setup) => {
  const { library } = setup;

  test("on a path, on a router, and in an application inside: only there", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use("/path", library.session());
      const router = setup.express.Router();
      router.use(library.session({ name: "router.sid" }));
      router.get("/count", countUp);
      router.get("/has", hasSession);
      const inner = setup.express();
      inner.use(library.session({ name: "inner.sid" }));
      inner.get("/count", countUp);
      app.use("/router", router);
      app.use("/inner", inner);
      app.get("/path/count", countUp);
      app.get("/has", hasSession);
    });
    for (const path of ["/path/count", "/router/count", "/inner/count"]) {
      expect([await browser.json(path), await browser.json(path)]).toEqual([1, 2]);
    }
    expect(await browser.json("/has")).toBe(false);
    expect(await browser.json("/router/has")).toBe(true);
    expect(browser.cookieNames).toEqual(expect.arrayContaining(["router.sid", "inner.sid"]));
  });

  test("two of different names on different paths are two sessions", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use("/shop", library.session({ name: "shop", genid: () => "the-id-of-the-shop-and-no-other" }));
      app.use("/admin", library.session({ name: "admin" }));
      app.get("/shop/count", countUp);
      app.get("/admin/count", countUp);
    });
    expect([await browser.json("/shop/count"), await browser.json("/shop/count"), await browser.json("/admin/count")]).toEqual([1, 2, 1]);
    expect(browser.cookieNames.toSorted()).toEqual(["admin", "shop"]);
  });

  test("two on the same path: the first one counts", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use(library.session({ name: "first" }));
      app.use(library.session({ name: "second" }));
      app.get("/count", countUp);
    });
    expect([await browser.json("/count"), await browser.json("/count")]).toEqual([1, 2]);
    expect(browser.cookieNames).toEqual(["first"]);
  });

  test("the same one twice is once", async () => {
    const { browser } = await startSite(setup, (app) => {
      const middleware = library.session();
      app.use(middleware);
      app.use(middleware);
      app.get("/count", middleware, countUp);
    });
    expect([await browser.json("/count"), await browser.json("/count")]).toEqual([1, 2]);
    expect(browser.cookieNames.length).toBe(1);
  });

  test("req.session of somebody else is left alone", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use((request, _response, next) => {
        (request as unknown as { session: object }).session = { mine: true };
        next();
      });
      app.use(library.session());
      app.get("/", (request, response) => void response.json(found(request)));
    });
    const reply = await browser.send("/");
    expect([reply.json(), reply.setCookies]).toEqual([{ mine: true }, []]);
  });

  test("req.session = undefined is nobody's, and a session is made", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use((request, _response, next) => {
        (request as unknown as { session: unknown }).session = undefined;
        next();
      });
      app.use(library.session());
      app.get("/count", countUp);
    });
    expect([await browser.json("/count"), await browser.json("/count")]).toEqual([1, 2]);
  });

  test("cookie.path: no session outside of it; the path is the original one", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use(library.session({ name: "sid", cookie: { path: "/admin" } }));
      const router = setup.express.Router();
      router.use(library.session({ name: "sid", cookie: { path: "/other" } }));
      router.get("/has", hasSession);
      app.get("/admin/count", countUp);
      app.get("/has", hasSession);
      app.get("/administrator", hasSession);
      app.use("/router", router);
    });
    const reply = await browser.send("/admin/count");
    expect(reply.setCookies[0]?.attributes["path"]).toBe("/admin");
    expect(await browser.json("/admin/count?a=b")).toBe(2);
    expect(await browser.json("/has")).toBe(false);
    expect(await browser.json("/router/has")).toBe(false);
    // express-session compares texts; a browser would not send the cookie there (RFC 6265 section 5.1.4), and ours does as the browser.
    expect(await browser.json("/administrator")).toBe(library.pick({ peer: true, ours: false }));
  });

  test("without a session there is no req.sessionID to be mistaken for one", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use(library.session({ name: "sid", cookie: { path: "/admin" } }));
      app.get("/", (request: Request, response) => void response.json([typeof found(request), typeof request.sessionID]));
    });
    expect(await browser.json("/")).toEqual(["undefined", "undefined"]);
  });

  test("a URL that is changed on the way", async () => {
    const { browser } = await startSite(setup, (app) => {
      app.use((request, _response, next) => {
        request.url = request.url.replace("/old", "/new");
        next();
      });
      app.use(library.session());
      app.get("/new", countUp);
    });
    expect([await browser.json("/old"), await browser.json("/new")]).toEqual([1, 2]);
  });
});
