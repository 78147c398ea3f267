import { afterEach, describe, expect, test } from "vitest";
import type { SessionObject } from "../../../src/adapters/http/index.ts";
import { replicaOf } from "../../../src/engine/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";
import { contentOf, FRAMEWORKS, Visitor } from "./frameworks.ts";
import type { Routes, Running, TestOptions } from "./frameworks.ts";
import { engineAt, ManualClock } from "./manual-engine.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;

/** What a request does to its session's cookie, by name. */
const STEPS: Record<string, (session: SessionObject) => void> = {
  none: () => undefined,
  sameSite: ({ cookie }) => (cookie.sameSite = "strict"),
  noSameSite: ({ cookie }) => (cookie.sameSite = false),
  httpOnly: ({ cookie }) => (cookie.httpOnly = false),
  priority: ({ cookie }) => (cookie.priority = "high"),
  day: ({ cookie }) => (cookie.maxAge = DAY_MS),
  month: ({ cookie }) => (cookie.maxAge = 30 * DAY_MS),
  hour: ({ cookie }) => (cookie.originalMaxAge = HOUR_MS),
  browser: ({ cookie }) => (cookie.expires = false),
  inAnHour: ({ cookie }) => (cookie.expires = new Date(Date.UTC(2026, 0, 1) + HOUR_MS)),
  past: ({ cookie }) => (cookie.expires = new Date(0)),
  badPath: ({ cookie }) => (cookie.path = "shop"),
  badDomain: ({ cookie }) => (cookie.domain = "a;b"),
  badPriority: ({ cookie }) => (cookie.priority = "urgent" as never),
  badSameSite: ({ cookie }) => (cookie.sameSite = "auto" as never),
  badMaxAge: ({ cookie }) => (cookie.maxAge = "1h" as never),
  badExpires: ({ cookie }) => (cookie.expires = "tomorrow" as never),
  json: (session) => {
    session.cookie = { originalMaxAge: HOUR_MS, expires: "2026-01-01T01:00:00.000Z", httpOnly: false, sameSite: "strict", secure: "auto" };
  },
};

