import { describe, expect, test } from "vitest";
import { errorsOf, linesOf, markedLines } from "./program.ts";

/** `same<A, B>(true)` compiles where the two types are the same, and only there; a line marked ✗ must not compile. */
const ASSERTIONS = `
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
declare function same<Left, Right>(is: Same<Left, Right>): void;
`;

const IMPORTS = `
import createFastify from "fastify";
import type { FastifyRequest } from "fastify";
import { createSecretKey } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Signer } from "@fastify/cookie";
import type { SessionHandle } from "../../src/index.ts";
import { counter, createEngine } from "../../src/index.ts";
import session, { cookie, header, MemoryStore, session as named, Store } from "../../src/adapters/fastify/index.ts";
import type { CookieData, FastifySessionOptions, Session } from "../../src/adapters/fastify/index.ts";
const app = createFastify();
`;

const OPTIONS = `${IMPORTS}${ASSERTIONS}
same<typeof session, typeof named>(true);
same<typeof session.MemoryStore, typeof MemoryStore>(true);
same<typeof session.Store, typeof Store>(true);
await app.register(session, { secret: "s" });
await app.register(session, { secret: ["s", Buffer.from("t"), createSecretKey(Buffer.from("u"))] });
await app.register(session, { secret: new Signer("s") });
await app.register(session, { secret: { sign: (text: string) => text, unsign: (text: string) => ({ valid: true, renew: false, value: text }) } });
await app.register(session, { secret: "s", cookieName: "sid", cookiePrefix: "s:", algorithm: "sha256" });
await app.register(session, { secret: "s", saveUninitialized: false, rolling: undefined, name: "sid" });
await app.register(session, { secret: "s", idGenerator: (request) => request.ip + crypto.randomUUID() });
await app.register(session, { secret: "s", cookie: { maxAge: 1, secure: "auto", sameSite: true, httpOnly: false, path: "/", domain: "a.org" } });
await app.register(session, { secret: "s", cookie: { expires: new Date(), partitioned: true, priority: "high", signed: true } });
await app.register(session, { secret: "s", cookie: (request) => ({ secure: request.protocol === "https" }) });
await app.register(session, { secret: "s", skip: (request) => request.url === "/health", touch: (request) => request.method !== "HEAD" });
await app.register(session, { secret: "s", store: new session.MemoryStore(), attributes: { visits: counter() } });
await app.register(session, { secret: "s", engine: createEngine() });
await app.register(session, { secret: "s", resolver: [header("X-Session"), cookie()], subject: (data) => String(data["user"]) });
const options: FastifySessionOptions = { secret: "s", cookieName: "sid" };
await app.register(session, options);
const wrong = (given: FastifySessionOptions) => given;
wrong({ secret: 5 }); // ✗
wrong({ secret: { sign: (text: string) => text } }); // ✗
wrong({ secret: "s", cookiePrefix: "x:" }); // ✗
wrong({ secret: "s", algorithm: "sha512" }); // ✗
wrong({ secret: "s", cookieName: 5 }); // ✗
wrong({ secret: "s", idGenerator: () => 5 }); // ✗
wrong({ secret: "s", cookie: { priority: "urgent" } }); // ✗
wrong({ secret: "s", cookie: { encode: String } }); // ✗
wrong({ secret: "s", store: new Map() }); // ✗
wrong({ secret: "s", store: { get() {}, set() {}, destroy() {} } }); // ✗
wrong({ secret: "s", engine: createEngine(), store: new MemoryStore() }); // ✗
wrong({ secret: "s", rolling: "yes" }); // ✗
wrong({ secret: "s", colour: "red" }); // ✗
`;

