/**
 * `npm run example -- chat`: a chat over WebSocket. Each socket holds its session live: it sees the name change when another tab changes
 * it, keeps the session alive while somebody types, and is closed when the session ends.
 */
import express from "express";
import { WebSocketServer, type WebSocket } from "ws";
import { session } from "converge-session/express";
import { listen } from "../listen.ts";
import { CHAT_PAGE } from "./page.ts";

declare module "express-session" {
  interface SessionData {
    name: string;
  }
}

const app = express();
app.disable("x-powered-by");
const sessions = session({ secret: process.env["SESSION_SECRET"] ?? "only for this example, at least thirty-two bytes" });
app.use(sessions, express.urlencoded({ extended: false }));
app.get("/", (request, response) => {
  request.session.name ??= `guest ${request.session.key.slice(0, 4)}`;
  response.send(CHAT_PAGE);
});
app.post("/name", (request, response) => {
  const { name = "" } = (request.body ?? {}) as { name?: string };
  request.session.name = name.slice(0, 40);
  response.sendStatus(204);
});
app.post("/leave", async (request, response) => {
  await request.session.destroy();
  response.sendStatus(204);
});

const server = listen(app);
const sockets = new WebSocketServer({ noServer: true, maxPayload: 4096 });
const origin = (host: string | undefined): string => `http://${host ?? ""}`;

server.on("upgrade", (request, socket, head) => {
  // Browsers send cookies with every upgrade, from whatever page: only our own may join.
  const isOurs = request.headers.origin === origin(request.headers.host);
  const opened = isOurs ? sessions.open(request) : Promise.resolve(undefined);
  opened.then(
    (handle) => {
      if (handle === undefined) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      sockets.handleUpgrade(request, socket, head, (client) => join(client, handle));
      return undefined;
    },
    () => socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n"),
  );
});

function join(client: WebSocket, handle: NonNullable<Awaited<ReturnType<typeof sessions.open>>>): void {
  const nameNow = (): string => (handle.get("name") as string | undefined) ?? "nobody";
  const tellName = (): void => client.send(JSON.stringify({ type: "you", name: nameNow() }));
  tellName();
  const stop = handle.observe((change) => {
    if (change.type === "ended") client.close(4401, "the session is over");
    else if (change.names.includes("name")) tellName();
  });
  client.on("message", (message) => {
    handle.touch();
    const line = JSON.stringify({ type: "said", name: nameNow(), text: (message as Buffer).toString().slice(0, 1000) });
    for (const each of sockets.clients) if (each.readyState === each.OPEN) each.send(line);
  });
  client.on("close", stop);
}
