import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { session } from "../../../src/adapters/node/index.ts";
import type { NodeSessionOptions } from "../../../src/adapters/node/index.ts";
import { session as koaSession } from "../../../src/adapters/koa/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import Koa from "koa";
import { eventually } from "../../support/eventually.ts";
import { listen, Visitor } from "../koa/library.ts";

const SECRET = "a secret of tests, with its thirty-two bytes and more";

interface Seat {
  readonly heard: unknown[];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
}

interface Site {
  readonly visitor: Visitor;
  sit(visitor: Visitor): Seat;
  readonly engine: ReturnType<typeof createEngine>;
}

/** A server whose sockets tell what they see of their session; `kind`: whose `open` gives it to them. */
async function start(kind: "node" | "koa", options: Partial<NodeSessionOptions> = {}): Promise<Site> {
  const engine = createEngine({ idleTimeoutMs: 60_000 });
  onTestFinished(() => engine.close());
  const shared = { secret: SECRET, engine, onNotice: () => undefined };
  const sessions = session({ ...shared, ...options } as NodeSessionOptions);
  const open = kind === "node" ? sessions.open : koaSession(shared, new Koa()).open;
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const found = await sessions(request, response);
      if (request.url === "/logout") await found.destroy();
      else if (request.url === "/write") found["name"] = `Ada ${Number(found["count"] ?? 0)}`;
      if (request.url === "/write") found["count"] = Number(found["count"] ?? 0) + 1;
      response.end();
    };
    void answer();
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    void open(request).then((handle) => {
      if (handle === undefined) {
        socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => {
        client.send(JSON.stringify(handle.get("name") ?? null));
        const stop = handle.observe((change) => {
          if (change.type === "ended") client.close(4401);
          else client.send(JSON.stringify(handle.get("name") ?? null));
        });
        client.on("message", () => handle.touch());
        client.on("close", stop);
      });
    });
  });
  const { url } = await listen(server);
  const { port } = server.address() as AddressInfo;
  const sit = (visitor: Visitor): Seat => {
    const cookie = [...visitor.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { cookie } });
    onTestFinished(() => socket.terminate());
    const heard: unknown[] = [];
    socket.on("message", (data: Buffer) => heard.push(JSON.parse(data.toString())));
    socket.on("error", () => undefined);
    return { heard, socket, closed: new Promise((resolve) => socket.on("close", resolve)) };
  };
  return { visitor: new Visitor(url), sit, engine };
}

test.each(["node", "koa"] as const)("[A33] %s: a socket has its session live: it sees changes, and hears the end", async (kind) => {
  const { visitor, sit } = await start(kind);
  await visitor.send("/write");
  const seat = sit(visitor);
  await eventually(() => expect(seat.heard).toEqual(["Ada 0"]));
  await visitor.send("/write");
  await eventually(() => expect(seat.heard.at(-1)).toBe("Ada 1"));
  await visitor.send("/logout");
  expect(await seat.closed).toBe(4401);
});

test.each(["node", "koa"] as const)("[A33] %s: what a socket does keeps its session alive", async (kind) => {
  const { visitor, sit, engine } = await start(kind);
  await visitor.send("/write");
  const touchedAtMs = async (): Promise<number> => {
    for await (const each of engine.sessions()) return each.touchedAtMs;
    throw new Error("no session");
  };
  const seat = sit(visitor);
  await eventually(() => expect(seat.heard).toHaveLength(1));
  const before = await touchedAtMs();
  seat.socket.send("I am here");
  await eventually(async () => expect(await touchedAtMs()).toBeGreaterThan(before));
});

test.each(["node", "koa"] as const)("[A33] %s: nobody gets a session without a valid id", async (kind) => {
  const { visitor, sit } = await start(kind);
  expect(await sit(visitor).closed).toBe(1006);
  visitor.jar.set("sid", "forged.forged");
  expect(await sit(visitor).closed).toBe(1006);
});

test("[A33] Koa: open by externalKey, and with a cookie that is asked with ctx, needs the application", async () => {
  const app = new Koa();
  const externalKey = {
    get: (context: Koa.Context) => context.get("my-session"),
    set: (context: Koa.Context, id: string) => context.set("my-session", id),
  };
  const sessions = koaSession({ secret: SECRET, externalKey, onNotice: () => undefined }, app);
  onTestFinished(() => sessions.engine.close());
  app.use(sessions);
  app.use((context) => {
    if (context.session !== null) context.session["name"] = "Ada";
    context.body = "";
  });
  const opened: unknown[] = [];
  const answer = app.callback();
  const { url } = await listen(
    createServer((request, response) => {
      if (request.url !== "/open") return void answer(request, response);
      return void sessions.open(request).then((handle) => {
        opened.push(handle?.get("name"));
        response.end();
      });
    }),
  );
  const id = (await fetch(url)).headers.get("my-session") ?? "";
  await fetch(`${url}/open`, { headers: { "my-session": id } });
  await fetch(`${url}/open`, { headers: { "my-session": "x".repeat(43) } });
  expect(opened).toEqual(["Ada", undefined]);
  const alone = koaSession({ secret: SECRET, externalKey, onNotice: () => undefined });
  onTestFinished(() => alone.engine.close());
  await expect(alone.open({ headers: {}, socket: {} } as never)).rejects.toMatchObject({ code: "OPTION_INVALID" });
});
