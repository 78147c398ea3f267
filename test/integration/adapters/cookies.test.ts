import { replicaOf } from "../../../src/engine/index.ts";
import { afterEach, describe, expect, test } from "vitest";
import type { Notice } from "../../../src/adapters/http/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { contentOf, FRAMEWORKS, SECRET, Visitor } from "./frameworks.ts";
import type { Routes, Running, TestOptions } from "./frameworks.ts";
import { engineAt, ManualClock } from "./manual-engine.ts";

const ROUTES: Routes = {
  "/read": ({ session }) => ({ keys: Object.keys(contentOf(session)) }),
  "/ignore": () => ({ ok: true }),
  "/write": ({ session, query }) => {
    session["name"] = query.get("value") ?? "Ada";
    return { ok: true };
  },
  "/get": ({ session }) => ({ name: session["name"] ?? null }),
  "/cache": ({ session, header }) => {
    session["name"] = "Ada";
    header("Cache-Control", "private, max-age=60");
    return { ok: true };
  },
  "/remember": ({ session, query }) => {
    session.cookie.maxAge = Number(query.get("ms"));
    return { maxAge: session.cookie.maxAge };
  },
};

const OVER_TLS = { "x-forwarded-proto": "https" };
const ID_AND_MAC = /[\w-]{54}(~[0-9a-z]+)?\.[A-Za-z0-9+/]{43}/;

/** The `Set-Cookie` headers without what is random. */
function shapes(response: Response): string[] {
  return response.headers.getSetCookie().map((value) => value.replace(ID_AND_MAC, "<id>$1.<mac>"));
}

