import { expect, test } from "vitest";
import { Gate } from "../adapters/frameworks.ts";
import { assign, called, COOKIE, describeLibraries, startHandlers } from "./library.ts";

const HOUR_MS = 3_600_000;
const NEVER_SAVED = "0".repeat(32);

describeLibraries("request.session", (library) => {
  test("[A36] get and set are attributes by name, and what every object has is none", async () => {
    const { browser } = await startHandlers(library, {
      "/set": ({ session }) => {
        session.set("user", { name: "Ada" });
        session["visits"] = 1;
        return { user: session["user"], visits: session.get("visits"), missing: session.get("nothing") ?? null };
      },
      "/get": ({ session }) => ({ user: session.get("user"), id: session.get("sessionId") === session.sessionId }),
      "/object": ({ session }) => ["constructor", "hasOwnProperty", "__proto__"].map((name) => session.get(name) === undefined),
      "/delete": ({ session }) => {
        session.set("user", undefined);
        return { user: session.get("user") ?? null };
      },
    });
    expect(await browser.json("/set")).toEqual({ user: { name: "Ada" }, visits: 1, missing: null });
    expect(await browser.json("/get")).toEqual({ user: { name: "Ada" }, id: true });
    expect(await browser.json("/object")).toEqual(library.pick({ peer: [false, false, false], ours: [true, true, true] }));
    expect(await browser.json("/delete")).toEqual({ user: null });
    expect(await browser.json("/get")).toEqual({ id: true });
  });

  test("[A36] listed are the cookie and the attributes", async () => {
    const { browser } = await startHandlers(library, {
      "/": ({ session }) => {
        session["user"] = "Ada";
        return { keys: Object.keys(session), json: Object.keys(JSON.parse(JSON.stringify(session)) as object), spread: { ...session } };
      },
    });
    const found = await browser.json<{ keys: string[]; json: string[]; spread: object }>("/");
    expect([found.keys, found.json]).toEqual([
      ["cookie", "user"],
      ["cookie", "user"],
    ]);
    expect(found.spread).toMatchObject({ user: "Ada", cookie: { httpOnly: true, secure: false, path: "/", originalMaxAge: null } });
  });

  test("[A36] isModified and isSaved: by this request", async () => {
    const { browser } = await startHandlers(library, {
      "/write": async ({ session }) => {
        const states = [[session.isModified(), session.isSaved()]];
        session["list"] = [1];
        states.push([session.isModified(), session.isSaved()]);
        await session.save();
        states.push([session.isModified(), session.isSaved()]);
        (session["list"] as number[]).push(2);
        states.push([session.isModified(), session.isSaved()]);
        return states;
      },
      "/read": ({ session }) => [session["list"], session.isModified(), session.isSaved()],
    });
    expect(await browser.json("/write")).toEqual([
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]);
    expect(await browser.json("/read")).toEqual([[1, 2], false, false]);
  });

  test("[A36] save alone begins a session, with its cookie", async () => {
    const { browser } = await startHandlers(library, {
      "/save": async ({ session }) => {
        await session.save();
        return { id: session.sessionId };
      },
      "/by-callback": async ({ session }) => {
        await called((done) => session.save(done));
        return { id: session.sessionId };
      },
      "/id": ({ session }) => ({ id: session.sessionId }),
    });
    const saved = await browser.json("/save");
    expect(await browser.json("/id")).toEqual(saved);
    const other = browser.fork();
    other.setCookie(COOKIE, "none");
    const again = await other.json("/by-callback");
    expect(again).not.toEqual(saved);
    expect(await other.json("/id")).toEqual(again);
  });

  test("[A36] regenerate: the id is new, the listed fields go on, the others and the old id do not", async () => {
    const { browser } = await startHandlers(library, {
      "/fill": ({ session }) => {
        Object.assign(session, { cart: ["book"], csrf: "t", step: 1 });
        return { id: session.sessionId };
      },
      "/promise": async (exchange) => {
        await exchange.session.regenerate(["cart"]);
        return { id: exchange.session.sessionId, cart: exchange.session["cart"], step: exchange.session["step"] ?? null };
      },
      "/callback": async (exchange) => {
        await called((done) => exchange.session.regenerate(["cart", "none"], done));
        return { id: exchange.session.sessionId, cart: exchange.session["cart"] };
      },
      "/bare": async (exchange) => {
        await called((done) => exchange.session.regenerate(done));
        exchange.session["user"] = "Ada";
        return { id: exchange.session.sessionId, cart: exchange.session["cart"] ?? null };
      },
      "/get": ({ session }) => ({ id: session.sessionId, cart: session["cart"] ?? null, user: session["user"] ?? null }),
    });
    const { id: first } = await browser.json<{ id: string }>("/fill");
    const old = browser.fork();
    const second = await browser.json<{ id: string }>("/promise");
    expect(second).toEqual({ id: expect.not.stringMatching(first) as unknown, cart: ["book"], step: null });
    const third = await browser.json<{ id: string }>("/callback");
    expect(third).toEqual({ id: expect.not.stringMatching(second.id) as unknown, cart: ["book"] });
    expect(await browser.json("/get")).toEqual({ id: third.id, cart: ["book"], user: null });
    const last = await browser.json<{ id: string }>("/bare");
    expect(last.id).not.toBe(third.id);
    expect(await browser.json("/get")).toEqual({ id: last.id, cart: null, user: "Ada" });
    expect(await old.json("/get")).toMatchObject({ cart: null, user: null });
  });

  test("[A36] reload sees what others saved and forgets what was not; of what was never saved nothing is left", async () => {
    const gate = new Gate();
    const { browser } = await startHandlers(library, {
      "/set": ({ session, query }) => {
        session["name"] = query["name"];
        return null;
      },
      "/slow": async (exchange) => {
        exchange.session["name"] = "forgotten";
        await gate.wait();
        await exchange.session.reload();
        return { name: exchange.session["name"] };
      },
      "/new": async (exchange) => {
        exchange.session["name"] = "forgotten";
        await called((done) => exchange.session.reload(done));
        return { name: exchange.session["name"] ?? null };
      },
    });
    expect(await browser.fork().json("/new")).toEqual({ name: null });
    await browser.send("/set?name=Ada");
    const slow = browser.fork().json("/slow");
    await gate.reached;
    await browser.send("/set?name=Grace");
    gate.open();
    expect(await slow).toEqual({ name: "Grace" });
  });

  test("[A36] destroy leaves null, and the old cookie opens nothing", async () => {
    const { browser } = await startHandlers(library, {
      "/set": ({ session }) => {
        session["name"] = "Ada";
        return null;
      },
      "/promise": async (exchange) => {
        await exchange.session.destroy();
        return { session: exchange.session as unknown };
      },
      "/callback": async (exchange) => {
        await called((done) => exchange.session.destroy(done));
        return { session: exchange.session as unknown };
      },
      "/get": ({ session }) => ({ name: session["name"] ?? null }),
    });
    for (const path of ["/promise", "/callback"]) {
      await browser.send("/set");
      const old = browser.fork();
      const reply = await browser.send(path);
      expect(reply.json()).toEqual({ session: null });
      expect(reply.setCookies.some(({ isRemoval }) => isRemoval)).toBe(library.pick({ peer: false, ours: true }));
      expect(await old.json("/get")).toEqual({ name: null });
    }
  });

  test("[A36] request.session = null: nothing of this request is written, and the session lives on", async () => {
    const { browser } = await startHandlers(library, {
      "/set": ({ session }) => {
        session["name"] = "Ada";
        return null;
      },
      "/null": ({ request, session }) => {
        session["name"] = "forgotten";
        assign(request, null);
        return null;
      },
      "/get": ({ session }) => ({ name: session["name"] ?? null }),
    });
    await browser.send("/set");
    await browser.send("/null");
    expect(await browser.json("/get")).toEqual({ name: "Ada" });
  });

  test("[A36] options says what the cookie of this session has, from now on", async () => {
    const { browser } = await startHandlers(library, {
      "/set": ({ session }) => {
        session["name"] = "Ada";
        session.options({ maxAge: HOUR_MS, httpOnly: false, sameSite: "strict" });
        return { maxAge: Number(session.cookie.maxAge) > HOUR_MS - 60_000, httpOnly: session.cookie["httpOnly"] };
      },
      "/get": ({ session }) => ({ originalMaxAge: session.cookie.originalMaxAge, sameSite: session.cookie["sameSite"] }),
    });
    const reply = await browser.send("/set");
    expect(reply.json()).toEqual({ maxAge: true, httpOnly: false });
    const [cookie] = reply.setCookies;
    expect(cookie?.attributes).toMatchObject({ samesite: expect.stringMatching(/strict/i) as unknown, path: "/" });
    expect(cookie?.attributes["httponly"]).toBeUndefined();
    expect(Math.abs((cookie?.lifeMs ?? 0) - HOUR_MS)).toBeLessThan(60_000);
    expect(await browser.json("/get")).toEqual({ originalMaxAge: HOUR_MS, sameSite: "strict" });
  });

  test("[A36] touch is there, and changes nothing that was stored", async () => {
    const { browser } = await startHandlers(library, {
      "/set": ({ session }) => {
        session["name"] = "Ada";
        return null;
      },
      "/touch": ({ session }) => {
        session.touch();
        return { isModified: session.isModified(), name: session["name"] };
      },
    });
    await browser.send("/set");
    expect(await browser.json("/touch")).toEqual({ isModified: false, name: "Ada" });
  });

  test("[A36] encryptedSessionId is what the cookie has", async () => {
    const { browser } = await startHandlers(library, {
      "/": ({ session }) => {
        session["name"] = "Ada";
        return { id: session.sessionId, encrypted: session.encryptedSessionId };
      },
    });
    const { id, encrypted } = await browser.json<{ id: string; encrypted: string }>("/");
    expect(decodeURIComponent(browser.cookie(COOKIE) ?? "")).toBe(encrypted);
    expect(encrypted.startsWith(`${id}.`)).toBe(true);
  });

  test("[A36] an id that is not signed, or signed for nothing, is none, and never adopted", async () => {
    const { browser } = await startHandlers(library, {
      "/": ({ session }) => {
        session["name"] = "Ada";
        return { id: session.sessionId };
      },
    });
    for (const value of [NEVER_SAVED, `${NEVER_SAVED}.${"A".repeat(43)}`, "", "."]) {
      const visitor = browser.fork();
      visitor.setCookie(COOKIE, value);
      expect((await visitor.json<{ id: string }>("/")).id).not.toBe(NEVER_SAVED);
    }
  });

  test("[A36] ours: names of the adapter are refused with a code; the peer breaks its session by them", async () => {
    const { browser } = await startHandlers(library, {
      "/": ({ session }) =>
        ["get", "set", "options", "isModified", "isSaved", "sessionId", "encryptedSessionId", "regenerate"].map((name) => {
          try {
            session[name] = 1;
            return "accepted";
          } catch (error) {
            return (error as { code?: string }).code ?? (error as Error).name;
          }
        }),
    });
    if (library.pick({ peer: true, ours: false })) return;
    expect(new Set(await browser.json<string[]>("/"))).toEqual(new Set(["ATTRIBUTE_NAME_REFUSED"]));
  });
});
