import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import compression from "compression";
import express from "express";
import express4 from "express4";
import { afterEach, describe, expect, test } from "vitest";
import { session } from "../../../src/adapters/express/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { SECRET } from "./frameworks.ts";
import { GatedStore } from "./gated-store.ts";

/** A request and a response as the session middleware needs them, whoever made them. */
type Next = (error?: unknown) => void;
type Bare = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

const closing: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function make(persist: "before" | "after" = "after") {
  const store = new GatedStore();
  const engine = createEngine({ store, persist });
  closing.push(() => engine.close());
  const sessions = session({ secret: SECRET, engine, onNotice: () => undefined });
  return { store, sessions: sessions as unknown as Bare };
}

function attributesOf(request: IncomingMessage): Record<string, unknown> {
  return (request as unknown as { session: Record<string, unknown> }).session;
}

async function listen(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Ways to answer, as Node's HTTP/1 and HTTP/2 responses both know them. */
const WAYS: Record<string, { readonly body: string; send(response: ServerResponse): void }> = {
  "end()": { body: "", send: (response) => void response.end() },
  "end(body)": { body: "one two", send: (response) => void response.end("one two") },
  "write and end": {
    body: "one two",
    send: (response) => {
      response.write("one ");
      response.end("two");
    },
  },
  "writeHead(object)": { body: "one two", send: (response) => void response.writeHead(200, { "X-Way": "1" }).end("one two") },
  "writeHead and end()": { body: "", send: (response) => void response.writeHead(204).end() },
  flushHeaders: {
    body: "one two",
    send: (response) => {
      response.flushHeaders();
      response.end("one two");
    },
  },
};

function answering(sessions: Bare): Bare {
  return (request, response) => {
    const [path, way = ""] = decodeURIComponent(request.url ?? "").split("?");
    sessions(request, response, (error) => {
      if (error !== undefined) {
        response.statusCode = (error as { status?: number }).status ?? 500;
        response.end("failed");
        return;
      }
      if (path === "/write") attributesOf(request)["name"] = "Ada";
      if (path === "/refused") attributesOf(request)["run"] = () => 1;
      if (path === "/get") response.end(String(attributesOf(request)["name"]));
      else WAYS[way]?.send(response);
    });
  };
}

interface Answer {
  readonly status: number;
  readonly cookies: readonly string[];
  readonly body: string;
}

/** Asks an HTTP/2 server over plain TCP. */
async function overHttp2(port: number, path: string, headers: IncomingHttpHeaders = {}): Promise<Answer> {
  const client = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = client.request({ ":path": encodeURI(path), ":authority": `127.0.0.1:${port}`, ...headers });
    const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status"?: number }];
    let body = "";
    for await (const chunk of stream) body += String(chunk);
    return { status: answer[":status"] ?? 0, cookies: answer["set-cookie"] ?? [], body };
  } finally {
    client.close();
  }
}

