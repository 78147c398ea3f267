import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { header } from "../../../src/adapters/http/index.ts";
import type { EngineOptions, Seen, SessionEngine } from "../../../src/engine/index.ts";
import { contentOf, FRAMEWORKS, Gate } from "./frameworks.ts";
import type { Routes, Running, TestOptions } from "./frameworks.ts";
import { ManualClock } from "./manual-engine.ts";
import { cookiesOf, engineInSlot, QuietReplication, Traveller } from "./nodes.ts";

const MINUTE_MS = 60_000;
const HEADER_BYTES_MAX = 8_192;

describe.each(FRAMEWORKS)("$name: what a browser is told that it has seen", (framework) => {
  const closing: (() => Promise<unknown>)[] = [];
  let clock: ManualClock;
  let gate: Gate;

  const routes: Routes = {
    "/write": ({ session, query }) => {
      Object.assign(session, Object.fromEntries(query));
      return {};
    },
    "/read": ({ session }) => contentOf(session),
    "/ignore": () => ({}),
    "/cached": ({ session, query, header: set }) => {
      session["visits"] = Number(session["visits"] ?? 0) + 1;
      set("Cache-Control", query.get("control") ?? "");
      return {};
    },
    "/own": ({ session, header: set }) => {
      session["own"] = true;
      set("Set-Cookie", "own=1");
      return {};
    },
    "/slow": async ({ session }) => {
      await gate.wait();
      session["slow"] = true;
      return {};
    },
    "/rename": async ({ session }) => {
      await session.regenerate({ keep: true, graceMs: 60_000 });
      return {};
    },
    "/login-as": async (exchange) => {
      await exchange.session.regenerate({ keep: false });
      exchange.session["user"] = "Ada";
      return {};
    },
    "/logout": async ({ session }) => {
      await session.destroy();
      return {};
    },
    "/away": ({ session, redirect }) => {
      session["away"] = true;
      redirect("/read");
    },
  };

  async function start(
    options: EngineOptions = {},
    others: Partial<Omit<TestOptions, "engine">> = {},
    isShared = true,
  ): Promise<Running & { readonly engine: SessionEngine; readonly asked: (Seen | undefined)[] }> {
    const engine = engineInSlot(3, { ...(isShared ? { sync: () => new QuietReplication() } : {}), ...options }, { clock });
    const asked: (Seen | undefined)[] = [];
    const watched = new Proxy(engine, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (name === "checkOutHot") asked.push(args[1] as Seen | undefined);
          return Reflect.apply(value, target, args);
        };
      },
    });
    const running = await framework.start({ engine: watched, onNotice: () => undefined, ...others }, routes);
    closing.unshift(async () => {
      await running.close();
      await engine.close();
    });
    return { ...running, engine, asked };
  }

  function namesIn(response: Response): string[] {
    return [...cookiesOf(response).keys()];
  }

  beforeEach(() => {
    clock = new ManualClock();
    gate = new Gate();
  });

  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test("[RW8] nothing, where no other process has the session; nor is what comes looked at", async () => {
    const shared = await start();
    const alone = await start({}, {}, false);
    const visitor = new Traveller();
    await visitor.send(shared, "/write?a=1");
    expect(visitor.slots).toEqual(["sid-3"]);
    const response = await visitor.send(alone, "/write?a=1");
    expect(namesIn(response)).toEqual(["sid"]);
    await visitor.send(alone, "/read");
    expect(alone.asked).toEqual([undefined, undefined]);
    expect(namesIn(await visitor.send(alone, "/logout"))).toEqual(["sid"]);
  });

  test("[RW7] its commit, in the slot of the process, with the attributes of the session cookie", async () => {
    const node = await start({}, { trustProxy: true, cookie: { sameSite: "none", partitioned: true }, name: "__Host-sid" });
    const response = await fetch(`${node.url}/write?a=1`, { headers: { "x-forwarded-proto": "https" } });
    const cookies = cookiesOf(response);
    expect([...cookies.keys()].toSorted()).toEqual(["__Host-sid", "__Host-sid-3"]);
    const { attributes = "" } = cookies.get("__Host-sid") ?? {};
    expect(attributes).toContain("HttpOnly");
    expect(attributes).toContain("Partitioned");
    const told = cookies.get("__Host-sid-3")?.attributes.split("; ").toSorted() ?? [];
    expect(told).toEqual([...attributes.split("; "), "Max-Age=60"].toSorted());
  });

  test("[RW7] beside what the application sets itself, and all of it below 8 KiB", async () => {
    const name = "n".repeat(600);
    const node = await start({}, { name, genid: () => "i".repeat(256) });
    const response = await fetch(`${node.url}/own`);
    const cookies = cookiesOf(response);
    expect([...cookies.keys()]).toEqual(["own", name, `${name}-3`]);
    const companion = `${name}-3=${cookies.get(`${name}-3`)?.value ?? ""}; `;
    expect(`${name}=${cookies.get(name)?.value ?? ""}; `.length + 9 * companion.length).toBeLessThan(HEADER_BYTES_MAX);
    const tooLong = await start({}, { name: "n".repeat(800) });
    expect(namesIn(await fetch(`${tooLong.url}/write?a=1`))).toEqual(["n".repeat(800)]);
  });

  test("[RW8] mere use at most once in a tenth of the idle timeout, also where nobody asks for the session", async () => {
    const node = await start({ idleTimeoutMs: 100_000 });
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const names: string[][] = [];
    for (const [path, byMs] of [
      ["/read", 0],
      ["/read", 9_999],
      ["/ignore", 1],
      ["/read", 9_999],
      ["/read", 1],
    ] as const) {
      clock.advance(byMs);
      names.push(namesIn(await visitor.send(node, path)));
    }
    expect(names).toEqual([[], [], ["sid-t"], [], ["sid-t"]]);
    expect(node.asked.at(-1)).toEqual({ dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs - 10_000 });
    // A tenth of half an hour is more than the most.
    const other = await start();
    const another = new Traveller();
    await another.send(other, "/write?a=1");
    clock.advance(MINUTE_MS - 1);
    expect(namesIn(await another.send(other, "/read"))).toEqual([]);
    clock.advance(1);
    expect(namesIn(await another.send(other, "/read"))).toEqual(["sid-t"]);
  });

  test("[RW8] nothing that is no use of the session", async () => {
    const node = await start({}, { touch: () => false });
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    clock.advance(2 * MINUTE_MS);
    expect(namesIn(await visitor.send(node, "/read"))).toEqual([]);
    expect(namesIn(await visitor.send(node, "/write?a=2"))).toEqual(["sid-3"]);
  });

  test.each(["public", "public, max-age=60", "s-maxage=1", "max-age=60", "must-revalidate, max-age=0600"])(
    "[RW8] never in a response that a shared cache may keep: %s",
    async (control) => {
      const node = await start();
      const visitor = new Traveller();
      await visitor.send(node, "/write?a=1");
      visitor.jar.delete("sid-3");
      const response = await visitor.send(node, `/cached?control=${encodeURIComponent(control)}`);
      expect(namesIn(response)).toEqual([]);
      expect(response.headers.get("cache-control")).toBe(control);
    },
  );

  test.each(["private, max-age=60", "no-store", "no-cache", "max-age=0"])("[RW8] in any other: %s", async (control) => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const response = await visitor.send(node, `/cached?control=${encodeURIComponent(control)}`);
    expect(namesIn(response)).toEqual(["sid-3"]);
    expect(response.headers.get("cache-control")).toBe(control);
    expect((await visitor.send(node, "/write?a=2")).headers.get("cache-control")).toBe("no-store");
  });

  test("[RW5] forged, broken and foreign ones are ignored, and at most two of a slot are looked at", async () => {
    const node = await start({}, { touch: () => false });
    const [visitor, stranger] = [new Traveller(), new Traveller()];
    await visitor.send(node, "/write?a=1");
    await stranger.send(node, "/write?b=1");
    const genuine = visitor.jar.get("sid-3") ?? "";
    const dot = { dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs };
    const id = `sid=${visitor.jar.get("sid") ?? ""}`;
    for (const [cookies, expected] of [
      [[`sid-3=${genuine}`], dot],
      [["sid-3=tossed", `sid-3=${genuine}`], dot],
      [["sid-3=tossed", "sid-3=tossed", `sid-3=${genuine}`], undefined],
      [[`sid-4=${genuine}`], undefined],
      [[`sid-t=${genuine}`, `sid-33=${genuine}`, `xsid-3=${genuine}`, `sid-9=${genuine}`, `sid-=${genuine}`], undefined],
      [[`sid-3=${genuine.slice(0, -2)}AA`, `sid-3=${genuine}A`], undefined],
      [[`sid-3=${stranger.jar.get("sid-3") ?? ""}`], undefined],
      [["sid-3", "sid-3==", "sid-3=%00", `sid-3="${genuine}"`], undefined],
    ] as const) {
      node.asked.length = 0;
      const response = await fetch(`${node.url}/read`, { headers: { cookie: [id, ...cookies].join("; ") } });
      expect(await response.json()).toEqual({ a: "1" });
      expect(node.asked).toEqual([expected]);
    }
  });

  test("[RW5] to a use of the session nobody tells anything by what is known here, forged or not: nothing comes of it", async () => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const genuine = visitor.jar.get("sid-3") ?? "";
    visitor.jar.set("sid-3", `${genuine.slice(0, -2)}AA`);
    clock.nowMs += 5_000;
    const response = await visitor.send(node, "/read");
    expect(await response.json()).toEqual({ a: "1" });
    expect(namesIn(response)).toEqual([]);
    expect(node.asked.at(-1)?.dots).toHaveLength(1);
    // Of a later commit, or a use to come, only a genuine one tells.
    const bytes = Buffer.from(genuine, "base64url");
    for (const at of [11, 13]) {
      const ahead = Buffer.from(bytes);
      ahead.writeUInt8(0xff, at);
      visitor.jar.set("sid-3", ahead.toString("base64url"));
      expect(await visitor.json(node, "/read")).toEqual({ a: "1" });
      expect(node.asked.at(-1)?.dots ?? []).toEqual([]);
    }
  });

  test("[RW11] a logout forgets all that the request brought, and nothing else", async () => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    visitor.jar.set("sid-5", "of another node").set("sid-t", "a use").set("sid-x", "of the application");
    expect(namesIn(await visitor.send(node, "/logout")).toSorted()).toEqual(["sid", "sid-3", "sid-5", "sid-t"]);
    expect([...visitor.jar.keys()]).toEqual(["sid-x"]);
  });

  test("[RW11] a login tells the new session; what was seen of the old one means nothing to it", async () => {
    const node = await start({}, { touch: () => false });
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const before = visitor.jar.get("sid-3") ?? "";
    expect(namesIn(await visitor.send(node, "/login-as")).toSorted()).toEqual(["sid", "sid-3"]);
    const after = visitor.jar.get("sid-3");
    expect(after).not.toBe(before);
    visitor.jar.set("sid-4", before);
    node.asked.length = 0;
    expect(await visitor.json(node, "/read")).toEqual({ user: "Ada" });
    visitor.jar.set("sid-3", before);
    await visitor.json(node, "/read");
    expect(node.asked).toEqual([{ dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs }, undefined]);
  });

  test("[RW11] a request that overlapped the login takes nothing of it away", async () => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const parallel = visitor.fork();
    await visitor.send(node, "/login-as");
    expect(namesIn(await parallel.send(node, "/read"))).toEqual([]);
    expect((await parallel.send(node, "/write?a=2")).status).toBe(409);
  });

  test("[RW11] during the grace of a rotation the session that goes on is told, by either id", async () => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const parallel = visitor.fork();
    await visitor.send(node, "/rename");
    const response = await parallel.send(node, "/write?b=2");
    expect(namesIn(response)).toEqual(["sid-3"]);
    visitor.keep(response);
    node.asked.length = 0;
    expect(await visitor.json(node, "/read")).toEqual({ a: "1", b: "2" });
    expect(node.asked).toEqual([{ dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs }]);
  });

  test("[RW11] so it is by a request that was under way when the id changed", async () => {
    const node = await start();
    const visitor = new Traveller();
    await visitor.send(node, "/write?a=1");
    const slow = visitor.fork().send(node, "/slow");
    await gate.reached;
    await visitor.send(node, "/rename");
    gate.open();
    const response = await slow;
    expect(namesIn(response)).toEqual(["sid-3"]);
    visitor.keep(response);
    node.asked.length = 0;
    expect(await visitor.json(node, "/read")).toEqual({ a: "1", slow: true });
    expect(node.asked).toEqual([{ dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs }]);
  });

  test("[RW11] a session that began without attributes is told, too", async () => {
    const node = await start({}, { saveUninitialized: true });
    const visitor = new Traveller();
    expect(namesIn(await visitor.send(node, "/ignore")).toSorted()).toEqual(["sid", expect.stringMatching(/^sid-[3t]$/)]);
  });

  test("[RW10] clients of a header are told in a header", async () => {
    const node = await start({ idleTimeoutMs: 100_000 }, { resolver: header() });
    const begun = await fetch(`${node.url}/write?a=1`, { headers: { "session-id": "new" } });
    expect(namesIn(begun)).toEqual([]);
    const id = begun.headers.get("session-id") ?? "";
    const seen = begun.headers.get("session-seen") ?? "";
    expect(seen).toMatch(/^3=[\w-]{46}$/);
    node.asked.length = 0;
    const read = await fetch(`${node.url}/read`, { headers: { "session-id": id, "session-seen": `${seen}, t=nothing,x=${seen},,=` } });
    expect(await read.json()).toEqual({ a: "1" });
    expect(read.headers.get("session-seen")).toBeNull();
    expect(node.asked).toEqual([{ dots: [[expect.any(Number), expect.any(Number)]], touchedAtMs: clock.nowMs }]);
    clock.advance(10_000);
    const used = await fetch(`${node.url}/read`, { headers: { "session-id": id, "session-seen": seen } });
    expect(used.headers.get("session-seen")).toMatch(/^t=[\w-]{46}$/);
    const over = await fetch(`${node.url}/logout`, { headers: { "session-id": id, "session-seen": seen } });
    expect([over.headers.get("session-id"), over.headers.get("session-seen")]).toEqual(["", "3="]);
    // A token of a cookie is none of a header.
    const byCookie = new Traveller();
    const other = await start();
    await byCookie.send(other, "/write?a=1");
    node.asked.length = 0;
    await fetch(`${node.url}/read`, { headers: { "session-id": id, "session-seen": `3=${byCookie.jar.get("sid-3") ?? ""}` } });
    expect(node.asked).toEqual([undefined]);
  });

  describe("with acks", () => {
    async function startAcked() {
      const sync = new QuietReplication({ acks: 1, degraded: "fail" });
      const node = await start({ sync: () => sync });
      const answer = (acks: number, before: () => Promise<void> = async () => undefined): void => {
        sync.delivered = async () => {
          await before();
          return { acks, wanted: 1, durable: false };
        };
      };
      return { node, answer };
    }

    test("[RW12] a response goes out when the holders have what it wrote; a redirect, too", async () => {
      const { node, answer } = await startAcked();
      const visitor = new Traveller();
      for (const path of ["/write?a=1", "/away", "/login-as"]) {
        const [asked, door] = [new Gate(), new Gate()];
        answer(1, async () => {
          asked.open();
          await door.wait();
        });
        let isAnswered = false;
        const response = visitor.send(node, path).then((done) => {
          isAnswered = true;
          return done;
        });
        await door.reached;
        await asked.wait();
        expect(isAnswered).toBe(false);
        door.open();
        expect((await response).status).toBe(path === "/away" ? 302 : 200);
        expect(visitor.slots).toEqual(["sid-3"]);
      }
    });

    test("[RW12] [RW11] a missing ack is a 503 by the framework's error path, with nothing of the page", async () => {
      const { node, answer } = await startAcked();
      answer(0);
      for (const path of ["/write?a=1", "/away"]) {
        const response = await fetch(node.url + path, { redirect: "manual" });
        expect({ path, status: response.status, location: response.headers.get("location"), cookies: namesIn(response) }).toEqual({
          path,
          status: 503,
          location: null,
          cookies: [],
        });
      }
      answer(1);
      const visitor = new Traveller();
      await visitor.send(node, "/write?a=1");
      const before = new Map(visitor.jar);
      answer(0);
      for (const path of ["/write?a=2", "/away", "/login-as"]) {
        const response = await visitor.send(node, path);
        expect({ path, status: response.status, cookies: namesIn(response) }).toEqual({ path, status: 503, cookies: [] });
      }
      expect(visitor.jar).toEqual(before);
    });
  });
});
