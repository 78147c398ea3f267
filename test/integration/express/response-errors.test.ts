import { once } from "node:events";
import { expect, test } from "vitest";
import { Gate } from "../adapters/frameworks.ts";
import { eventually } from "../../support/eventually.ts";
import { addCount, count, startCounting } from "./counting.ts";
import { describeLibraries, route, startSite } from "./library.ts";
import type { Exchange, Setup } from "./library.ts";

describeLibraries("responses: errors", (setup: Setup) => {
  const { library } = setup;

  test("an error that is thrown, or given to next: the error page, with the cookie, and what was written stays", async () => {
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      addCount(app);
      app.get("/throw", (request) => {
        (request as unknown as Exchange["request"] & { session: Record<string, unknown> }).session["count"] = 1;
        throw new Error("thrown");
      });
      app.get("/next", (request, _response, next) => {
        (request as unknown as { session: Record<string, unknown> }).session["count"] = 1;
        next(Object.assign(new Error("passed"), { status: 418 }));
      });
    });
    for (const [path, status, error] of [
      ["/throw", 500, "thrown"],
      ["/next", 418, "passed"],
    ] as const) {
      const browser = site.browser.fork();
      const reply = await browser.send(path);
      expect([reply.status, reply.json(), reply.setCookies.length]).toEqual([status, { error }, 1]);
      expect(await browser.json("/count")).toBe(1);
    }
  });

  test("an error after the headers closes the connection, and the next request works", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.write("begun");
      throw new Error("too late for a page");
    });
    await expect(site.browser.send("/")).rejects.toThrow("aborted");
    expect(await site.browser.json("/count")).toBeTypeOf("number");
    expect(site.errors).toMatchObject([{ message: "too late for a page" }]);
  });

  test("a client that goes away: what the route writes is there all the same", async () => {
    const gate = new Gate();
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      addCount(app);
      app.get(
        "/first",
        route((exchange) => {
          count(exchange);
          return "written";
        }),
      );
      app.get(
        "/slow",
        route(async (exchange) => {
          await Promise.all([once(exchange.response, "close"), gate.wait()]);
          count(exchange);
          exchange.response.end("nobody reads this");
        }),
      );
    });
    await site.browser.send("/first");
    const controller = new AbortController();
    const finished = site.browser.fork().send("/slow", { signal: controller.signal });
    await gate.reached;
    controller.abort();
    await expect(finished).rejects.toThrow("aborted");
    gate.open();
    await eventually(async () => expect(await site.browser.json("/count")).toBe(2));
    expect(site.errors).toEqual([]);
  });

  test("404 for what no route answers, with the session touched and no cookie", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      return "written";
    });
    await site.browser.send("/");
    const reply = await site.browser.send("/nowhere");
    expect([reply.status, reply.setCookies]).toEqual([404, []]);
  });

  test("BigInt and a cycle: there nobody answers, ours stores the one and refuses the other", async () => {
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      app.get(
        "/bigint",
        route(({ session }) => {
          session["big"] = 1n;
          return "written";
        }),
      );
      app.get(
        "/big",
        route(({ session }) => String(session["big"])),
      );
      app.get(
        "/cycle",
        route(({ session }) => {
          const cycle: Record<string, unknown> = {};
          cycle["self"] = cycle;
          session["cycle"] = cycle;
          return "written";
        }),
      );
    });
    if (library.pick({ peer: true, ours: false })) {
      for (const path of ["/bigint", "/cycle"]) {
        await expect(site.browser.send(path, { timeoutMs: 300 })).rejects.toThrow("no end of the response");
      }
      return;
    }
    expect((await site.browser.send("/bigint")).status).toBe(200);
    expect(await site.browser.json("/big")).toBe("1");
    expect((await site.browser.send("/cycle")).status).toBe(500);
    expect(site.errors).toMatchObject([{ code: "VALUE_REFUSED" }]);
  });
});
