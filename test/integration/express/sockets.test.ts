import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server as SocketServer } from "socket.io";
import { io } from "socket.io-client";
import type { Socket } from "socket.io-client";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { eventually } from "../../support/eventually.ts";
import { called, describeLibraries, listen, route, sessionOf } from "./library.ts";
import type { PlainMiddleware, SessionSurface, Setup, Site } from "./library.ts";

/** How the examples of `ws` and of express-session call a middleware on an upgrade: there is no response. */
const NO_RESPONSE = {} as ServerResponse;

function addRoutes(setup: Setup, parser: PlainMiddleware) {
  const app = setup.express();
  app.use(parser);
  app.get(
    "/login",
    route(({ session }) => {
      session["userId"] = "ada";
      return session.id;
    }),
  );
  app.get(
    "/write/:name",
    route(({ request, session }) => {
      session[String(request.params["name"])] = true;
      return "written";
    }),
  );
  app.get(
    "/read",
    route(({ session }) => Object.fromEntries(Object.entries(session).filter(([name]) => name !== "cookie"))),
  );
  app.delete(
    "/logout",
    route(async ({ session }) => {
      await called((callback) => session.destroy(callback));
      return "out";
    }),
  );
  return app;
}

describeLibraries("ws", (setup: Setup) => {
  const { library } = setup;

  interface Chat extends Omit<Site, "errors"> {
    readonly failures: unknown[];
    connect(cookie: string): Promise<WebSocket>;
  }

  async function startChat(onMessage: (session: SessionSurface, text: string, request: IncomingMessage) => unknown): Promise<Chat> {
    const parser = library.session() as unknown as PlainMiddleware;
    const server = createServer(addRoutes(setup, parser));
    const sockets = new WebSocketServer({ noServer: true });
    const failures: unknown[] = [];
    server.on("upgrade", (request, socket, head) => {
      parser(request, NO_RESPONSE, (error) => {
        if (error !== undefined) failures.push(error);
        // The session may be absent altogether: as `ws` has it in its example.
        const session = sessionOf(request) as SessionSurface | undefined;
        if (session?.["userId"] === undefined) {
          socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
          return;
        }
        sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit("connection", webSocket, request));
      });
    });
    sockets.on("connection", (webSocket, request) => {
      webSocket.on("message", (data) => {
        const answer = async (): Promise<void> => {
          try {
            webSocket.send(JSON.stringify(await onMessage(sessionOf(request), (data as Buffer).toString("utf8"), request)));
          } catch (error) {
            failures.push(error);
            webSocket.close(1011);
          }
        };
        void answer();
      });
    });
    const site = await listen(server);
    onTestFinished(() => sockets.clients.forEach((each) => each.terminate()));
    const connect = (cookie: string): Promise<WebSocket> => {
      const webSocket = new WebSocket(site.url.replace("http", "ws"), { headers: cookie === "" ? {} : { cookie } });
      onTestFinished(() => webSocket.terminate());
      return new Promise((resolve, reject) => {
        webSocket.on("open", () => resolve(webSocket));
        webSocket.on("error", reject);
      });
    };
    return { ...site, failures, connect };
  }

  function ask(webSocket: WebSocket, text: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      webSocket.once("message", (data) => resolve(JSON.parse((data as Buffer).toString("utf8"))));
      webSocket.once("close", (code) => reject(new Error(`closed with ${code}`)));
      webSocket.send(text);
    });
  }

  test("an upgrade with the cookie finds the session, one without is refused", async () => {
    const chat = await startChat((session) => ({ user: session["userId"], id: session.id }));
    const id = await chat.browser.json<string>("/login");
    const webSocket = await chat.connect(chat.browser.header());
    expect(await ask(webSocket, "who")).toEqual({ user: "ada", id });
    await expect(chat.connect("")).rejects.toThrow("401");
    expect(chat.failures).toEqual([]);
  });

  test("request.sessionID is there as well", async () => {
    const chat = await startChat((_session, _text, request) => (request as unknown as { sessionID: string }).sessionID);
    const id = await chat.browser.json<string>("/login");
    expect(await ask(await chat.connect(chat.browser.header()), "id")).toBe(id);
  });

  test("what a message writes is there after save, and not lost to a request in between", async () => {
    const chat = await startChat(async (session, text) => {
      session["said"] = text;
      await called((callback) => session.save(callback));
      return "saved";
    });
    await chat.browser.send("/login");
    const webSocket = await chat.connect(chat.browser.header());
    await chat.browser.send("/write/between");
    expect(await ask(webSocket, "hello")).toBe("saved");
    const found = { userId: "ada", said: "hello" };
    // express-session writes back the snapshot of the upgrade.
    expect(await chat.browser.json("/read")).toEqual(library.pick<object>({ peer: found, ours: { ...found, between: true } }));
  });

  test("several saves of one socket", async () => {
    const chat = await startChat(async (session) => {
      session["count"] = ((session["count"] as number | undefined) ?? 0) + 1;
      await called((callback) => session.save(callback));
      return session["count"];
    });
    await chat.browser.send("/login");
    const webSocket = await chat.connect(chat.browser.header());
    expect([await ask(webSocket, ""), await ask(webSocket, ""), await ask(webSocket, "")]).toEqual([1, 2, 3]);
    expect(await chat.browser.json("/read")).toEqual({ userId: "ada", count: 3 });
  });

  test("reload shows what a request wrote meanwhile", async () => {
    const chat = await startChat(async (session, _text, request) => {
      await called((callback) => session.reload(callback));
      return sessionOf(request)["between"] ?? null;
    });
    await chat.browser.send("/login");
    const webSocket = await chat.connect(chat.browser.header());
    expect(await ask(webSocket, "")).toBe(null);
    await chat.browser.send("/write/between");
    expect(await ask(webSocket, "")).toBe(true);
  });

  test("a socket that outlives the logout does not bring the session back", async () => {
    const chat = await startChat(async (session) => {
      session["late"] = true;
      await called((callback) => session.save(callback)).catch(() => undefined);
      return "tried";
    });
    await chat.browser.send("/login");
    const old = chat.browser.fork();
    const webSocket = await chat.connect(chat.browser.header());
    await chat.browser.send("/logout", { method: "DELETE" });
    expect(await ask(webSocket, "")).toBe("tried");
    expect(await old.json("/read")).toEqual(library.pick({ peer: { userId: "ada", late: true }, ours: {} }));
  });

  test("a write without save is not kept: no response ends that would save it", async () => {
    const chat = await startChat((session) => {
      session["unsaved"] = true;
      return "written";
    });
    await chat.browser.send("/login");
    expect(await ask(await chat.connect(chat.browser.header()), "")).toBe("written");
    expect(await chat.browser.json("/read")).toEqual({ userId: "ada" });
  });
});

