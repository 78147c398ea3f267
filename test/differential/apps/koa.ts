import { createServer } from "node:http";
import { Readable } from "node:stream";
import Koa from "koa";
import peerSession from "koa-session";
import { session as ownSession } from "../../../src/adapters/koa/index.ts";
import { closeServer, idBeforeSignature, nameIn, portOf } from "../app.ts";
import type { App } from "../app.ts";
import { newAnswer, perform, PROGRAM_HEADER, programOf } from "../handler.ts";
import type { Answer, LibrarySession, SessionAccess } from "../handler.ts";
import { optionsOf, SECRET } from "../script.ts";
import type { Operation, Script, Side } from "../script.ts";

/** What both `session(options, app)` give. */
type Create = (options: Record<string, unknown>, app: Koa) => Koa.Middleware & { readonly engine?: { close(): Promise<unknown> } };

export async function startKoa(script: Script, side: Side): Promise<App> {
  const options = optionsOf(script);
  const inCookie = script.app?.inCookie === true;
  const app = new Koa({ proxy: script.app?.trustsProxy === true });
  app.keys = (options["keys"] as string[] | undefined) ?? [SECRET];
  delete options["keys"];
  app.silent = true;
  const seen = new WeakMap<Koa.Context, unknown[]>();
  if (script.app?.hasErrorHandler !== false) app.use((context, next) => answerError(context, next, seen));
  const create = (side === "ours" ? ownSession : peerSession) as unknown as Create;
  const store = side === "theirs" && !inCookie ? { store: new CopyingStore() } : {};
  const quiet = side === "ours" ? { onNotice: () => undefined } : {};
  const middleware = create({ ...options, ...store, ...quiet }, app);
  app.use(middleware);
  app.use(async (context) => {
    const answer = newAnswer();
    seen.set(context, answer.seen);
    await perform(accessOf(context), programOf(context.get(PROGRAM_HEADER)), answer);
    respond(context, answer);
  });
  const handle = app.callback();
  const server = createServer((request, response) => void handle(request, response));
  const port = await portOf(server);
  return {
    port,
    cookieName: nameIn(options, ["key", "name"], side === "ours" ? "sid" : "koa.sess"),
    // A cookie that holds the data has no id.
    idIn: (value) => (inCookie ? "in the cookie" : side === "ours" ? idBeforeSignature(value) : value),
    close: async () => {
      await closeServer(server);
      await middleware.engine?.close();
    },
  };
}

/** As a database does: JSON, and by key. */
class CopyingStore {
  readonly #sessions = new Map<string, string>();

  get(key: string): Promise<unknown> {
    const text = this.#sessions.get(key);
    return Promise.resolve(text === undefined ? undefined : (JSON.parse(text) as unknown));
  }

  set(key: string, session: unknown): Promise<void> {
    this.#sessions.set(key, JSON.stringify(session));
    return Promise.resolve();
  }

  destroy(key: string): Promise<void> {
    this.#sessions.delete(key);
    return Promise.resolve();
  }
}

async function answerError(context: Koa.Context, next: Koa.Next, seen: WeakMap<Koa.Context, unknown[]>): Promise<void> {
  try {
    await next();
  } catch (error) {
    context.status = (error as { status?: number }).status ?? 500;
    context.body = { failed: true, seen: seen.get(context) };
  }
}

function accessOf(context: Koa.Context): SessionAccess {
  const held = context as unknown as { session: LibrarySession | null | undefined };
  return {
    current: () => held.session,
    assign: (value) => void (held.session = value as LibrarySession),
    drop: () => void (held.session = null),
    id: () => held.session?.["externalKey"] as unknown,
    call: async (method) => {
      if (method === "destroy") held.session = null;
      else await (held.session as Record<string, () => Promise<void>>)[method]?.();
      return undefined;
    },
    own,
  };
}

function own(operation: Operation, session: LibrarySession): unknown {
  switch (operation[0]) {
    case "new?":
      return session["isNew"] as unknown;
    case "length?":
      return session["length"] as unknown;
    case "populated?":
      return session["populated"] as unknown;
    case "maxAge?":
      return (session["maxAge"] as unknown) ?? null;
    case "external?":
      return { id: (session["externalKey"] as unknown) ?? null };
    case "commit":
      return (session["manuallyCommit"] as () => Promise<undefined>).call(session);
    case "session-maxAge":
      session["maxAge"] = operation[1];
      return undefined;
    default:
      throw new Error(`not of Koa: ${operation[0]}`);
  }
}

function respond(context: Koa.Context, answer: Answer): void {
  for (const [name, value] of Object.entries(answer.headers)) context.set(name, value);
  for (const line of answer.ownCookies) context.append("Set-Cookie", line);
  context.status = answer.status;
  switch (answer.kind) {
    case "redirect":
      return context.redirect(answer.location);
    case "text":
      context.body = "text";
      return;
    case "empty":
      context.body = "";
      return;
    case "stream":
      context.type = "json";
      context.body = Readable.from(chunks(context, answer));
      return;
    case "json":
      context.body = answer.seen;
      return;
  }
}

async function* chunks(context: Koa.Context, answer: Answer): AsyncGenerator<string> {
  yield "[";
  await perform(accessOf(context), answer.late, answer);
  yield `${JSON.stringify(answer.seen)}]`;
}
