import { createRequire } from "node:module";
import Koa from "koa";
import { expect, test } from "vitest";
import { session } from "../../../src/adapters/koa/index.ts";
import type { KoaSessionOptions } from "../../../src/adapters/koa/index.ts";
import { attributesOf, describeLibraries, KEYS, PeerStore, sessionOf, sessions, startApp, startSite, Visitor } from "./library.ts";
import type { Route, Setup } from "./library.ts";

const Keygrip = createRequire(import.meta.url)("keygrip") as new (keys: string[]) => object;

const routes: Readonly<Record<string, Route>> = {
  "/write": (context) => {
    sessionOf(context)["name"] = "Ada";
    return {};
  },
  "/read": (context) => sessionOf(context).toJSON(),
  "/ignore": () => ({}),
  "/commit": async (context) => {
    const found = sessionOf(context);
    found["name"] = "Ada";
    await found.manuallyCommit();
    return {};
  },
  "/commit-null": async (context) => {
    const found = sessionOf(context);
    (context as unknown as { session: unknown }).session = null;
    await found.manuallyCommit();
    return {};
  },
  "/null": (context) => {
    (context as unknown as { session: unknown }).session = null;
    return {};
  },
  "/own-cookie": (context) => {
    context.cookies.set("sid", "mine", { signed: false });
    context.cookies.set("other", "mine", { signed: false });
    sessionOf(context)["name"] = "Ada";
    return {};
  },
};

describeLibraries("options", (setup) => {
  test("[A37] the options of the cookie say what it has", async () => {
    const attributesWith = async (options: object): Promise<string[] | undefined> => {
      const { visitor } = await startSite(setup, routes, { key: "sid", ...options });
      return attributesOf(await visitor.send("/write"), "sid");
    };
    const lax = setup.pick({ peer: [], ours: ["samesite=lax"] });
    expect(await attributesWith({ secure: false, maxAge: "session" })).toEqual(["httponly", "path=/", ...lax]);
    expect(await attributesWith({ secure: false, maxAge: "session", httpOnly: false, sameSite: "strict", domain: "127.0.0.1" })).toEqual([
      "domain=127.0.0.1",
      "path=/",
      "samesite=strict",
    ]);
    const life = setup.pick({ peer: "expires", ours: "max-age=60" });
    expect(await attributesWith({ secure: false, maxAge: 60_000, sameSite: undefined, priority: "high" })).toEqual(
      [life, "httponly", "path=/", "priority=high", ...lax].sort(),
    );
    expect(await attributesWith({ secure: false, maxage: 60_000 })).toContain(life);
    // No TLS here, so there is no place for such a cookie.
    const { visitor } = await startSite(setup, routes, { key: "sid", secure: true });
    const response = await visitor.send("/write");
    expect([response.status, response.headers.getSetCookie()]).toEqual([setup.pick({ peer: 500, ours: 200 }), []]);
  });

  test("[A37] path: elsewhere there is no session", async () => {
    const { visitor } = await startSite(setup, routes, { key: "sid", path: "/shop", secure: false });
    const response = await visitor.send("/write");
    expect([response.status, attributesOf(response, "sid")?.includes("path=/shop")]).toEqual(
      setup.pick({ peer: [200, true], ours: [500, undefined] }),
    );
  });

  test("[A37] autoCommit: false writes nothing until manuallyCommit", async () => {
    const { visitor } = await startSite(setup, routes, { autoCommit: false });
    await visitor.send("/write");
    expect(visitor.jar.size).toBe(0);
    await visitor.send("/commit");
    expect(visitor.jar.size).toBeGreaterThan(0);
    expect(await visitor.json("/read")).toEqual({ name: "Ada" });
    await visitor.send("/null");
    expect(await visitor.json("/read")).toEqual({ name: "Ada" });
    await visitor.send("/commit-null");
    expect(visitor.jar.size).toBe(0);
  });

  test("[A37] rolling sends the cookie with every response of a session, and of no other visitor", async () => {
    const { visitor } = await startSite(setup, routes, { key: "sid", rolling: true, maxAge: 60_000 });
    expect((await visitor.send("/ignore")).headers.getSetCookie()).toEqual([]);
    await visitor.send("/write");
    for (const path of ["/ignore", "/read"]) {
      expect(attributesOf(await visitor.send(path), "sid")).toContain(setup.pick({ peer: "expires", ours: "max-age=60" }));
    }
  });

  test("[A37] overwrite: of another Set-Cookie of our name nothing stays, of others everything", async () => {
    const cookiesWith = async (overwrite: boolean): Promise<string[]> => {
      const { visitor } = await startSite(setup, routes, { key: "sid", overwrite });
      const response = await visitor.send("/own-cookie");
      return response.headers.getSetCookie().map((each) => each.replace(/;.*/, ""));
    };
    const overwritten = await cookiesWith(true);
    expect(overwritten.filter((each) => each.startsWith("sid="))).toHaveLength(1);
    expect(overwritten).not.toContain("sid=mine");
    expect(overwritten).toContain("other=mine");
    expect((await cookiesWith(false)).filter((each) => each.startsWith("sid="))).toHaveLength(2);
  });

  test("[A37] genid chooses ids, and is given ctx", async () => {
    const ids: string[] = [];
    const genid = ({ path }: Koa.Context): string => {
      ids.push(`${path.slice(1)}-${crypto.randomUUID()}`);
      return ids.at(-1) ?? "";
    };
    const { visitor } = await startSite(setup, { ...routes, "/key": (context) => ({ key: sessionOf(context).externalKey }) }, { genid });
    await visitor.send("/write");
    expect(await visitor.json("/key")).toEqual({ key: ids.find((id) => id.startsWith("write-")) });
  });

  test("[A37] externalKey: the application's own way for ids, both ways", async () => {
    const externalKey = {
      get: (context: Koa.Context) => context.get("my-session"),
      set: (context: Koa.Context, key: string) => context.set("my-session", key),
    };
    const { visitor } = await startSite(setup, routes, { externalKey });
    const first = await visitor.send("/write");
    const key = first.headers.get("my-session") ?? "";
    expect(key.length).toBeGreaterThan(20);
    expect(first.headers.getSetCookie()).toEqual([]);
    const json = async (headers: Record<string, string>): Promise<unknown> => (await visitor.send("/read", headers)).json();
    expect(await json({ "my-session": key })).toEqual({ name: "Ada" });
    expect(await json({})).toEqual({});
    expect(await json({ "my-session": "never-issued-never-issued-never" })).toEqual({});
    await visitor.send("/null", { "my-session": key });
    expect(await json({ "my-session": key })).toEqual({});
  });

  test("[A37] the application may come first, second, and bring its keys", async () => {
    for (const order of ["first", "second", "alone"]) {
      if (setup.library === "koa-session" && order === "first") continue;
      const { visitor } = await startApp(setup, (app) => {
        const options: KoaSessionOptions = { onNotice: () => undefined, key: "sid" };
        const middleware =
          setup.library === "koa-session"
            ? sessions(setup, { key: "sid" }, app)
            : order === "first"
              ? session(app, options)
              : session(options, app);
        app.use(order === "alone" && setup.library === "converge-session" ? session({ ...options, secret: KEYS }) : middleware);
        app.use(async (context) => {
          const found = sessionOf(context);
          found["views"] = Number(found["views"] ?? 0) + 1;
          context.body = { views: found["views"] };
        });
      });
      expect([await visitor.json("/"), await visitor.json("/")]).toEqual([{ views: 1 }, { views: 2 }]);
      expect(visitor.jar.has("sid")).toBe(true);
    }
  });
});

