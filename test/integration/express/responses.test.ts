import { fileURLToPath } from "node:url";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import compression from "compression";
import { expect, test } from "vitest";
import { Gate } from "../adapters/frameworks.ts";
import { eventually } from "../../support/eventually.ts";
import type { Reply } from "../../support/browser.ts";
import { addCount, count, startCounting } from "./counting.ts";
import { describeLibraries, route, startSite } from "./library.ts";
import type { Setup, Site } from "./library.ts";

const LONG = "converge ".repeat(20_000);
const GZIP = { headers: { "accept-encoding": "gzip" } };
const FILE = fileURLToPath(import.meta.url);

/** Whole, with the cookie of a new session, and the write is there for the next request. */
async function expectWhole(site: Site, body: string, status = 200): Promise<Reply> {
  const reply = await site.browser.send("/");
  expect([reply.status, reply.body, reply.setCookies.length]).toEqual([status, body, 1]);
  expect(await site.browser.json("/count")).toBe(1);
  return reply;
}

describeLibraries("responses: every way to write one", (setup: Setup) => {
  const { library } = setup;

  const ways: Record<string, (response: ServerResponse) => unknown> = {
    "end(text)": (response) => response.end("hello"),
    "end(buffer)": (response) => response.end(Buffer.from("hello")),
    "end(text, encoding)": (response) => response.end("aGVsbG8=", "base64"),
    "write, write, end": (response) => {
      response.write("he");
      response.write("ll");
      response.end("o");
    },
    "write, end without a chunk": (response) => {
      response.write("hello");
      response.end();
    },
    "Content-Length, end": (response) => {
      response.setHeader("Content-Length", "5");
      response.end("hello");
    },
    "writeHead(status)": (response) => response.writeHead(200).end("hello"),
    "writeHead(status, headers)": (response) => response.writeHead(200, { "X-Own": "yes", "Content-Length": 5 }).end("hello"),
    "writeHead(status, message, headers)": (response) => response.writeHead(200, "Fine", { "X-Own": "yes" }).end("hello"),
    "writeHead(status, flat list)": (response) => response.writeHead(200, ["X-Own", "yes"] as never).end("hello"),
    "writeHead(status, headers of several values)": (response) =>
      response.writeHead(200, { "X-Own": ["yes"], Vary: ["a", "b"] }).end("hello"),
    "statusCode and statusMessage, end": (response) => {
      response.statusCode = 200;
      response.statusMessage = "Fine";
      response.end("hello");
    },
    "flushHeaders, end": (response) => {
      response.flushHeaders();
      response.end("hello");
    },
    pipe: (response) => Readable.from([Buffer.from("he"), Buffer.from("llo")]).pipe(response),
    "end later": (response) => setImmediate(() => response.end("hello")),
    "cork, write, uncork": (response) => {
      response.cork();
      response.write("hel");
      response.write("lo");
      response.uncork();
      response.end();
    },
  };

  for (const [title, way] of Object.entries(ways)) {
    test(`${title}: whole, with the cookie, and written`, async () => {
      const site = await startCounting(setup, (exchange) => {
        count(exchange);
        way(exchange.response);
      });
      const reply = await expectWhole(site, "hello");
      if (/^writeHead.*(headers|list)/.test(title)) expect(reply.headers["x-own"]).toBe("yes");
    });
  }

  test("writeHead with a Set-Cookie of one's own, and res.cookie, beside the session's", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.cookie("first", "1");
      if (exchange.request.query["way"] === "head") exchange.response.writeHead(200, { "Set-Cookie": ["second=2"] }).end();
      else exchange.response.appendHeader("Set-Cookie", "second=2").end();
    });
    const names = (reply: Reply): string[] => reply.setCookies.map((cookie) => cookie.name).toSorted();
    const own = library.pick({ peer: "connect.sid", ours: "sid" });
    expect(names(await site.browser.fork().send("/"))).toEqual([own, "first", "second"].toSorted());
    // What writeHead is given replaces what stood there, in Node; the session's comes on top.
    expect(names(await site.browser.fork().send("/?way=head"))).toEqual([own, "second"].toSorted());
  });

  test("json, send, 204, sendFile, status text", async () => {
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      app.get("/json", (request, response) => void (write(request), response.json({ a: 1 })));
      app.get("/send", (request, response) => void (write(request), response.send("<p>")));
      app.get("/204", (request, response) => void (write(request), response.status(204).end()));
      app.get("/file", (request, response) => void (write(request), response.sendFile(FILE)));
      app.get("/418", (request, response) => void (write(request), response.sendStatus(418)));
    });
    const write = (request: unknown): void => void Object.assign((request as { session: object }).session, { a: 1 });
    const seen: unknown[] = [];
    for (const path of ["/json", "/send", "/204", "/file", "/418"]) {
      const reply = await site.browser.fork().send(path);
      seen.push([reply.status, reply.setCookies.length, reply.body]);
    }
    const file = readFileSync(FILE, "utf8");
    expect(seen).toEqual([
      [200, 1, '{"a":1}'],
      [200, 1, "<p>"],
      [204, 1, ""],
      [200, 1, file],
      [418, 1, "I'm a Teapot"],
    ]);
  });

  test("end twice: the first counts, and nothing breaks", async () => {
    const failures: unknown[] = [];
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      // Heard by nobody, it would be an uncaught exception.
      exchange.response.on("error", (error) => failures.push(error));
      exchange.response.end("hello");
      exchange.response.end("again");
    });
    await expectWhole(site, "hello");
    expect([site.errors, failures]).toEqual([[], []]);
  });

  test("finish comes once, after end, and headersSent is true as soon as end was called", async () => {
    const seen: unknown[] = [];
    const site = await startCounting(setup, (exchange) => {
      const { response } = exchange;
      count(exchange);
      response.on("finish", () => seen.push("finish"));
      response.end("hello");
      seen.push(response.headersSent, response.writableEnded);
      try {
        response.setHeader("X-Late", "yes");
        seen.push("set");
      } catch (error) {
        seen.push((error as { code?: string }).code);
      }
    });
    await expectWhole(site, "hello");
    // express-session still waits for its store inside of `end`, so writableEnded is not true yet.
    const isEnded = library.pick({ peer: false, ours: true });
    await eventually(() => expect(seen).toEqual([true, isEnded, "ERR_HTTP_HEADERS_SENT", "finish"]));
  });

  test("end calls back", async () => {
    let isCalled = false;
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.end("hello", "utf8", () => (isCalled = true));
    });
    await expectWhole(site, "hello");
    // express-session drops the callback.
    if (library.pick({ peer: false, ours: true })) await eventually(() => expect(isCalled).toBe(true));
    else expect(isCalled).toBe(false);
  });

  test("end(callback), without a chunk", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.write("hello");
      exchange.response.end(() => undefined);
    });
    if (library.pick({ peer: false, ours: true })) {
      await expectWhole(site, "hello");
      expect(site.errors).toEqual([]);
      return;
    }
    // express-session takes the function for a chunk, and Node throws, before or after the client has its five letters.
    await site.browser.send("/").catch(() => undefined);
    await eventually(() => expect(site.errors).toMatchObject([{ code: "ERR_INVALID_ARG_TYPE" }]));
  });
});

