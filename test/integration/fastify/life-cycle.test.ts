import { once } from "node:events";
import { ServerResponse } from "node:http";
import type { IncomingMessage } from "node:http";
import { PassThrough, Readable } from "node:stream";
import type { Duplex } from "node:stream";
import fastifyCookie from "@fastify/cookie";
import createFastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { eventually } from "../../support/eventually.ts";
import { Gate } from "../adapters/frameworks.ts";
import { addRoutes, assign, COOKIE, describeLibraries, describeOurs, SECRET, sessionOf, startSite } from "./library.ts";
import type { Handlers, Library } from "./library.ts";

/** Adds one to a counter of the session and gives it back. */
function visit(request: unknown): { visits: number } {
  const session = sessionOf(request);
  const visits = Number(session["visits"] ?? 0) + 1;
  session["visits"] = visits;
  return { visits };
}

const VISITS: Handlers = {
  "/visit": ({ request }) => visit(request),
  "/read": ({ session }) => ({ visits: session["visits"] ?? 0 }),
};

describeLibraries("life cycle", (library) => {
  test("[A38] the session is there for every hook that comes after, and what onError and other onSend hooks write in time is kept", async () => {
    const seen: string[] = [];
    const { browser } = await startSite(async (app) => {
      app.addHook("onRequest", async (request) => void seen.push(`before: ${typeof (request as { session?: unknown }).session}`));
      app.addHook("onSend", async (request) => void (sessionOf(request)["earlySend"] = true));
      await library.register(app);
      for (const hook of ["onRequest", "preValidation", "preHandler"] as const) {
        app.addHook(hook, async (request: unknown) => void (sessionOf(request)[hook] = true));
      }
      app.addHook("preParsing", async (request) => void (sessionOf(request)["preParsing"] = true));
      app.addHook("preSerialization", async (request) => void (sessionOf(request)["preSerialization"] = true));
      app.addHook("onError", async (request) => void (sessionOf(request)["onError"] = true));
      app.get("/keys", (request) => ({ keys: Object.keys(sessionOf(request)).sort() }));
      app.get("/fail", () => Promise.reject(new Error("no")));
    });
    await browser.send("/keys");
    expect((await browser.send("/fail")).status).toBe(500);
    const { keys } = await browser.json<{ keys: string[] }>("/keys");
    const always = ["cookie", "earlySend", "onError", "onRequest", "preHandler", "preParsing", "preSerialization", "preValidation"];
    expect(keys).toEqual(always);
    expect(new Set(seen)).toEqual(new Set(["before: object"]));
  });

  test("[A38] an error handler reads and writes the session", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      app.setErrorHandler(async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
        sessionOf(request)["lastError"] = (error as Error).message;
        return reply.code(418).send({ visits: sessionOf(request)["visits"] });
      });
      app.get("/fail", (request) => {
        visit(request);
        throw new Error("no tea");
      });
      app.get("/last", (request) => ({ last: sessionOf(request)["lastError"], visits: sessionOf(request)["visits"] }));
    });
    const reply = await browser.send("/fail");
    expect([reply.status, reply.json()]).toEqual([418, { visits: 1 }]);
    expect(await browser.json("/last")).toEqual({ last: "no tea", visits: 1 });
  });

  test("[A38] a not-found handler reads and writes the session", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      app.setNotFoundHandler({ preHandler: async (request: unknown) => void visit(request) }, (request, reply) =>
        reply.code(404).send(visit(request)),
      );
      addRoutes(app, VISITS);
    });
    const reply = await browser.send("/nowhere");
    expect([reply.status, reply.json(), reply.setCookies.length]).toEqual([404, { visits: 2 }, 1]);
    expect(await browser.json("/read")).toEqual({ visits: 2 });
  });

  test("[A38] without a handler of one's own, 404 is Fastify's", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, VISITS);
    });
    await browser.send("/visit");
    expect((await browser.send("/nowhere")).json()).toMatchObject({ statusCode: 404, error: "Not Found" });
    expect(await browser.json("/read")).toEqual({ visits: 1 });
  });

  test("[A38] HEAD of a GET route, OPTIONS and other methods", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, VISITS);
      app.route({ method: ["OPTIONS", "PUT", "DELETE", "POST"], url: "/visit", handler: async (request) => visit(request) });
    });
    const head = await browser.send("/visit", { method: "HEAD" });
    expect([head.status, head.body, head.setCookies.length]).toEqual([200, "", 1]);
    for (const method of ["OPTIONS", "PUT", "DELETE", "POST"]) expect((await browser.send("/visit", { method })).status).toBe(200);
    expect(await browser.json("/read")).toEqual({ visits: 5 });
  });

  test("[A38] registered in a context: there, in those inside it, and nowhere else", async () => {
    const { browser } = await startSite(async (app) => {
      await app.register(async (shop) => {
        await library.register(shop);
        addRoutes(shop, VISITS);
        await shop.register(async (inside) => addRoutes(inside, { "/inside": ({ request }) => visit(request) }));
      });
      app.get("/outside", (request) => ({ has: "session" in request }));
    });
    await browser.send("/visit");
    expect(await browser.json("/inside")).toEqual({ visits: 2 });
    const outside = await browser.send("/outside");
    expect([outside.json(), outside.setCookies]).toEqual([{ has: false }, []]);
  });

  test("[A38] two contexts with cookies of two names: each has its own session", async () => {
    const { browser } = await startSite(async (app) => {
      for (const name of ["one", "two"]) {
        await app.register(
          async (context) => {
            await library.register(context, { cookieName: name });
            addRoutes(context, VISITS);
          },
          { prefix: `/${name}` },
        );
      }
    });
    for (const path of ["/one/visit", "/one/visit", "/two/visit"]) await browser.send(path);
    expect([await browser.json("/one/read"), await browser.json("/two/read")]).toEqual([{ visits: 2 }, { visits: 1 }]);
    expect(browser.cookieNames).toEqual(["one", "two"]);
  });

  test("[A38] inject: cookies go in and come out", async () => {
    const { app } = await startSite(async (instance) => {
      await library.register(instance);
      addRoutes(instance, VISITS);
    });
    for (let round = 0; round < 8; round++) {
      const first = await app.inject({ url: "/visit" });
      const [cookie] = first.cookies;
      expect([first.statusCode, first.json(), cookie?.name]).toEqual([200, { visits: 1 }, COOKIE]);
      const second = await app.inject({ url: "/visit", cookies: { [COOKIE]: cookie?.value ?? "" } });
      expect(second.json()).toEqual({ visits: 2 });
    }
  });

  test("[A38] a stream is sent as it is, and what was written before it is there for who follows its headers", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, {
        ...VISITS,
        "/stream": ({ request, reply }) => {
          visit(request);
          void reply.type("text/plain").send(Readable.from(["one ", "two ", "three"]));
        },
      });
    });
    let early: Promise<unknown> | undefined;
    const reply = await browser.send("/stream", { onHeaders: () => (early = browser.json("/read")) });
    expect([reply.body, reply.setCookies.length]).toEqual(["one two three", 1]);
    expect(await early).toEqual({ visits: 1 });
  });

  test("[A38] a redirect never outruns what was written", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, {
        ...VISITS,
        "/redirect": ({ request, reply }) => {
          visit(request);
          void reply.redirect("/read");
        },
      });
    });
    const reply = await browser.send("/redirect");
    expect([reply.status, reply.headers.location, reply.setCookies.length]).toEqual([302, "/read", 1]);
    expect(await browser.json("/read")).toEqual({ visits: 1 });
  });

  test("[A38] an upgrade that the server handles itself is none of the plugin's affair", async () => {
    const { app, browser, url } = await startSite(async (instance) => {
      await library.register(instance);
      addRoutes(instance, VISITS);
    });
    const sockets = new WebSocketServer({ noServer: true });
    app.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.send("hello")),
    );
    await browser.send("/visit");
    const client = new WebSocket(url.replace("http", "ws"), { headers: { cookie: browser.header() } });
    onTestFinished(() => client.terminate());
    const [message] = (await once(client, "message")) as [Buffer];
    expect(message.toString()).toBe("hello");
  });

  test("[A38] an upgrade that is routed, as @fastify/websocket does it: its hooks and handler have the session", async () => {
    const { app, browser, url } = await startSite(async (instance) => {
      await library.register(instance);
      addRoutes(instance, {
        ...VISITS,
        "/socket": async ({ request, reply, session }) => {
          reply.hijack();
          const { socket, head } = (request.raw as IncomingMessage & { upgrade: { socket: Duplex; head: Buffer } })["upgrade"];
          const before = session["visits"];
          visit(request);
          await session.save();
          new WebSocketServer({ noServer: true }).handleUpgrade(request.raw, socket, head, (webSocket) => webSocket.send(String(before)));
        },
      });
    });
    app.server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      Object.assign(request, { upgrade: { socket, head } });
      const response = new ServerResponse(request);
      response.assignSocket(socket as never);
      app.routing(request, response);
    });
    await browser.send("/visit");
    const client = new WebSocket(`${url.replace("http", "ws")}/socket`, { headers: { cookie: browser.header() } });
    onTestFinished(() => client.terminate());
    const [message] = (await once(client, "message")) as [Buffer];
    expect(message.toString()).toBe("1");
    expect(await browser.json("/read")).toEqual({ visits: 2 });
  });

  test("[A38] a client that goes away: the hook has the session, and what the handler wrote is kept", async () => {
    const gate = new Gate();
    const aborted: unknown[] = [];
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      app.addHook("onRequestAbort", async (request) => void aborted.push(sessionOf(request)["visits"]));
      addRoutes(app, {
        ...VISITS,
        "/slow": async ({ request }) => {
          await gate.wait();
          return visit(request);
        },
      });
    });
    await browser.send("/visit");
    const controller = new AbortController();
    const leaving = browser.send("/slow", { signal: controller.signal }).catch(() => undefined);
    await gate.reached;
    controller.abort();
    await leaving;
    await eventually(() => expect(aborted).toEqual([1]));
    gate.open();
    await eventually(async () => expect(await browser.json("/read")).toEqual({ visits: 2 }));
  });
});