describe.each(FRAMEWORKS)("cookies: $name", (framework) => {
  const running: { app: Running; close(): Promise<void> }[] = [];

  async function start(options: Partial<TestOptions> = {}) {
    const engine = options.engine ?? createEngine();
    const app = await framework.start({ onNotice: () => undefined, ...options, engine }, ROUTES);
    running.push({ app, close: async () => (await app.close(), engine.close()) });
    return { engine, url: app.url, visitor: () => new Visitor(app.url) };
  }

  afterEach(async () => {
    for (const each of running.splice(0)) await each.close();
  });

  test("[A1] a visitor who only reads, or never asks, gets neither session nor cookie", async () => {
    const { engine, visitor } = await start();
    for (const path of ["/read", "/ignore", "/get"]) {
      const response = await visitor().send(path);
      expect(response.status).toBe(200);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(response.headers.get("cache-control")).toBeNull();
    }
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
  });

  test("[A1] saveUninitialized gives every visitor a session", async () => {
    const { engine, visitor } = await start({ saveUninitialized: true });
    const response = await visitor().send("/ignore");
    expect([...replicaOf(engine.host).heldKeys()]).toHaveLength(1);
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  test("[A2] over TLS the cookie is __Host-, Secure, HttpOnly, Lax, for the whole site, and not for caches", async () => {
    const { visitor } = await start({ trustProxy: true });
    const response = await visitor().send("/write", { headers: OVER_TLS });
    expect(shapes(response)).toEqual(["__Host-sid=<id>.<mac>; Path=/; HttpOnly; Secure; SameSite=Lax"]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("[A2] on loopback without TLS it has no prefix and no Secure, and one notice says so", async () => {
    const notices: Notice[] = [];
    const { visitor } = await start({ onNotice: (notice) => notices.push(notice) });
    expect(shapes(await visitor().send("/write"))).toEqual(["sid=<id>.<mac>; Path=/; HttpOnly; SameSite=Lax"]);
    await visitor().send("/write");
    expect(notices.map(({ code }) => code)).toEqual(["loopback-cookie"]);
  });

  test("[A2] name, path, domain and sameSite are as the options say", async () => {
    const cookie = { path: "/write", domain: "example.org", sameSite: "strict", secure: false, httpOnly: false } as const;
    const { visitor } = await start({ name: "shop", cookie });
    expect(shapes(await visitor().send("/write"))).toEqual(["shop=<id>.<mac>; Domain=example.org; Path=/write; SameSite=Strict"]);
  });

  test("[A2] a Cache-Control of the application stays", async () => {
    const { visitor } = await start();
    const response = await visitor().send("/cache");
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(response.headers.get("cache-control")).toBe("private, max-age=60");
  });

  test("[A2] plain http that is not loopback gets no cookie and no session, and one notice says what to set", async () => {
    const notices: Notice[] = [];
    const { engine, visitor } = await start({ onNotice: (notice) => notices.push(notice) });
    for (let round = 0; round < 2; round += 1) {
      const response = await visitor().send("/write", { headers: OVER_TLS });
      expect(response.status).toBe(200);
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    expect(notices.map(({ code }) => code)).toEqual(["cookie-withheld"]);
    expect(notices[0]?.message).toContain("trust proxy");
  });

  test("[A3] an id that was never issued, is forged, or of another name, is never adopted", async () => {
    const { engine, visitor } = await start();
    const other = await start();
    const foreign = other.visitor();
    await foreign.send("/write");
    const unknown = foreign.cookie?.slice("sid=".length) ?? "";
    const forged = [
      unknown,
      "made-up",
      "made-up.mac",
      "",
      ".",
      "~.",
      `${"A".repeat(54)}.${"A".repeat(43)}`,
      "s:x.y",
      "%00",
      "a".repeat(5000),
    ];
    for (const value of forged) {
      const attacker = visitor();
      attacker.cookie = `sid=${value}`;
      const response = await attacker.send("/read");
      expect(response.status).toBe(200);
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    const writer = visitor();
    writer.cookie = `sid=${unknown}`;
    await writer.send("/write");
    expect(writer.cookie).not.toContain(unknown.slice(0, 54));
    expect(engine.keyOf(unknown.slice(0, 54))).not.toBe([...replicaOf(engine.host).heldKeys()][0]);
  });

  test("[A3] an id in the URL means nothing", async () => {
    const { visitor } = await start();
    const owner = visitor();
    await owner.send("/write");
    expect(await visitor().json(`/get?sid=${encodeURIComponent(owner.cookie?.slice(4) ?? "")}`)).toEqual({ name: null });
  });

  test("[A4] a cookie in which any one character was changed is no cookie", async () => {
    const { visitor } = await start();
    const owner = visitor();
    await owner.send("/write");
    const cookie = owner.cookie ?? "";
    expect(await owner.json("/get")).toEqual({ name: "Ada" });
    for (let index = "sid=".length; index < cookie.length; index += 1) {
      const changed = cookie[index] === "x" ? "y" : "x";
      const attacker = visitor();
      attacker.cookie = cookie.slice(0, index) + changed + cookie.slice(index + 1);
      expect({ index, ...((await attacker.json("/get")) as object) }).toEqual({ index, name: null });
    }
  });

  test("[A4] a cookie signed for the name without prefix is none under the prefixed name", async () => {
    const { visitor } = await start({ trustProxy: true });
    const owner = visitor();
    await owner.send("/write");
    const attacker = visitor();
    attacker.cookie = `__Host-${owner.cookie}`;
    expect(await (await attacker.send("/get", { headers: OVER_TLS })).json()).toEqual({ name: null });
  });

  test("[A5] the first secret signs, all verify, and a dropped one does not", async () => {
    const [old, next] = [SECRET, `${SECRET} the next`];
    const { engine, visitor } = await start({ secret: old });
    const owner = visitor();
    await owner.send("/write");
    const rotated = await start({ engine, secret: [next, old] });
    expect(await new Visitor(rotated.url, owner.cookie).json("/get")).toEqual({ name: "Ada" });
    const newcomer = new Visitor(rotated.url);
    await newcomer.send("/write");
    const retired = await start({ engine, secret: [next] });
    expect(await new Visitor(retired.url, newcomer.cookie).json("/get")).toEqual({ name: "Ada" });
    expect(await new Visitor(retired.url, owner.cookie).json("/get")).toEqual({ name: null });
  });

  test("[A6] of two valid cookies for different sessions none is used, and a notice says so", async () => {
    const notices: Notice[] = [];
    const { visitor } = await start({ onNotice: (notice) => notices.push(notice) });
    const [first, second] = [visitor(), visitor()];
    await first.send("/write");
    await second.send("/write?value=Eve");
    const victim = visitor();
    victim.cookie = `${first.cookie}; ${second.cookie}`;
    expect(await victim.json("/get")).toEqual({ name: null });
    expect(notices.map(({ code }) => code)).toContain("duplicate-cookies");
    victim.cookie = `${first.cookie}; ${first.cookie}`;
    expect(await victim.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A6] tossed cookies before it do not hide the real one, and a no-break space is no white space", async () => {
    const { visitor } = await start();
    const [owner, attacker] = [visitor(), visitor()];
    await owner.send("/write");
    await attacker.send("/write?value=Eve");
    const victim = visitor();
    victim.cookie = `sid=junk; sid=made.up; ${owner.cookie}`;
    expect(await victim.json("/get")).toEqual({ name: "Ada" });
    victim.cookie = `\u00a0${attacker.cookie}; ${owner.cookie}`;
    expect(await victim.json("/get")).toEqual({ name: "Ada" });
    victim.cookie = `\u00a0${attacker.cookie}`;
    expect(await victim.json("/get")).toEqual({ name: null });
  });

  test("[A7] with cookie.maxAge the cookie has Max-Age, and is sent again only when it is due", async () => {
    const { engine, visitor } = await start({ cookie: { maxAge: 600_000 } });
    const owner = visitor();
    expect(shapes(await owner.send("/write"))).toEqual([expect.stringMatching(/^sid=<id>~[0-9a-z]+\.<mac>; Max-Age=600; Path/)]);
    const [key = ""] = replicaOf(engine.host).heldKeys();
    expect((await replicaOf(engine.host).record(key))?.envelope.idleTimeoutMs).toBe(600_000);
    expect((await owner.send("/get")).headers.getSetCookie()).toEqual([]);
    expect((await owner.send("/ignore")).headers.getSetCookie()).toEqual([]);
  });

  test("[A7] rolling sends it with every response", async () => {
    const { visitor } = await start({ cookie: { maxAge: 600_000 }, rolling: true });
    const owner = visitor();
    await owner.send("/write");
    for (const path of ["/get", "/ignore"]) expect((await owner.send(path)).headers.getSetCookie()).toHaveLength(1);
  });

  test("[A7] it is sent again once less than half of its life is left", async () => {
    const clock = new ManualClock();
    const { visitor } = await start({ engine: engineAt(clock), cookie: { maxAge: 600_000 } });
    const owner = visitor();
    await owner.send("/write");
    clock.advance(299_000);
    expect((await owner.send("/ignore")).headers.getSetCookie()).toEqual([]);
    clock.advance(2_000);
    expect(shapes(await owner.send("/ignore"))).toEqual([expect.stringContaining("; Max-Age=600;")]);
    expect((await owner.send("/ignore")).headers.getSetCookie()).toEqual([]);
    clock.advance(590_000);
    expect(await owner.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A7] session.cookie.maxAge sets this session's idle timeout and sends its cookie", async () => {
    const { engine, visitor } = await start();
    const owner = visitor();
    await owner.send("/write");
    const response = await owner.send("/remember?ms=7200000");
    expect(await response.json()).toEqual({ maxAge: 7_200_000 });
    expect(shapes(response)).toEqual([expect.stringContaining("; Max-Age=7200;")]);
    const [key = ""] = replicaOf(engine.host).heldKeys();
    expect((await replicaOf(engine.host).record(key))?.envelope.idleTimeoutMs).toBe(7_200_000);
    expect((await owner.send("/remember?ms=7200000")).headers.getSetCookie()).toEqual([]);
    expect((await owner.send("/remember?ms=soon")).status).toBe(500);
  });

  test.each(["0", "-1"])("[A26] a cookie.maxAge of %s ends the session with the response", async (ms) => {
    const { engine, visitor } = await start();
    const owner = visitor();
    await owner.send("/write");
    const [key = ""] = replicaOf(engine.host).heldKeys();
    const response = await owner.send(`/remember?ms=${ms}`);
    expect({ status: response.status, cookies: shapes(response) }).toEqual({
      status: 200,
      cookies: [expect.stringMatching(/^sid=; Max-Age=0;/)],
    });
    expect((await replicaOf(engine.host).record(key))?.envelope.ended?.reason).toBe("destroyed");
  });

  test("[A8] a request that is skipped has no session; one that is no use does not touch it", async () => {
    const clock = new ManualClock();
    const { engine, visitor } = await start({
      engine: engineAt(clock),
      skip: ({ url }) => url.startsWith("/ignore"),
      touch: ({ url }) => !url.startsWith("/get"),
      saveUninitialized: true,
    });
    const owner = visitor();
    expect((await owner.send("/ignore")).headers.getSetCookie()).toEqual([]);
    await owner.send("/write");
    const [key = ""] = replicaOf(engine.host).heldKeys();
    const touchedAtMs = async () => (await replicaOf(engine.host).record(key))?.envelope.touchedAtMs;
    const before = (await touchedAtMs()) ?? 0;
    clock.advance(1);
    await owner.send("/get");
    expect(await touchedAtMs()).toBe(before);
    await owner.send("/read");
    expect(await touchedAtMs()).toBeGreaterThan(before);
  });

  test("[A8] outside the cookie's path there is no session", async () => {
    const { visitor } = await start({ name: "shop", cookie: { path: "/write" } });
    const owner = visitor();
    await owner.send("/write");
    expect(owner.cookie).toBeDefined();
    expect((await owner.send("/read")).status).toBe(500);
  });
});
