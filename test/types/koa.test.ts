import { describe, expect, test } from "vitest";
import { errorsOf } from "./program.ts";

/** `same<A, B>(true)` compiles where the two types are the same, and only there; a line marked ✗ must not compile. */
const ASSERTIONS = `
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
declare function same<Left, Right>(is: Same<Left, Right>): void;
`;

const IMPORTS = `
import Koa from "koa";
import type { IncomingMessage } from "node:http";
import type { SessionEngine, SessionHandle } from "../../src/index.ts";
import { createEngine, counter } from "../../src/index.ts";
import session, { cookie, header, session as named } from "../../src/adapters/koa/index.ts";
import type { ContextSession, KoaSession, KoaStore, OptionView, SessionContext, SessionMiddleware } from "../../src/adapters/koa/index.ts";
`;

const OPTIONS = `${IMPORTS}${ASSERTIONS}
same<typeof session, typeof named>(true);
const app = new Koa();
app.keys = ["s"];
app.use(session(app));
app.use(session({}, app));
app.use(session(app, { rolling: true }));
session({ secret: ["s", "t"], key: "sid", maxAge: 86_400_000, autoCommit: true, overwrite: true, httpOnly: true, signed: true });
session({ secret: "s", rolling: false, renew: false, secure: true, sameSite: null, domain: "example.org", path: "/shop" });
session({ secret: "s", maxAge: "session", expires: new Date(), priority: "high", partitioned: true, prefix: "sess:" });
session({ secret: "s", genid: (ctx) => ctx.ip, skip: (ctx) => ctx.path === "/health", touch: (ctx) => ctx.method !== "HEAD" });
session({ secret: "s", externalKey: { get: (ctx) => ctx.get("key"), set: (ctx, key) => ctx.set("key", key) } });
session({ secret: "s", valid: (ctx, found) => found["uid"] === ctx.get("uid"), beforeSave: (ctx, found) => { found.maxAge = 1; } });
session({ secret: "s", resolver: [header(), cookie()], attributes: { visits: counter() } });
session({ secret: "s", engine: createEngine() });
const store: KoaStore = { get: async (key) => undefined, set: async (key, value, maxAge) => undefined, destroy: async (key) => undefined };
session({ secret: "s", store });
session({ secret: 5 }); // ✗
session({ secret: "s", maxAge: "1d" }); // ✗
session({ secret: "s", signed: false }); // ✗
session({ secret: "s", encode: () => "" }); // ✗
session({ secret: "s", decode: () => ({}) }); // ✗
session({ secret: "s", ContextStore: class {} }); // ✗
session({ secret: "s", sameSite: "Lax" }); // ✗
session({ secret: "s", autoCommit: "yes" }); // ✗
session({ secret: "s", externalKey: { get: () => "" } }); // ✗
session({ secret: "s", store: { get: async () => undefined } }); // ✗
session({ secret: "s", engine: createEngine(), store }); // ✗
session({ secret: "s", genid: () => 5 }); // ✗
session({ secret: "s", colour: "red" }); // ✗
const middleware: Koa.Middleware = session({ secret: "s" });
const sessions = session<{ cart: string[] }>({ secret: "s" });
same<typeof sessions, SessionMiddleware<{ cart: string[] }>>(true);
same<typeof sessions.engine, SessionEngine<{ cart: string[] }>>(true);
const handle = await sessions.open(null as unknown as IncomingMessage);
same<typeof handle, SessionHandle<{ cart: string[] }> | undefined>(true);
const cart = handle?.get("cart");
same<typeof cart, string[] | undefined>(true);
`;