/** Whether a request that its own cookie is set on and the session's has both. */
async function cookiesOf(build: (app: FastifyInstance) => Promise<unknown>): Promise<string[]> {
  const { browser } = await startSite(async (app) => {
    await build(app);
    app.get("/", async (request, reply) => {
      void reply.setCookie("own", "1").setCookie("other", "2", { path: "/" });
      return { ...visit(request), parsed: Object.keys(request.cookies) };
    });
  });
  const [first, second] = [await browser.send("/"), await browser.send("/")];
  const names = first.setCookies.map(({ name }) => name).toSorted();
  return [...names, ...(second.json() as { parsed: string[] }).parsed.toSorted()];
}

describeLibraries("beside @fastify/cookie", (library) => {
  test("[A38] cookies of the application's own and that of the session, on one reply", async () => {
    if (library.name === "converge-session") return;
    expect(await cookiesOf((app) => library.register(app))).toEqual(["other", "own", COOKIE, "other", "own", COOKIE]);
  });
});

describeOurs("ours in the life cycle", (library: Library) => {
  test("[A38] @fastify/cookie may come after it, too", async () => {
    if (library.name !== "converge-session") return;
    const both = async (app: FastifyInstance): Promise<void> => {
      await library.register(app);
      await app.register(fastifyCookie);
    };
    expect(await cookiesOf(both)).toEqual(["other", "own", COOKIE, "other", "own", COOKIE]);
  });

  test("[A38] hijacked and raw replies commit and have the cookie, however they are sent", async () => {
    const raw: Record<string, (response: ServerResponse) => void> = {
      end: (response) => void response.end("raw"),
      head: (response) => void response.writeHead(200, { "content-type": "text/plain" }).end("raw"),
      parts: (response) => {
        response.write("r");
        response.write("a");
        response.end("w");
      },
      flush: (response) => {
        response.flushHeaders();
        response.end("raw");
      },
      pipe: (response) => {
        const stream = new PassThrough();
        stream.pipe(response);
        stream.end("raw");
      },
    };
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, {
        ...VISITS,
        "/raw": ({ request, reply, query }) => {
          visit(request);
          reply.hijack();
          raw[query["how"] ?? ""]?.(reply.raw);
        },
      });
    });
    for (const how of Object.keys(raw)) {
      const visitor = browser.fork();
      const reply = await visitor.send(`/raw?how=${how}`);
      expect([how, reply.body, reply.setCookies.length]).toEqual([how, "raw", 1]);
      expect(await visitor.json("/read")).toEqual({ visits: 1 });
    }
  });

  test("[A38] hooks of onSend that come after it may still write; onResponse and onTimeout may, with save()", async () => {
    const timedOut: unknown[] = [];
    const gate = new Gate();
    const { browser } = await startSite(
      async (app) => {
        await library.register(app);
        app.addHook("onSend", async (request) => {
          const session = sessionOf(request) as ReturnType<typeof sessionOf> | null;
          if (session !== null) session["lateSend"] = true;
        });
        app.addHook("onResponse", async (request) => {
          sessionOf(request)["response"] = true;
          await sessionOf(request).save();
        });
        app.addHook("onTimeout", async (request) => {
          sessionOf(request)["timeout"] = true;
          await sessionOf(request).save();
          timedOut.push(sessionOf(request)["visits"]);
        });
        addRoutes(app, {
          ...VISITS,
          "/hang": () => gate.wait(),
          "/keys": ({ session }) => ({ keys: Object.keys(session) }),
        });
      },
      { connectionTimeout: 200 },
    );
    onTestFinished(() => gate.open());
    await browser.send("/visit");
    await eventually(async () =>
      expect(await browser.json("/keys")).toEqual({ keys: expect.arrayContaining(["lateSend", "response", "visits"]) as unknown }),
    );
    await browser.send("/hang").catch(() => undefined);
    await eventually(() => expect(timedOut).toEqual([1]));
    expect(await browser.json("/keys")).toEqual({ keys: expect.arrayContaining(["timeout"]) as unknown });
  });

  test("[A38] a second time in one context, or inside one that has sessions, is refused, and says what to do", async () => {
    for (const isNested of [false, true]) {
      const app = createFastify();
      onTestFinished(() => app.close());
      await library.register(app);
      const again = async (context: FastifyInstance): Promise<void> => {
        await context.register(library.plugin, { secret: SECRET, cookieName: "other" });
      };
      const both = async (): Promise<void> => {
        await (isNested ? app.register(again) : again(app));
        await app.ready();
      };
      await expect(both()).rejects.toMatchObject({
        code: "OPTION_INVALID",
        message: expect.stringMatching(/Register sessions once/) as unknown,
      });
    }
  });

  test("[A38] an application that logs or copies its request shows nothing of the session but names", async () => {
    const { browser } = await startSite(async (app) => {
      await library.register(app);
      addRoutes(app, {
        "/": ({ request }) => {
          visit(request);
          return {
            own: Object.keys(request).filter((name) => /session/i.test(name)),
            json: JSON.stringify({ session: sessionOf(request) }),
          };
        },
        "/assign": ({ request }) => {
          assign(request, { only: 1 });
          return { ...sessionOf(request), cookie: undefined };
        },
      });
    });
    expect(await browser.json("/")).toEqual({ own: [], json: expect.stringContaining('"visits":1') as unknown });
    expect(await browser.json("/assign")).toEqual({ only: 1 });
  });
});
