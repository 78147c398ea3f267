import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import express4 from "express4";
import { afterEach, describe, expect, test } from "vitest";
import { cookie, header, session, url } from "../../../src/adapters/express/index.ts";
import type { ExpressSessionOptions } from "../../../src/adapters/express/index.ts";
import { session as koaSession } from "../../../src/adapters/koa/index.ts";
import type { Notice } from "../../../src/adapters/http/index.ts";
import { replicaOf } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { SECRET } from "./frameworks.ts";

describe.each([
  ["Express 5", () => express()],
  ["Express 4", () => express4() as unknown as express.Express],
])("resolvers: %s", (_name, createApp) => {
  const closing: (() => Promise<unknown>)[] = [];

  async function start(options: Partial<ExpressSessionOptions>) {
    const notices: Notice[] = [];
    const engine = createEngine();
    const sessions = session({ secret: SECRET, engine, onNotice: (notice) => notices.push(notice), ...options } as ExpressSessionOptions);
    const app = createApp();
    app.use(sessions);
    app.use(async (request, response) => {
      if (request.path === "/write") Object.assign(request.session, { name: "Ada" });
      if (request.path === "/login") await request.session.regenerate();
      if (request.path === "/login") Object.assign(request.session, { user: "Ada" });
      if (request.path === "/destroy") await request.session.destroy();
      if (request.path === "/destroy") return void response.json({});
      const { name = null } = request.session as unknown as { name?: string };
      return void response.json({ name, links: [sessions.encodeUrl(request, "/next")] });
    });
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await engine.close();
    });
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const get = (path: string, headers: Record<string, string> = {}) => fetch(base + path, { headers });
    const nameOf = async (path: string, headers: Record<string, string> = {}) =>
      ((await (await get(path, headers)).json()) as { name: unknown }).name;
    return { engine, get, nameOf, notices, sessions };
  }

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test("[A31] a header brings the id and takes it back, and no cookie is set", async () => {
    const { get, nameOf } = await start({ resolver: header() });
    const first = await get("/write");
    const id = first.headers.get("session-id") ?? "";
    expect(id).toMatch(/^[\w-]{54}\.[A-Za-z0-9+/]{43}$/);
    expect({ cookies: first.headers.getSetCookie(), cache: first.headers.get("cache-control") }).toEqual({
      cookies: [],
      cache: "no-store",
    });
    expect(await nameOf("/", { "session-id": id })).toBe("Ada");
    expect((await get("/", { "session-id": id })).headers.get("session-id")).toBeNull();
    expect(await nameOf("/", { "session-id": id.slice(0, -1) + (id.endsWith("A") ? "E" : "A") })).toBeNull();
    const next = (await get("/login", { "session-id": id })).headers.get("session-id") ?? "";
    expect(next).not.toBe(id);
    expect((await get("/destroy", { "session-id": next })).headers.get("session-id")).toBe("");
    expect(await nameOf("/", { "session-id": next })).toBeNull();
  });

  test("[A31] what was signed for one resolver, or another header, passes nowhere else", async () => {
    const { get, nameOf } = await start({ resolver: [header(), cookie(), url()] });
    const byCookie = (await get("/write")).headers.getSetCookie()[0]?.split(";")[0]?.slice("sid=".length) ?? "";
    const byHeader = (await get("/write", { "session-id": "new" })).headers.get("session-id") ?? "";
    expect(await nameOf("/", { cookie: `sid=${byCookie}` })).toBe("Ada");
    expect(await nameOf("/", { "session-id": byHeader })).toBe("Ada");
    expect(await nameOf("/", { "session-id": byCookie })).toBeNull();
    expect(await nameOf("/", { cookie: `sid=${byHeader}` })).toBeNull();
    expect(await nameOf(`/?sid=${encodeURIComponent(byCookie)}`)).toBeNull();
    expect(await nameOf(`/?sid=${encodeURIComponent(byHeader)}`)).toBeNull();
  });

  test("[A31] of a chain the first valid id wins, and the answer goes its way", async () => {
    const { get, nameOf } = await start({ resolver: [header("X-Session"), cookie()] });
    const page = await get("/write");
    expect(page.headers.get("x-session")).toBeNull();
    const sid = page.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const client = await get("/write", { "x-session": "new" });
    expect(client.headers.getSetCookie()).toEqual([]);
    const id = client.headers.get("x-session") ?? "";
    expect(await nameOf("/", { cookie: sid, "x-session": "not valid" })).toBe("Ada");
    await get("/destroy", { "x-session": id, cookie: sid });
    expect(await nameOf("/", { cookie: sid })).toBe("Ada");
    expect(await nameOf("/", { "x-session": id })).toBeNull();
  });

  test("[A32] without a session, or outside a request of ours, links stay as they are", async () => {
    const { get, engine, notices, sessions } = await start({ resolver: url() });
    expect(notices.map(({ code }) => code)).toContain("url-resolver");
    const { links } = (await (await get("/links")).json()) as { links: string[] };
    expect(links[0]).toBe("/next");
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    expect(sessions.encodeUrl({ headers: {} } as IncomingMessage, "/next")).toBe("/next");
  });

  test("[A32] the id is read from the URL, taken out of it, and refused from other sites", async () => {
    const notices: Notice[] = [];
    const inner = createEngine();
    const sessions = session({ secret: SECRET, engine: inner, resolver: [cookie(), url("s")], onNotice: (notice) => notices.push(notice) });
    const onlyUrl = session({ secret: SECRET, engine: inner, resolver: url("s"), onNotice: () => undefined });
    const app = createApp();
    const seen: string[] = [];
    app.use("/cookie", sessions);
    app.use("/url", onlyUrl);
    app.use((request, response) => {
      seen.push(`${request.originalUrl} ${request.url} ${JSON.stringify(request.query)}`);
      if (request.query["write"] !== undefined) Object.assign(request.session, { name: "Ada" });
      const links = ["/url/next", "next?x=1#there", "?s=old&y=2", "#here", "https://elsewhere.example/a", "//elsewhere.example/a"];
      const middleware = request.originalUrl.startsWith("/url") ? onlyUrl : sessions;
      response.json({
        name: (request.session as unknown as { name?: string }).name ?? null,
        links: links.map((link) => middleware.encodeUrl(request, link)),
      });
    });
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await inner.close();
    });
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const first = await fetch(`${base}/url/?write=1`);
    expect({
      referrer: first.headers.get("referrer-policy"),
      cache: first.headers.get("cache-control"),
      cookies: first.headers.getSetCookie(),
    }).toEqual({ referrer: "strict-origin", cache: "no-store", cookies: [] });
    const { links } = (await first.json()) as { links: string[] };
    const [next = "", relative = "", query = "", ...unchanged] = links;
    expect(unchanged).toEqual(["#here", "https://elsewhere.example/a", "//elsewhere.example/a"]);
    const id = decodeURIComponent(next.slice("/url/next?s=".length));
    expect(id).toMatch(/^[\w-]{54}\.[A-Za-z0-9+/]{43}$/);
    expect(relative).toBe(`next?x=1&s=${encodeURIComponent(id)}#there`);
    expect(query).toBe(`?y=2&s=${encodeURIComponent(id)}`);

    const followed = await fetch(`${base}${next}&z=3`);
    expect(await followed.json()).toMatchObject({ name: "Ada" });
    expect(followed.headers.get("referrer-policy")).toBe("strict-origin");
    expect(seen.at(-1)).toBe('/url/next?z=3 /url/next?z=3 {"z":"3"}');
    for (const [site, name] of [
      ["same-origin", "Ada"],
      ["cross-site", null],
      ["none", null],
      ["same-site", null],
    ] as const) {
      const answer = (await (await fetch(base + next, { headers: { "sec-fetch-site": site } })).json()) as { name: unknown };
      expect({ site, name: answer.name }).toEqual({ site, name });
    }
    // Where cookies are the way, links stay as they are.
    const page = await fetch(`${base}/cookie/?write=1`);
    expect(((await page.json()) as { links: string[] }).links[0]).toBe("/url/next");
    expect(notices.map(({ code }) => code)).toContain("url-resolver");
  });

  test("[A32] other adapters refuse url(), and names that no header or parameter has are refused", () => {
    const invalid = expect.objectContaining({ code: "OPTION_INVALID" }) as Error;
    expect(() => koaSession({ secret: SECRET, resolver: url() })).toThrow(invalid);
    expect(() => header("Session Id")).toThrow(invalid);
    expect(() => url("a&b")).toThrow(invalid);
  });

  test("[A33] middleware.open verifies the id of a bare request, by whichever resolver", async () => {
    const { get, sessions, engine } = await start({ resolver: [header(), cookie()] });
    const sid = (await get("/write")).headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const id = /sid=([^.]*)/.exec(sid)?.[1] ?? "";
    const socket = { remoteAddress: "127.0.0.1" };
    const bare = (headers: Record<string, string>) =>
      ({ headers: { host: "localhost", ...headers }, socket, url: "/" }) as unknown as IncomingMessage;
    const handle = await sessions.open(bare({ cookie: sid }));
    expect([handle?.key, handle?.data()]).toEqual([engine.keyOf(id), { name: "Ada" }]);
    for (const headers of [{}, { cookie: `${sid}A` }, { cookie: `sid=${id}` }, { "session-id": id }] as Record<string, string>[]) {
      expect(await sessions.open(bare(headers))).toBeUndefined();
    }
    await engine.end(engine.keyOf(id));
    expect(await sessions.open(bare({ cookie: sid }))).toBeUndefined();
  });
});
