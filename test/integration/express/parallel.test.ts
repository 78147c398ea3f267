import { expect, test } from "vitest";
import { Gate } from "../adapters/frameworks.ts";
import { called, describeLibraries, sessionOf, startHandlers } from "./library.ts";
import type { Handlers, PeerOptions, Setup } from "./library.ts";

/*
 * Requests of one visitor at the same time: where express-session loses or revives, and ours does not (DESIGN 1, 3.1, 7). The expectations of
 * the two stand side by side; those of express-session are what its users know, and prove that the scenario is the race that it says.
 */

function handlers(gate: Gate): Handlers {
  return {
    "/fill": ({ session }) => {
      Object.assign(session, { user: "ada", cart: ["book"] });
      return "filled";
    },
    "/read": ({ session }) => Object.fromEntries(Object.entries(session).filter(([name]) => name !== "cookie")),
    "/add": ({ session }) => {
      (session["cart"] as string[]).push("pen");
      return "added";
    },
    "/slow-read": async ({ session }) => {
      const { user } = session;
      await gate.wait();
      return user ?? null;
    },
    "/slow-write": async ({ session }) => {
      const { user } = session;
      await gate.wait();
      session["slow"] = true;
      return user ?? null;
    },
    "/slow-save": async ({ session }) => {
      await gate.wait();
      session["slow"] = true;
      return called((callback) => session.save(callback)).then(
        () => "saved",
        () => "refused",
      );
    },
    "/write": ({ session }) => {
      session["late"] = true;
      return "written";
    },
    "/destroy": async ({ session }) => {
      await called((callback) => session.destroy(callback));
      return "ended";
    },
    "/regenerate": async ({ request, session }) => {
      await called((callback) => session.regenerate(callback));
      sessionOf(request)["user"] = "grace";
      return "regenerated";
    },
  };
}

const FILLED = { user: "ada", cart: ["book"] };

describeLibraries("at the same time", (setup: Setup) => {
  const { library } = setup;

  async function start(options: PeerOptions = {}) {
    const gate = new Gate();
    const { browser } = await startHandlers(setup, handlers(gate), options);
    await browser.send("/fill");
    return { gate, browser };
  }

  test("a slow request that only reads, and resave, which is the default there", async () => {
    const { gate, browser } = await start({ resave: true });
    const slow = browser.send("/slow-read");
    await gate.reached;
    await browser.send("/add");
    gate.open();
    await slow;
    expect(await browser.json("/read")).toEqual({ user: "ada", cart: library.pick({ peer: ["book"], ours: ["book", "pen"] }) });
  });

  test("a slow request that writes another attribute", async () => {
    const { gate, browser } = await start();
    const slow = browser.send("/slow-write");
    await gate.reached;
    await browser.send("/add");
    gate.open();
    await slow;
    expect(await browser.json("/read")).toEqual({ user: "ada", slow: true, cart: library.pick({ peer: ["book"], ours: ["book", "pen"] }) });
  });

  for (const path of ["/slow-write", "/slow-save"]) {
    test(`${path}: a logout meanwhile stays a logout, and the late response sends no cookie`, async () => {
      const { gate, browser } = await start();
      const old = browser.fork();
      const slow = browser.fork().send(path);
      await gate.reached;
      await browser.send("/destroy");
      gate.open();
      const reply = await slow;
      expect([reply.status, reply.setCookies]).toEqual([200, []]);
      expect(await old.json("/read")).toEqual(library.pick<object>({ peer: { ...FILLED, slow: true }, ours: {} }));
    });
  }

  test("a request that comes with the old id right after a login: it sees nothing, and does not overwrite the cookie", async () => {
    const { browser } = await start();
    const late = browser.fork();
    const later = browser.fork();
    await browser.send("/regenerate");
    const read = await late.send("/read");
    expect([read.status, read.json(), read.setCookies]).toEqual([200, {}, []]);
    const write = await later.send("/write");
    // expressjs/session#923: there it begins a session of its own, whose cookie takes the place of the login's.
    expect([write.status, write.setCookies.length]).toEqual(library.pick({ peer: [200, 1], ours: [409, 0] }));
    expect(await browser.json("/read")).toEqual({ user: "grace" });
  });

  test("a request that comes with the cookie of a destroyed session begins a new one under a new id", async () => {
    const { browser } = await start();
    const old = browser.fork();
    await browser.send("/destroy");
    const before = old.header();
    const reply = await old.send("/write");
    expect([reply.status, reply.setCookies.length]).toEqual([200, 1]);
    expect(old.header()).not.toBe(before);
    expect(await old.json("/read")).toEqual({ late: true });
  });

  test("two regenerations of one session at the same time: whoever has a cookie is in", async () => {
    const { browser } = await start();
    const tabs = [browser.fork(), browser.fork()];
    const replies = await Promise.all(tabs.map((tab) => tab.send("/regenerate")));
    const users = await Promise.all(tabs.map(async (tab) => (await tab.json<{ user?: string }>("/read")).user));
    expect(replies.filter((reply) => reply.setCookies.length > 0).length).toBeGreaterThan(0);
    replies.forEach((reply, index) => {
      expect([200, 409]).toContain(reply.status);
      if (reply.setCookies.length > 0) expect(users[index]).toBe("grace");
      else expect(users[index]).toBe(undefined);
    });
  });
});