async function overHttp1(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${encodeURI(path)}`, { headers });
  return { status: response.status, cookies: response.headers.getSetCookie(), body: await response.text() };
}

const PROTOCOLS = [
  {
    name: "HTTP/2",
    ask: overHttp2,
    serve: (handle: Bare) =>
      createHttp2Server((request: Http2ServerRequest, response: Http2ServerResponse) =>
        handle(request as unknown as IncomingMessage, response as unknown as ServerResponse, () => undefined),
      ),
  },
  {
    name: "HTTP/1",
    ask: overHttp1,
    serve: (handle: Bare) => createServer((request, response) => handle(request, response, () => undefined)),
  },
];

describe.each(PROTOCOLS)("the middleware on bare Node: $name", ({ ask, serve }) => {
  test.each(Object.keys(WAYS))("[A34] %s: commit and cookie come before the headers, at once or after a wait", async (way) => {
    for (const persist of ["after", "before"] as const) {
      const { store, sessions } = make(persist);
      const port = await listen(serve(answering(sessions)));
      store.hold();
      let isAnswered = false;
      const asked = ask(port, `/write?${way}`).finally(() => (isAnswered = true));
      await expect.poll(() => store.waitingCount).toBeGreaterThan(0);
      if (persist === "before") expect(isAnswered).toBe(false);
      store.open();
      const { status, cookies, body } = await asked;
      expect({ status, body }).toEqual({ status: way.startsWith("writeHead and") ? 204 : 200, body: WAYS[way]?.body });
      expect(cookies).toEqual([expect.stringMatching(/^sid=.*; Path=\/; HttpOnly; SameSite=Lax$/)]);
      const cookie = cookies[0]?.split(";")[0] ?? "";
      expect(await ask(port, "/get", { cookie })).toMatchObject({ body: "Ada", cookies: [] });
    }
  });

  test.each(Object.keys(WAYS))("[A34] %s: a value that cannot be stored reaches next(error), and no body is mixed", async (way) => {
    const { sessions } = make();
    const port = await listen(serve(answering(sessions)));
    expect(await ask(port, `/refused?${way}`)).toEqual({ status: 500, cookies: [], body: "failed" });
  });
});

describe.each([
  ["Express 5", () => express()],
  ["Express 4", () => express4() as unknown as express.Express],
])("streams and wrappers: %s", (_name, createApp) => {
  test("[A34] informational responses go out before the commit, and change nothing", async () => {
    const { sessions } = make();
    const app = createApp();
    app.use(sessions as express.RequestHandler);
    app.get("/", (request, response) => {
      attributesOf(request)["name"] = "Ada";
      response.writeEarlyHints({ link: "</style.css>; rel=preload" });
      response.writeProcessing();
      response.send("done");
    });
    const port = await listen(createServer(app));
    const asked = httpRequest({ port, host: "127.0.0.1" });
    const hints: number[] = [];
    asked.on("information", ({ statusCode }) => hints.push(statusCode));
    asked.end();
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    response.resume();
    expect({ hints, status: response.statusCode, cookies: response.headers["set-cookie"]?.length }).toEqual({
      hints: [103, 102],
      status: 200,
      cookies: 1,
    });
  });

  test("[A34] server-sent events leave as they are written, and what is written late is committed", async () => {
    const { sessions } = make();
    const app = createApp();
    app.use(sessions as express.RequestHandler);
    let finish: () => void = () => undefined;
    app.get("/events", (request, response) => {
      attributesOf(request)["seen"] = 1;
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.flushHeaders();
      response.write("data: 1\n\n");
      finish = () => {
        attributesOf(request)["seen"] = 2;
        response.end("data: 2\n\n");
      };
    });
    app.get("/get", (request, response) => void response.json(attributesOf(request)["seen"]));
    const port = await listen(createServer(app));
    const response = await fetch(`http://127.0.0.1:${port}/events`);
    const cookie = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(new TextDecoder().decode(first?.value as Uint8Array)).toBe("data: 1\n\n");
    expect(await (await fetch(`http://127.0.0.1:${port}/get`, { headers: { cookie } })).json()).toBe(1);
    finish();
    const last = await reader?.read();
    expect(new TextDecoder().decode(last?.value as Uint8Array)).toBe("data: 2\n\n");
    expect(await (await fetch(`http://127.0.0.1:${port}/get`, { headers: { cookie } })).json()).toBe(2);
  });

  test.each(["before", "after"] as const)("[A34] compression that stands %s the sessions loses neither cookie nor body", async (place) => {
    for (const persist of ["before", "after"] as const) {
      const { sessions } = make(persist);
      const app = createApp();
      const compress = compression({ threshold: 0 });
      app.use(...(place === "before" ? [compress, sessions as express.RequestHandler] : [sessions as express.RequestHandler, compress]));
      const body = "text that compresses ".repeat(10_000);
      app.get("/send", (request, response) => {
        attributesOf(request)["name"] = "Ada";
        response.type("text").send(body);
      });
      app.get("/stream", (request, response) => {
        attributesOf(request)["name"] = "Ada";
        response.type("text");
        for (let at = 0; at < body.length; at += 10_000) response.write(body.slice(at, at + 10_000));
        response.end();
      });
      const port = await listen(createServer(app));
      for (const path of ["/send", "/stream"]) {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { "accept-encoding": "gzip" } });
        expect({
          path,
          encoding: response.headers.get("content-encoding"),
          cookies: response.headers.getSetCookie().length,
          isWhole: (await response.text()) === body,
        }).toEqual({ path, encoding: "gzip", cookies: 1, isWhole: true });
      }
    }
  });

  test("[A34] the response of a WebSocket handshake, which is none of Node's, is left in peace", async () => {
    const { sessions } = make();
    const headers: Record<string, unknown> = {};
    const response = {
      setHeader: (name: string, value: unknown) => (headers[name] = value),
      getHeader: (name: string) => headers[name],
      removeHeader: () => undefined,
      write: () => undefined,
      writeHead: () => undefined,
      end: () => undefined,
    } as unknown as ServerResponse;
    const request = {
      headers: { host: "localhost" },
      url: "/socket.io/",
      socket: { remoteAddress: "127.0.0.1" },
    } as unknown as IncomingMessage;
    const error = await new Promise((resolve) => sessions(request, response, resolve));
    expect(error).toBeUndefined();
    expect(Object.keys(attributesOf(request))).toEqual(["cookie"]);
    response.end();
    expect(headers).toEqual({});
  });
});
