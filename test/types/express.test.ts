import { describe, expect, test } from "vitest";
import { errorsOf } from "./program.ts";

/** `same<A, B>(true)` compiles where the two types are the same, and only there; a line marked ✗ must not compile. */
const ASSERTIONS = `
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
declare function same<Left, Right>(is: Same<Left, Right>): void;
`;

const IMPORTS = `
import express from "express";
import type { Request, RequestHandler } from "express";
import { createHmac, createSecretKey } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { SessionEngine, SessionHandle } from "../../src/index.ts";
import { createEngine, counter } from "../../src/index.ts";
import session, { cookie, header, session as named, url } from "../../src/adapters/express/index.ts";
import type { CookieData, Resolver, SessionMiddleware } from "../../src/adapters/express/index.ts";
`;

const OPTIONS = `${IMPORTS}${ASSERTIONS}
same<typeof session, typeof named>(true);
session({ secret: "s" });
session({ secret: ["s", Buffer.from("t"), createSecretKey(Buffer.from("u"))] });
session({ secret: "s", resave: false, saveUninitialized: true, rolling: undefined, unset: "destroy", proxy: true, name: "sid" });
session({ secret: "s", key: "sid", genid: (req) => req.ip ?? crypto.randomUUID() });
session({ secret: "s", cookie: { maxAge: 1, secure: "auto", sameSite: true, httpOnly: false, path: "/", domain: "example.org" } });
session({ secret: "s", cookie: { expires: new Date(), partitioned: true, priority: "high", sameSite: "auto", signed: true } });
session({ secret: "s", cookie: (req) => ({ secure: req.secure, maxAge: undefined }) });
session({ secret: "s", skip: (req) => req.path === "/health", touch: (req) => req.method !== "HEAD" });
session({ secret: "s", store: new session.MemoryStore(), attributes: { visits: counter() } });
session({ secret: "s", engine: createEngine() });
session({ secret: "s", subject: (data) => String(data["user"]) });
session({ secret: "s", resolver: header() });
session({ secret: "s", resolver: [header("X-Session"), cookie(), url("s")] });
same<ReturnType<typeof header>, Resolver>(true);
session({ secret: 5 }); // ✗
session({ secret: "s", unset: "maybe" }); // ✗
session({ secret: "s", cookie: { priority: "urgent" } }); // ✗
session({ secret: "s", cookie: { sameSite: "Lax" } }); // ✗
session({ secret: "s", cookie: () => ({ maxAge: "1h" }) }); // ✗
session({ secret: "s", genid: () => 5 }); // ✗
session({ secret: "s", proxy: "yes" }); // ✗
session({ secret: "s", resolver: "header" }); // ✗
session({ secret: "s", engine: createEngine(), store: new session.MemoryStore() }); // ✗
session({ secret: "s", subject: () => 5 }); // ✗
session({ secret: "s", colour: "red" }); // ✗
const handler: RequestHandler = session({ secret: "s" });
const sessions = session<{ cart: string[] }>({ secret: "s" });
same<typeof sessions, SessionMiddleware<{ cart: string[] }>>(true);
same<typeof sessions.engine, SessionEngine<{ cart: string[] }>>(true);
const handle = await sessions.open(null as unknown as IncomingMessage);
same<typeof handle, SessionHandle<{ cart: string[] }> | undefined>(true);
const cart = handle?.get("cart");
same<typeof cart, string[] | undefined>(true);
await handle?.change((draft) => { draft.cart = [1]; }); // ✗
const link = sessions.encodeUrl(null as unknown as IncomingMessage, "/next");
same<typeof link, string>(true);
sessions.store.get("sid", (error, data) => data?.cookie);
class Classic extends session.Store {
  override get() {}
  override set() {}
  override destroy() {}
}
session.Store.call({});
new Classic().on("connect", () => undefined);
`;

