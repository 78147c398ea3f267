import { createServer } from "node:http";
import express from "express";
import type { ErrorRequestHandler, Request, Response } from "express";
import peerSession from "express-session";
import { session as ownSession } from "../../../src/adapters/express/index.ts";
import { closeServer, idBeforeSignature, nameIn, portOf } from "../app.ts";
import type { App } from "../app.ts";
import { newAnswer, perform, PROGRAM_HEADER, programOf } from "../handler.ts";
import type { Answer, LibrarySession, SessionAccess } from "../handler.ts";
import { optionsOf } from "../script.ts";
import type { Script, Side } from "../script.ts";

export async function startExpress(script: Script, side: Side): Promise<App> {
  const options = optionsOf(script);
  const own = side === "ours" ? ownSession({ ...options, onNotice: () => undefined } as never) : undefined;
  const app = express();
  app.disable("x-powered-by");
  if (script.app?.trustsProxy === true) app.set("trust proxy", 1);
  app.use(own ?? peerSession(options as never));
  app.use((request, response, next) => {
    const answer = newAnswer();
    response.locals["seen"] = answer.seen;
    perform(accessOf(request), programOf(request.headers[PROGRAM_HEADER]), answer)
      .then(() => reply(request, response, answer))
      .catch(next);
  });
  if (script.app?.hasErrorHandler !== false) app.use(answerError);
  const server = createServer(app);
  const port = await portOf(server);
  return {
    port,
    cookieName: nameIn(options, ["name", "key"], side === "ours" ? "sid" : "connect.sid"),
    idIn: (value) => idBeforeSignature(side === "ours" ? value : decodeURIComponent(value).replace(/^s:/, "")),
    close: async () => {
      await closeServer(server);
      await own?.engine.close();
    },
  };
}

function accessOf(request: Request): SessionAccess {
  const held = request as unknown as { session?: LibrarySession | null };
  return {
    current: () => held.session,
    assign: (value) => void (held.session = value as LibrarySession),
    drop: () => void delete held.session,
    id: () => request.sessionID,
    call: (method) =>
      new Promise((resolve, reject) => {
        const session = request.session as unknown as Record<string, (callback: (error?: unknown) => void) => void>;
        session[method]?.((error) => (error === undefined || error === null ? resolve(undefined) : reject(asError(error))));
      }),
  };
}

async function reply(request: Request, response: Response, answer: Answer): Promise<void> {
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  for (const line of answer.ownCookies) response.append("Set-Cookie", line);
  response.status(answer.status);
  switch (answer.kind) {
    case "redirect":
      return response.redirect(answer.location);
    case "text":
      return void response.send("text");
    case "empty":
      return void response.end();
    case "stream":
      response.write("[");
      await perform(accessOf(request), answer.late, answer);
      return void response.end(`${JSON.stringify(answer.seen)}]`);
    case "json":
      return void response.json(answer.seen);
  }
}

const answerError: ErrorRequestHandler = (error: { status?: number }, _request, response, next) => {
  if (response.headersSent) next(error);
  else response.status(error.status ?? 500).json({ failed: true, seen: response.locals["seen"] as unknown });
};

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