/** What is the same with and without the types of @fastify/session. */
const OBJECT = `
app.get("/object", async (request) => {
  const { sessionId, encryptedSessionId, id, key } = request.session;
  same<typeof sessionId, string>(true);
  same<typeof encryptedSessionId, string>(true);
  same<typeof id, string>(true);
  same<typeof key, string>(true);
  const [isModified, isSaved] = [request.session.isModified(), request.session.isSaved()] as const;
  same<typeof isModified, boolean>(true);
  same<typeof isSaved, boolean>(true);
  const saved = request.session.save();
  same<typeof saved, Promise<void>>(true);
  const reloaded = request.session.reload();
  same<typeof reloaded, Promise<void>>(true);
  const destroyed = request.session.destroy();
  same<typeof destroyed, Promise<void>>(true);
  await request.session.regenerate();
  await request.session.regenerate(["cart"]);
  await request.session.regenerate({ keep: true, graceMs: 60_000 });
  await request.session.regenerate({ keep: 5 }); // ✗
  await request.session.regenerate("cart"); // ✗
  request.session.save((error) => undefined);
  request.session.reload((error) => undefined);
  request.session.destroy((error) => undefined);
  request.session.regenerate((error) => undefined);
  request.session.regenerate(["cart"], (error) => undefined);
  request.session.touch();
  request.session.options({ maxAge: 1000, httpOnly: false, sameSite: "lax" });
  request.session.options({ maxAge: "1h" }); // ✗
  request.session.subject = "user-1";
  request.session.subject = 5; // ✗
  request.session.key = "k"; // ✗
  request.session.cookie.maxAge = 60_000;
  request.session.cookie.path = "/shop";
  request.session.cookie.path = 5; // ✗
  request.sessionStore.get(sessionId, (error, data) => undefined);
  request.sessionStore.destroy(sessionId, () => undefined);
  request.sessionStore.destroy(5, () => undefined); // ✗
});
app.decryptSession("signed", {}, () => undefined);
app.decryptSession("signed", {}, { maxAge: 1000 }, (error) => undefined);
app.decryptSession(5, {}, () => undefined); // ✗
const handle = await app.openSession(null as unknown as IncomingMessage);
same<typeof handle, SessionHandle | undefined>(true);
await app.openSession(null as unknown as FastifyRequest);
`;

const ALONE = `${IMPORTS}${ASSERTIONS}${OBJECT}
app.get("/alone", (request) => {
  same<typeof request.session.anything, unknown>(true);
  request.session.cart = [1];
  const got = request.session.get("cart");
  same<typeof got, unknown>(true);
  request.session.set("cart", [1]);
  const cart: number[] = request.session.cart; // ✗
  const data: CookieData = request.session.cookie.toJSON();
  request.session.cookie = data;
  request.session.cookie.maxAge = null;
  same<typeof request.sessionStore, MemoryStore>(true);
  const surface: Session = request.session;
  return surface.id;
});
`;

const DECLARED = `
declare module "fastify" {
  interface Session { cart: string[]; user?: { name: string } }
}
${OBJECT}
app.get("/declared", (request) => {
  same<typeof request.session.cart, string[]>(true);
  same<typeof request.session.user, { name: string } | undefined>(true);
  const cart = request.session.get("cart");
  same<typeof cart, string[] | undefined>(true);
  request.session.set("user", { name: "Ada" });
  request.session.user = { name: "Ada" };
  delete request.session.user;
  request.session.set("user", "Ada"); // ✗
  request.session.get("other"); // ✗
  request.session.cart = 5; // ✗
  request.session.other; // ✗
});
`;

const BESIDE = `
import fastifyCookie from "@fastify/cookie";
import peer from "@fastify/session";
import type { FastifySessionObject, FastifySessionOptions as PeerOptions, SessionStore } from "@fastify/session";
await app.register(fastifyCookie);
await app.register(peer, { secret: "s", cookieName: "sid", saveUninitialized: false });
app.get("/beside", (request) => {
  same<typeof request.session, FastifySessionObject>(true);
  same<typeof request.sessionStore, Readonly<SessionStore>>(true);
});
// What was written for @fastify/session, with the import line changed.
const given: PeerOptions = { secret: "s", cookieName: "sid", rolling: false, cookie: { maxAge: 1, secure: false } };
await app.register(session, { secret: "s", cookieName: given.cookieName, rolling: given.rolling });
`;

describe("types of the Fastify adapter", { timeout: 120_000 }, () => {
  test.each([
    ["options and stores", OPTIONS, []],
    ["options and stores, where @fastify/session's types are absent", OPTIONS, ["@fastify/session"]],
    ["request.session alone: attributes are unknown until they are looked at", ALONE, ["@fastify/session"]],
    ["request.session alone, with a Session of the application's own", `${IMPORTS}${ASSERTIONS}${DECLARED}`, ["@fastify/session"]],
    ["request.session beside @fastify/session: its types, its Session, and our methods", `${IMPORTS}${ASSERTIONS}${BESIDE}${DECLARED}`, []],
  ])("[A25] %s", (_what, source, absent) => {
    expect(linesOf(errorsOf(source, absent))).toEqual(markedLines(source));
  });
});
