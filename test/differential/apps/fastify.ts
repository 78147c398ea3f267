import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import fastifyCookie from "@fastify/cookie";
import peerSession from "@fastify/session";
import createFastify from "fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { session as ownSession } from "../../../src/adapters/fastify/index.ts";
import { idBeforeSignature, nameIn } from "../app.ts";
import type { App } from "../app.ts";
import { newAnswer, perform, PROGRAM_HEADER, programOf } from "../handler.ts";
import type { Answer, LibrarySession, SessionAccess } from "../handler.ts";
import { optionsOf } from "../script.ts";
import type { Operation, Script, Side } from "../script.ts";

export async function startFastify(script: Script, side: Side): Promise<App> {
  const options = optionsOf(script);
  const app = createFastify({ trustProxy: script.app?.trustsProxy === true, forceCloseConnections: true });
  await app.register(fastifyCookie);
  if (side === "ours") await app.register(ownSession, { ...options, onNotice: () => undefined } as never);
  else await app.register(peerSession, { store: new CopyingStore(), ...options } as never);
  route(app, script.app?.hasErrorHandler !== false);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address() as AddressInfo | null;
  const prefix = typeof options["cookiePrefix"] === "string" ? options["cookiePrefix"] : "";
  return {
    port: address?.port ?? 0,
    cookieName: nameIn(options, ["cookieName", "name"], side === "ours" ? "sid" : "sessionId"),
    idIn: (value) => idBeforeSignature(decodeURIComponent(value).slice(side === "theirs" ? prefix.length : 0)),
    close: () => app.close(),
  };
}

/** As a database does: the MemoryStore of @fastify/session hands out the objects that it was given, so nothing there is ever stale. */
class CopyingStore {
  readonly #sessions = new Map<string, string>();

  get(id: string, callback: (error: unknown, session?: unknown) => void): void {
    const text = this.#sessions.get(id);
    callback(null, text === undefined ? undefined : JSON.parse(text));
  }

  set(id: string, session: unknown, callback: (error?: unknown) => void): void {
    this.#sessions.set(id, JSON.stringify(session));
    callback();
  }

  destroy(id: string, callback: (error?: unknown) => void): void {
    this.#sessions.delete(id);
    callback();
  }
}

const seenBy = new WeakMap<FastifyRequest, unknown[]>();

function route(app: FastifyInstance, hasErrorHandler: boolean): void {
  app.all("/*", async (request, reply) => {
    const answer = newAnswer();
    seenBy.set(request, answer.seen);
    await perform(accessOf(request), programOf(request.headers[PROGRAM_HEADER]), answer);
    return respond(request, reply, answer);
  });
  if (!hasErrorHandler) return;
  app.setErrorHandler((error: { statusCode?: number }, request, reply) => {
    void reply.status(error.statusCode ?? 500).send({ failed: true, seen: seenBy.get(request) });
  });
}

function accessOf(request: FastifyRequest): SessionAccess {
  const held = request as unknown as { session: LibrarySession | null | undefined };
  return {
    current: () => (isSession(held.session) ? held.session : null),
    assign: (value) => void (held.session = value as LibrarySession),
    drop: () => void (held.session = undefined),
    id: () => held.session?.["sessionId"] as unknown,
    call: async (method, ...parts) => {
      const session = held.session as Record<string, (...given: unknown[]) => unknown>;
      await session[method]?.(...parts);
      return undefined;
    },
    own: (operation, session) => own(operation, session, request),
  };
}

/** Outside the cookie's path @fastify/session gives a plain object; a request without a session is what it means. */
function isSession(session: LibrarySession | null | undefined): boolean {
  return session !== null && session !== undefined && typeof session["regenerate"] === "function";
}

async function own(operation: Operation, session: LibrarySession, request: FastifyRequest): Promise<unknown> {
  switch (operation[0]) {
    case "method-get":
      return (session["get"] as (name: string) => unknown).call(session, operation[1]) ?? null;
    case "method-set":
      (session["set"] as (name: string, value: unknown) => void).call(session, operation[1], operation[2]);
      return undefined;
    case "modified?":
      return (session["isModified"] as () => boolean).call(session);
    case "saved?":
      return (session["isSaved"] as () => boolean).call(session);
    case "encrypted?":
      return { id: idBeforeSignature(String(session["encryptedSessionId"])) };
    case "store?":
      return typeof (request as unknown as { sessionStore?: { get?: unknown } }).sessionStore?.get;
    case "keep":
      await (session["regenerate"] as (names: readonly string[]) => Promise<void>).call(session, operation[1]);
      return undefined;
    case "options":
      (session["options"] as (options: object) => void).call(session, operation[1]);
      return undefined;
    default:
      throw new Error(`not of Fastify: ${operation[0]}`);
  }
}

function respond(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  for (const [name, value] of Object.entries(answer.headers)) void reply.header(name, value);
  for (const line of answer.ownCookies) void reply.header("set-cookie", line);
  void reply.status(answer.status);
  switch (answer.kind) {
    case "redirect":
      return reply.redirect(answer.location);
    case "text":
      return reply.send("text");
    case "empty":
      return reply.send();
    case "stream":
      return reply.type("application/json").send(Readable.from(chunks(request, answer)));
    case "json":
      return reply.send(answer.seen);
  }
}

async function* chunks(request: FastifyRequest, answer: Answer): AsyncGenerator<string> {
  yield "[";
  await perform(accessOf(request), answer.late, answer);
  yield `${JSON.stringify(answer.seen)}]`;
}