const OBJECT = `
const app = express();
app.use(session({ secret: "s" }));
app.get("/", async (req: Request, res) => {
  const { key, id } = req.session;
  same<typeof key, string>(true);
  same<typeof id, string>(true);
  same<typeof req.sessionID, string>(true);
  const saved = req.session.save();
  same<typeof saved, Promise<void>>(true);
  const destroyed = req.session.destroy();
  same<typeof destroyed, Promise<void>>(true);
  await req.session.reload();
  await req.session.regenerate({ keep: true, graceMs: 60_000 });
  await req.session.regenerate({ keep: ["cart"] });
  await req.session.regenerate({ keep: 5 }); // ✗
  req.session.save((error) => res.end()).touch().resetMaxAge();
  req.session.regenerate(() => req.session.destroy((error) => undefined));
  req.session.subject = "user-1";
  req.session.subject = 5; // ✗
  req.session.key = "k"; // ✗
  req.session.cookie.maxAge = 60_000;
  req.session.cookie.sameSite = "none";
  req.session.cookie.sameSite = "sometimes"; // ✗
  req.sessionStore.get("sid", (error, data) => undefined);
  req.sessionStore.destroy("sid", () => undefined);
});
`;

const ALONE = `${IMPORTS}${ASSERTIONS}${OBJECT}
app.get("/own", (req) => {
  same<typeof req.session.anything, unknown>(true);
  req.session.cookie.maxAge = null;
  req.session.cookie.expires = false;
  const data: CookieData = req.session.cookie.toJSON();
  same<typeof data.originalMaxAge, number | null>(true);
  same<typeof data.expires, Date | null>(true);
  req.session.cookie = data;
});
`;

const DECLARED = `${IMPORTS}${ASSERTIONS}
declare module "../../src/adapters/express/index.ts" {
  interface SessionData { cart: string[]; visits: number }
}
${OBJECT}
app.get("/declared", (req) => {
  same<typeof req.session.cart, string[] | undefined>(true);
  req.session.visits = 1;
  delete req.session.cart;
  req.session.visits = "1"; // ✗
  req.session.other; // ✗
});
`;

const BESIDE = `${IMPORTS}${ASSERTIONS}
import peer from "express-session";
declare module "express-session" {
  interface SessionData { cart: string[]; passport: { user: string } }
}
${OBJECT}
app.use(peer({ secret: "s" }));
app.get("/beside", (req) => {
  same<typeof req.session.cart, string[] | undefined>(true);
  same<typeof req.session, peer.Session & Partial<peer.SessionData>>(true);
  same<typeof req.sessionStore, Express.SessionStore>(true);
  req.session.passport = { user: "Ada" };
  req.session.passport = "Ada"; // ✗
  req.session.other; // ✗
});
// What was written for express-session, with the import line changed.
const options: peer.SessionOptions = { secret: "s", resave: false, saveUninitialized: false, cookie: { maxAge: 1, sameSite: "lax" } };
peer(options);
`;

/** The lines that must not compile, as `errorsOf` tells them. */
function marked(source: string): string[] {
  return source.split("\n").flatMap((line, index) => (line.includes("✗") ? [`test/types/application.ts:${index + 1}`] : []));
}

function linesOf(errors: readonly string[]): string[] {
  return [...new Set(errors.map((error) => error.slice(error.indexOf(" ") + 1)))];
}

describe("types of the Express adapter", { timeout: 120_000 }, () => {
  test.each([
    ["options, middleware and store", OPTIONS, []],
    ["options, where express-session's types are absent", OPTIONS, ["express-session"]],
    ["req.session alone: attributes are unknown until they are looked at", ALONE, ["express-session"]],
    ["req.session with our SessionData", DECLARED, ["express-session"]],
    ["req.session beside express-session: its SessionData, and our methods", BESIDE, []],
  ])("[A25] %s", (_what, source, absent) => {
    expect(linesOf(errorsOf(source, absent))).toEqual(marked(source));
  });
});