describeLibraries("socket.io", (setup: Setup) => {
  const { library } = setup;

  async function startSockets(onConnection: (socket: { readonly request: IncomingMessage; on: ServerListener }) => void) {
    const parser = library.session() as unknown as PlainMiddleware;
    const server = createServer(addRoutes(setup, parser));
    const sockets = new SocketServer(server);
    sockets.engine.use(parser);
    sockets.on("connection", (socket) => onConnection({ request: socket.request, on: (name, listener) => socket.on(name, listener) }));
    const site = await listen(server);
    onTestFinished(() => sockets.close());
    const connect = async (cookie: string, transport: "websocket" | "polling"): Promise<Socket> => {
      const socket = io(site.url, {
        transports: [transport],
        forceNew: true,
        reconnection: false,
        extraHeaders: cookie === "" ? {} : { cookie },
      });
      onTestFinished(() => void socket.disconnect());
      await new Promise<void>((resolve, reject) => {
        socket.on("connect", resolve);
        socket.on("connect_error", reject);
      });
      return socket;
    };
    return { ...site, connect };
  }

  type ServerListener = (name: string, listener: (answer: (value: unknown) => void) => void) => unknown;

  for (const transport of ["websocket", "polling"] as const) {
    test(`socket.request.session, by ${transport}`, async () => {
      const site = await startSockets((socket) => {
        socket.on("who", (answer) => answer({ user: sessionOf(socket.request)["userId"], id: sessionOf(socket.request).id }));
      });
      const id = await site.browser.json<string>("/login");
      const socket = await site.connect(site.browser.header(), transport);
      expect(await socket.emitWithAck("who")).toEqual({ user: "ada", id });
    });
  }

  test("an event handler saves, and a request at the same time keeps its write", async () => {
    const site = await startSockets((socket) => {
      socket.on("write", (answer) => {
        const session = sessionOf(socket.request);
        session["bySocket"] = true;
        session.save((error) => answer(error === undefined || error === null ? "saved" : "failed"));
      });
    });
    await site.browser.send("/login");
    const socket = await site.connect(site.browser.header(), "websocket");
    await site.browser.send("/write/byRequest");
    expect(await socket.emitWithAck("write")).toBe("saved");
    const found = { userId: "ada", bySocket: true };
    expect(await site.browser.json("/read")).toEqual(library.pick<object>({ peer: found, ours: { ...found, byRequest: true } }));
  });

  test("reload, then write: what socket.io's own guide does", async () => {
    const site = await startSockets((socket) => {
      socket.on("count", (answer) => {
        sessionOf(socket.request).reload((error) => {
          if (error !== undefined && error !== null) {
            answer("no session");
            return;
          }
          const session = sessionOf(socket.request);
          session["count"] = ((session["count"] as number | undefined) ?? 0) + 1;
          session.save(() => answer(session["count"]));
        });
      });
    });
    await site.browser.send("/login");
    const socket = await site.connect(site.browser.header(), "websocket");
    await site.browser.send("/write/byRequest");
    expect(await socket.emitWithAck("count")).toBe(1);
    expect(await socket.emitWithAck("count")).toBe(2);
    expect(await site.browser.json("/read")).toEqual({ userId: "ada", byRequest: true, count: 2 });
    await site.browser.send("/logout", { method: "DELETE" });
    expect(await socket.emitWithAck("count")).toBe("no session");
  });

  test("a visitor without a session gets a socket with an empty one", async () => {
    const site = await startSockets((socket) => {
      socket.on("names", (answer) => answer(Object.keys(sessionOf(socket.request)).filter((name) => name !== "cookie")));
    });
    const socket = await site.connect("", "websocket");
    expect(await socket.emitWithAck("names")).toEqual([]);
    await eventually(() => expect(socket.connected).toBe(true));
  });
});