describe.each(FRAMEWORKS)("cookie object: $name", (framework) => {
  const running: { app: Running; engine: SessionEngine }[] = [];

  const routes: Routes = {
    "/write": ({ session }) => {
      session["name"] = "Ada";
      return { ok: true };
    },
    "/get": ({ session }) => contentOf(session),
    "/do": ({ session, query }) => {
      STEPS[query.get("step") ?? ""]?.(session);
      const { cookie } = session;
      return { cookie, keys: Object.keys(cookie), maxAge: cookie.maxAge, spread: { ...cookie }.path };
    },
    "/login": async (exchange) => {
      const before = exchange.session;
      await before.regenerate();
      // As passport's keepSessionInfo does it.
      for (const name in before) exchange.session[name] = before[name];
      exchange.session["user"] = "Ada";
      return { maxAge: exchange.session.cookie.maxAge };
    },
    "/own": ({ session }) => {
      session["name"] = "Ada";
      session.subject = "user-1";
      return { ok: true };
    },
    "/write-and-month": ({ session }) => {
      session["name"] = "Ada";
      session["cart"] = { lines: [1] };
      session.subject = "user-1";
      session.cookie.maxAge = 30 * DAY_MS;
      return { id: session.id };
    },
  };

  async function start(options: Partial<TestOptions> = {}) {
    const clock = new ManualClock();
    const engine = options.engine ?? engineAt(clock);
    const app = await framework.start({ onNotice: () => undefined, ...options, engine }, routes);
    running.push({ app, engine });
    const visitor = new Visitor(app.url);
    const envelopeOf = async (cookie: string | undefined) => {
      const id = /=([\w-]{54})/.exec(cookie ?? "")?.[1] ?? "";
      return (await replicaOf(engine.host).record(engine.keyOf(id)))?.envelope;
    };
    return { app, clock, engine, visitor, envelopeOf };
  }

  afterEach(async () => {
    for (const { app, engine } of running.splice(0)) {
      await app.close();
      await engine.close();
    }
  });

  async function setCookieOf(visitor: Visitor, step: string): Promise<string[]> {
    const response = await visitor.send(`/do?step=${step}`);
    expect({ step, status: response.status }).toEqual({ step, status: 200 });
    return response.headers.getSetCookie().map((value) => value.slice(value.indexOf(";") + 2));
  }

  test("[A26] it shows what express-session's shows, and can be listed and copied", async () => {
    const { visitor } = await start({ cookie: { maxAge: HOUR_MS } });
    await visitor.send("/write");
    const cookie = {
      originalMaxAge: HOUR_MS,
      expires: "2026-01-01T01:00:00.000Z",
      secure: false,
      httpOnly: true,
      path: "/",
      sameSite: "lax",
    };
    const keys = ["path", "expires", "originalMaxAge", "httpOnly", "secure", "domain", "sameSite", "partitioned", "priority"];
    expect(await visitor.json("/do?step=none")).toEqual({ cookie, keys, maxAge: HOUR_MS, spread: "/" });
  });

  test.each([
    ["sameSite", "Path=/; HttpOnly; SameSite=Strict"],
    ["noSameSite", "Path=/; HttpOnly"],
    ["httpOnly", "Path=/; SameSite=Lax"],
    ["priority", "Path=/; HttpOnly; Priority=High; SameSite=Lax"],
    ["hour", "Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"],
    ["inAnHour", "Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"],
  ])("[A26] %s goes out at once, stays with the session, and is not sent again", async (step, expected) => {
    const { visitor, app } = await start();
    await visitor.send("/write");
    expect(await setCookieOf(visitor, step)).toEqual([expected]);
    expect(await setCookieOf(visitor, step)).toEqual([]);
    expect(await setCookieOf(new Visitor(app.url, visitor.cookie), "none")).toEqual([]);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    const next = step === "httpOnly" ? "sameSite" : "httpOnly";
    const [both] = await setCookieOf(visitor, next);
    expect(both).toContain(
      step === "httpOnly" ? "SameSite=Strict" : expected.replace("HttpOnly; ", "").replace("; HttpOnly", "").slice(-12),
    );
  });

  test("[A26] a cookie that goes with the browser stays one, whatever the option says", async () => {
    const { visitor } = await start({ cookie: { maxAge: HOUR_MS }, rolling: true });
    await visitor.send("/write");
    expect(await setCookieOf(visitor, "browser")).toEqual(["Path=/; HttpOnly; SameSite=Lax"]);
    expect(await visitor.json("/do?step=none")).toMatchObject({ maxAge: null, cookie: { originalMaxAge: null, expires: null } });
    expect(await setCookieOf(visitor, "none")).toEqual(["Path=/; HttpOnly; SameSite=Lax"]);
    expect(await setCookieOf(visitor, "hour")).toEqual(["Max-Age=3600; Path=/; HttpOnly; SameSite=Lax"]);
    expect(await setCookieOf(visitor, "none")).toHaveLength(1);
  });

  test("[A26] an instant in the past ends the session", async () => {
    const { visitor, envelopeOf } = await start();
    await visitor.send("/write");
    const { cookie } = visitor;
    expect(await setCookieOf(visitor, "past")).toEqual([expect.stringMatching(/^Max-Age=0;/)]);
    expect((await envelopeOf(cookie))?.ended?.reason).toBe("destroyed");
  });

  test.each(["badPath", "badDomain", "badPriority", "badSameSite", "badMaxAge", "badExpires"])("[A26] %s is refused", async (step) => {
    const { visitor } = await start();
    await visitor.send("/write");
    const response = await visitor.send(`/do?step=${step}`);
    expect({ status: response.status, cookies: response.headers.getSetCookie() }).toEqual({ status: 500, cookies: [] });
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A26] the cookie of another session, or its JSON, may be assigned", async () => {
    const { visitor } = await start();
    await visitor.send("/write");
    await visitor.send("/do?step=hour");
    expect(await visitor.json("/login")).toEqual({ maxAge: HOUR_MS });
    expect(await visitor.json("/get")).toEqual({ name: "Ada", user: "Ada" });
    expect(await setCookieOf(visitor, "json")).toEqual([expect.stringMatching(/^Max-Age=3600; Path=\/; SameSite=Strict$/)]);
  });

  test("[A26] a cookie alone makes no session", async () => {
    const { visitor, engine } = await start();
    expect(await setCookieOf(visitor, "sameSite")).toEqual([]);
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
  });

  test("[A27] a life beyond the session's end gives it a new id with everything it held, and a later end", async () => {
    const { clock, visitor, envelopeOf } = await start();
    await visitor.send("/write");
    const old = visitor.cookie;
    const before = await envelopeOf(old);
    clock.advance(10 * 60_000);
    const response = await visitor.send("/do?step=day");
    expect(response.headers.getSetCookie()).toEqual([expect.stringContaining("; Max-Age=86400;")]);
    expect(visitor.cookie).not.toBe(old);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    const after = await envelopeOf(visitor.cookie);
    expect({ first: after?.firstCreatedAtMs, idle: after?.idleTimeoutMs, deadline: after?.deadlineMs }).toEqual({
      first: before?.createdAtMs,
      idle: DAY_MS,
      deadline: clock.nowMs + DAY_MS,
    });
    expect((await envelopeOf(old))?.successor).toEqual({ key: after?.key, atMs: clock.nowMs + 60_000 });
    // The passing of time rotates nothing.
    const { cookie } = visitor;
    const idOf = (value: string | undefined) => value?.slice(0, 54);
    clock.advance(20 * HOUR_MS);
    await visitor.send("/do?step=day");
    expect(idOf(visitor.cookie)).toBe(idOf(cookie));
  });

  test("[A27] it ends at most 30 days after it first began, however often it is remembered", async () => {
    const { clock, visitor, envelopeOf } = await start();
    await visitor.send("/write");
    const born = (await envelopeOf(visitor.cookie))?.createdAtMs ?? 0;
    await visitor.send("/do?step=month");
    clock.advance(20 * DAY_MS);
    await visitor.send("/do?step=day");
    await visitor.send("/do?step=month");
    const { deadlineMs } = (await envelopeOf(visitor.cookie)) ?? {};
    expect(deadlineMs).toBe(born + 30 * DAY_MS);
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A27] of a session that begins with it, the id stays, and its owner", async () => {
    const { clock, visitor, envelopeOf } = await start();
    const { id } = (await visitor.json("/write-and-month")) as { id: string };
    expect(visitor.cookie).toContain(id);
    const envelope = await envelopeOf(visitor.cookie);
    expect({ deadlineMs: envelope?.deadlineMs, subject: envelope?.subject === undefined }).toEqual({
      deadlineMs: clock.nowMs + 30 * DAY_MS,
      subject: false,
    });
    expect(await visitor.json("/get")).toEqual({ name: "Ada", cart: { lines: [1] }, subject: "user-1" });
  });

  test("[A27] a rotation that keeps everything keeps the owner", async () => {
    const { visitor, envelopeOf } = await start();
    await visitor.send("/own");
    const old = visitor.cookie;
    const owner = (await envelopeOf(old))?.subject;
    expect(owner).toBeDefined();
    await visitor.send("/do?step=day");
    expect(visitor.cookie).not.toBe(old);
    expect((await envelopeOf(old))?.successor).toBeDefined();
    expect((await envelopeOf(visitor.cookie))?.subject).toBe(owner);
  });
});