test("[A37] store: in one for koa-session sessions outlive the process, without their ids, and what ended stays ended", async () => {
  const setup: Setup = { library: "converge-session", Koa, koaVersion: 3, pick: ({ ours }) => ours };
  const store = new PeerStore();
  const first = await startSite(setup, routes, { store, prefix: "sess:", persist: "before" });
  await first.visitor.send("/write");
  const stolen = first.visitor.fork();
  const second = await startSite(setup, routes, { store, prefix: "sess:", persist: "before" });
  const visitor = new Visitor(second.url, first.visitor.jar);
  expect(await visitor.json("/read")).toEqual({ name: "Ada" });
  const [token = ""] = visitor.jar.values();
  const [id = ""] = decodeURIComponent(token).split(/[.~]/);
  expect(id.length).toBeGreaterThan(40);
  expect([...store.entries.keys()].every((key) => key.startsWith("sess:"))).toBe(true);
  expect(JSON.stringify([...store.entries])).not.toContain(id);
  await visitor.send("/null");
  const third = await startSite(setup, routes, { store, prefix: "sess:" });
  expect(await new Visitor(third.url, stolen.jar).json("/read")).toEqual({});
});

test.each<[string, object, RegExp]>([
  ["encode", { encode: () => "" }, /encode and decode .*Leave them out/],
  ["decode", { decode: () => ({}) }, /encode and decode .*Leave them out/],
  ["ContextStore", { ContextStore: class {} }, /ContextStore.*option store/],
  ["signed: false", { signed: false }, /signed: false.*app.keys/],
  ["a maxAge in words", { maxAge: "1d" }, /maxAge.*milliseconds/],
  ["a maxAge of nothing", { maxAge: 0 }, /maxAge/],
  ["an autoCommit in words", { autoCommit: "yes" }, /autoCommit must be true or false/],
  ["a valid that is none", { valid: true }, /valid must be a function/],
  ["a beforeSave that is none", { beforeSave: {} }, /beforeSave must be a function/],
  ["half an externalKey", { externalKey: { get: () => "" } }, /externalKey must be/],
  ["a prefix that is no text", { prefix: 5 }, /prefix must be text/],
  ["sameSite that no browser knows", { sameSite: "sometimes" }, /sameSite/],
  ["a store that is none", { store: { get: () => undefined } }, /store must be/],
])("[A37] %s is refused at start, with what to write", (_what, options, message) => {
  const start = () => session({ secret: KEYS, ...options } as KoaSessionOptions);
  expect(start).toThrow(expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringMatching(message) as string }));
});

test("[A18] app.keys that tell nobody their secrets are refused", () => {
  const app = new Koa();
  app.keys = new Keygrip(["one"]) as typeof app.keys;
  expect(() => session(app)).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining("Keygrip") as string }),
  );
});
