/**
 * `npm run example -- socket.io`: plain Node and socket.io. Each socket holds its session live: it sees the name change when another tab changes
 * it, keeps the session alive while it is used, and is closed when the session ends.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Server } from "socket.io";
import type { SessionHandle } from "converge-session";
import { session } from "converge-session/node";
import { listen } from "../listen.ts";
import { PAGE } from "./page.ts";

const sessions = session({ secret: process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes" });

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const visitor = await sessions(request, response);
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  switch (`${request.method} ${pathname}`) {
    case "GET /":
      visitor["name"] ??= `guest ${visitor.key.slice(0, 4)}`;
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(PAGE);
      return;
    case "POST /name":
      visitor["name"] = (searchParams.get("name") ?? "").slice(0, 40);
      response.writeHead(204).end();
      return;
    case "POST /leave":
      await visitor.destroy();
      response.writeHead(204).end();
      return;
    default:
      response.writeHead(404).end();
  }
}

const server = listen((request, response) => {
  answer(request, response).catch((error: unknown) => {
    if (!response.headersSent) response.writeHead((error as { status?: number }).status ?? 500).end();
  });
});

const io = new Server(server, {
  // Browsers send cookies with every upgrade, from whatever page: only our own may join.
  allowRequest: ({ headers }, callback) =>
    callback(null, headers.origin === undefined || headers.origin === `http://${headers.host ?? ""}`),
});

io.use((socket, next) => {
  sessions.open(socket.request).then(
    (handle) => {
      (socket.data as { handle?: SessionHandle | undefined }).handle = handle;
      next(handle === undefined ? new Error("no session") : undefined);
    },
    () => next(new Error("try again shortly")),
  );
});

io.on("connection", (socket) => {
  const { handle } = socket.data as { handle: SessionHandle };
  const name = (): string => (handle.get("name") as string | undefined) ?? "nobody";
  socket.emit("you", name());
  const stop = handle.observe((change) => {
    if (change.type === "ended") socket.disconnect(true);
    else if (change.names.includes("name")) socket.emit("you", name());
  });
  socket.on("say", (text: unknown) => {
    handle.touch();
    io.emit("said", name(), String(text).slice(0, 1000));
  });
  socket.on("disconnect", stop);
});