/** What \`ctx.session\` has in whatever program. */
const OBJECT = `
const app = new Koa();
app.use(session({ secret: "s" }));
app.use(async (ctx) => {
  if (ctx.session === null) return;
  const { isNew, length, populated, id, key } = ctx.session;
  same<typeof isNew, boolean>(true);
  same<typeof length, number>(true);
  same<typeof populated, boolean>(true);
  same<typeof id, string>(true);
  same<typeof key, string>(true);
  await ctx.session.save();
  await ctx.session.manuallyCommit();
  await ctx.session.regenerate({ keep: ["cart"] });
  await ctx.session.reload();
  ctx.session.save((error?: unknown) => undefined);
  ctx.session.maxAge = 60_000;
  ctx.session.maxAge = "session";
  ctx.session.isNew = true; // ✗
  ctx.session.maxAge = "1d"; // ✗
});
`;

const OWN = `
app.use(async (ctx) => {
  same<typeof ctx.session, ContextSession>(true);
  same<typeof ctx.sessionOptions, OptionView>(true);
  ctx.session.isNew; // ✗
  const found: KoaSession | null = ctx.session;
  if (ctx.session === null) return;
  const { maxAge, externalKey } = ctx.session;
  same<typeof maxAge, number | "session">(true);
  same<typeof externalKey, string>(true);
  const json = ctx.session.toJSON();
  same<typeof json, Record<string, unknown>>(true);
  const saved = ctx.session.save();
  same<typeof saved, Promise<void>>(true);
  ctx.session.cookie.sameSite = "none";
  ctx.session.subject = "user-1";
  ctx.session.subject = 5; // ✗
  ctx.session.key = "k"; // ✗
  ctx.sessionOptions.maxAge = 5;
  ctx.sessionOptions.rolling = true; // ✗
  ctx.session = { only: 1 };
  ctx.session = null;
  ctx.session = "text"; // ✗
});
const typed = new Koa<object, SessionContext & { own: number }>();
typed.use(session({ secret: "s" }));
typed.use((ctx) => {
  same<typeof ctx.own, number>(true);
  same<typeof ctx.session, ContextSession>(true);
});
`;

const ALONE = `${IMPORTS}${ASSERTIONS}${OBJECT}${OWN}
app.use((ctx) => {
  const cart = ctx.session?.["cart"];
  same<typeof cart, unknown>(true);
});
`;

const DECLARED = `${IMPORTS}${ASSERTIONS}
declare module "../../src/adapters/koa/index.ts" {
  interface SessionData { cart: string[]; visits: number }
}
${OBJECT}${OWN}
app.use((ctx) => {
  if (ctx.session === null) return;
  const { cart } = ctx.session;
  same<typeof cart, string[] | undefined>(true);
  ctx.session.visits = 1;
  delete ctx.session.cart;
  ctx.session.visits = "1"; // ✗
  ctx.session.other; // ✗
});
`;

/** With @types/koa-session, as applications have it: what it says of \`ctx.session\` holds, and so does what we say. */
const BESIDE = `/// <reference types="koa-session" />
${IMPORTS}${ASSERTIONS}${OBJECT}
app.use((ctx) => {
  const options = ctx.sessionOptions;
  if (ctx.session === null) return;
  ctx.session["cart"] = ["book"];
  ctx.session.length = 5; // ✗
  ctx.session = null;
});
`;

/** The lines that must not compile, as `errorsOf` tells them. */
function marked(source: string): string[] {
  return source.split("\n").flatMap((line, index) => (line.includes("✗") ? [`test/types/application.ts:${index + 1}`] : []));
}

function linesOf(errors: readonly string[]): string[] {
  return [...new Set(errors.map((error) => error.slice(error.indexOf(" ") + 1)))];
}

describe("types of the Koa adapter", { timeout: 120_000 }, () => {
  test.each([
    ["options, middleware and open", OPTIONS, []],
    ["the same where koa-session is absent", OPTIONS, ["koa-session"]],
    ["ctx.session alone: attributes are unknown until they are looked at", ALONE, ["koa-session"]],
    ["ctx.session with our SessionData", DECLARED, []],
    ["ctx.session beside @types/koa-session: no conflict", BESIDE, []],
  ])("[A25] %s", (_what, source, absent) => {
    expect(linesOf(errorsOf(source, absent))).toEqual(marked(source));
  });
});