describeLibraries("responses: streams, caches and clients", (setup: Setup) => {
  const { library } = setup;

  for (const place of ["before", "after"] as const) {
    test(`compression ${place} the session`, async () => {
      const site = await startSite(setup, (app) => {
        if (place === "before") app.use(compression());
        app.use(library.session());
        if (place === "after") app.use(compression());
        addCount(app);
        app.get(
          "/",
          route((exchange) => {
            count(exchange);
            exchange.response.type("text").send(LONG);
          }),
        );
      });
      const reply = await site.browser.send("/", GZIP);
      expect([reply.headers["content-encoding"], reply.setCookies.length]).toEqual(["gzip", 1]);
      expect(gunzipSync(reply.bytes).toString("utf8")).toBe(LONG);
      expect(await site.browser.json("/count")).toBe(1);
      await expectWhole({ ...site, browser: (await fresh(site)).browser }, LONG);
    });
  }

  const fresh = async (site: Site): Promise<Site> => {
    const browser = site.browser.fork();
    for (const name of browser.cookieNames) browser.setCookie(name, "");
    return { ...site, browser };
  };

  test("a long stream arrives part by part, the cookie with the first", async () => {
    const gate = new Gate();
    const site = await startCounting(setup, async (exchange) => {
      count(exchange);
      exchange.response.write("first");
      await gate.wait();
      exchange.response.end("second");
    });
    const parts: string[] = [];
    const reply = await site.browser.send("/", {
      onData: (part) => {
        parts.push(part);
        gate.open();
      },
    });
    expect(parts[0]).toBe("first");
    expect([reply.body, reply.setCookies.length]).toEqual(["firstsecond", 1]);
    expect(await site.browser.json("/count")).toBe(1);
  });

  test("server-sent events: the headers and the first event come while the response is open", async () => {
    const gate = new Gate();
    const site = await startCounting(setup, async (exchange) => {
      count(exchange);
      exchange.response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", Connection: "keep-alive" });
      exchange.response.flushHeaders();
      exchange.response.write("data: 1\n\n");
      await gate.wait();
      exchange.response.end("data: 2\n\n");
    });
    const seen: string[] = [];
    const reply = await site.browser.send("/", {
      onHeaders: (head) => seen.push(`headers with ${head.setCookies.length}`),
      onData: (part) => {
        seen.push(part.trim());
        gate.open();
      },
    });
    expect(seen).toEqual(["headers with 1", "data: 1", "data: 2"]);
    expect(reply.headers["cache-control"]).toBe("no-cache");
    expect(await site.browser.json("/count")).toBe(1);
  });

  test("a write after the headers is there when the body has ended; it cannot begin a session", async () => {
    const site = await startCounting(setup, (exchange) => {
      exchange.response.write("begun");
      count(exchange);
      exchange.response.end();
    });
    const stranger = await site.browser.send("/");
    expect([stranger.body, stranger.setCookies]).toEqual(["begun", []]);
    const known = await startSite(setup, (app) => {
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
        "/",
        route((exchange) => {
          exchange.response.write("begun");
          count(exchange);
          exchange.response.end();
        }),
      );
    });
    await known.browser.send("/first");
    expect((await known.browser.send("/")).body).toBe("begun");
    expect(await known.browser.json("/count")).toBe(2);
  });

  test("HEAD", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.send("hello");
    });
    const reply = await site.browser.send("/", { method: "HEAD" });
    expect([reply.status, reply.body, reply.headers["content-length"], reply.setCookies.length]).toEqual([200, "", "5", 1]);
    expect(await site.browser.json("/count")).toBe(1);
  });

  test("304 by ETag", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      exchange.response.send("hello");
    });
    const first = await site.browser.send("/");
    const { etag = "" } = first.headers;
    expect(etag).not.toBe("");
    const second = await site.browser.send("/", { headers: { "if-none-match": etag } });
    expect([second.status, second.body]).toEqual([304, ""]);
    expect(await site.browser.json("/count")).toBe(2);
  });

  test("Cache-Control: a response that sets the cookie is not for caches; what the application says stays", async () => {
    const site = await startCounting(setup, (exchange) => {
      count(exchange);
      if (exchange.request.query["own"] === "yes") exchange.response.setHeader("Cache-Control", "private, max-age=5");
      exchange.response.send("hello");
    });
    const first = await site.browser.send("/");
    expect(first.headers["cache-control"]).toBe(library.pick({ peer: undefined, ours: "no-store" }));
    expect((await site.browser.send("/")).headers["cache-control"]).toBe(undefined);
    const own = await (await fresh(site)).browser.send("/?own=yes");
    expect(own.headers["cache-control"]).toBe("private, max-age=5");
  });

  test("a redirect that is followed on its headers is never ahead of the write", async () => {
    const site = await startSite(setup, (app) => {
      app.use(library.session());
      addCount(app);
      app.get(
        "/go",
        route((exchange) => {
          count(exchange);
          exchange.response.redirect("/count");
        }),
      );
    });
    for (let round = 1; round <= 10; round++) {
      let followed: Promise<unknown> | undefined;
      await site.browser.send("/go", { onHeaders: () => (followed = site.browser.json("/count")) });
      expect(await followed).toBe(round);
    }
  });
});
