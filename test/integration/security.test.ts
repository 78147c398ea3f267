import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { sign } from "cookie-signature";
import { afterEach, describe, expect, test } from "vitest";
import type { Notice } from "../../src/adapters/http/index.ts";
import { Engine, replicaOf, SessionError } from "../../src/engine/index.ts";
import type { SessionEngine, SessionEvent, SessionKey, SessionRecord } from "../../src/engine/index.ts";
import { createEngine, nodeRuntime } from "../../src/runtime/index.ts";
import { MemoryStore } from "../../src/storage/index.ts";
import { testSession } from "../../src/testing/index.ts";
import { FRAMEWORKS, SECRET, Visitor } from "./adapters/frameworks.ts";
import type { Routes, TestOptions } from "./adapters/frameworks.ts";
import { GatedStore } from "./adapters/gated-store.ts";

/** What docs/security.md claims and no other test shows. */

const FORGED_COUNT = 1_000;
const DAY_MS = 86_400_000;
const CANARY = "canary-4f1d-value";

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** A store that counts who asks it. */
class CountingStore extends GatedStore {
  loadCount = 0;

  override load(key: SessionKey): Promise<SessionRecord | undefined> {
    this.loadCount += 1;
    return super.load(key);
  }
}

function newEngine(...options: Parameters<typeof createEngine>): SessionEngine {
  const engine = createEngine(...options);
  cleanUps.push(() => engine.close());
  return engine;
}

const signed = (id: string, secret = SECRET): string => sign(`sid=${id}`, secret);

describe.each(FRAMEWORKS)("security: $name", (framework) => {
  const seen: unknown[] = [];
  const routes: Routes = {
    // Express lists the cookie with the attributes.
    "/get": ({ session }) => Object.fromEntries(Object.entries(session).filter(([name]) => name !== "cookie")),
    "/write": ({ session }) => {
      session["name"] = CANARY;
      return { ok: true };
    },
    "/inspect": ({ session }) => {
      seen.push(inspect(session, { depth: null, showHidden: true }), Object.prototype.toString.call(session));
      return { ok: true };
    },
    "/fail": async ({ session, query }) => {
      const attempt: Record<string, () => unknown> = {
        function: () => (session["bad"] = { [CANARY.slice(0, 6)]: () => CANARY }),
        large: () => (session["bad"] = CANARY.repeat(10_000)),
        name: () => Object.assign(session, { save: CANARY }),
        late: async () => {
          await session.destroy();
          session["bad"] = CANARY;
        },
      };
      try {
        await attempt[query.get("how") ?? ""]?.();
        await session.save();
      } catch (error) {
        seen.push(error);
        session["bad"] = undefined;
      }
      return { ok: true };
    },
  };

  async function start(options: Partial<TestOptions> = {}) {
    const engine = options.engine ?? newEngine();
    const app = await framework.start({ onNotice: () => undefined, ...options, engine }, routes);
    cleanUps.unshift(() => app.close());
    const send = (path: string, cookie: string) => new Visitor(app.url, cookie).sendWithoutKeeping(path);
    return { engine, url: app.url, send };
  }

  test(`[A3] [A4] ${FORGED_COUNT} forged ids are looked up nowhere, and leave neither session nor cookie`, async () => {
    const store = new CountingStore();
    const { engine, send } = await start({ engine: newEngine({ store }) });
    const forgeries = Array.from({ length: FORGED_COUNT }, (_, index) => {
      const id = engine.issueId();
      const mac = randomBytes(32).toString("base64").replace(/=+$/, "");
      // No signature, one that is too short, one of random bytes, and one by another secret.
      return [`sid=${id}`, `sid=${id}.${mac.slice(0, 5)}`, `sid=${id}.${mac}`, signed(id, `${SECRET} of somebody else`)][index % 4] ?? "";
    });
    for (let from = 0; from < FORGED_COUNT; from += 50) {
      const responses = await Promise.all(forgeries.slice(from, from + 50).map((cookie) => send("/get", cookie)));
      for (const response of responses) {
        expect([response.status, response.headers.getSetCookie(), await response.text()]).toEqual([200, [], "{}"]);
      }
    }
    expect([store.loadCount, ...replicaOf(engine.host).heldKeys()]).toEqual([0]);
    // What our secret did sign is asked for: the count above counts.
    await send("/get", signed(engine.issueId()));
    expect(store.loadCount).toBe(1);
  });

  test("[A3] [SY7] a store never sees the id, and what it sees opens nothing, not even signed", async () => {
    const store = new GatedStore();
    const engine = newEngine({ store });
    const { send } = await start({ engine });
    const { cookie, id, key } = await testSession({ engine, secret: SECRET }, { name: CANARY });
    expect(await (await send("/get", cookie)).json()).toEqual({ name: CANARY });
    const atRest = [...store.records].map(([at, { envelope, document }]) =>
      Buffer.concat([Buffer.from(at + JSON.stringify(envelope)), document?.bytes ?? Buffer.alloc(0)]),
    );
    expect(atRest.map((bytes) => [bytes.includes(CANARY), bytes.includes(key)])).toEqual([[true, true]]);
    for (const secret of [id, Buffer.from(id, "base64url").subarray(0, 32)]) {
      expect(atRest.some((bytes) => bytes.includes(secret))).toBe(false);
    }
    for (const stolen of [`sid=${key}`, signed(key)]) expect(await (await send("/get", stolen)).json()).toEqual({});
  });

  test("[E10] where there is no randomness there is no session, and no weaker id", async () => {
    let isBroken = false;
    const broken = {
      ...nodeRuntime,
      randomBytes: (count: number) => {
        if (isBroken) throw new Error("The source of randomness failed.");
        return nodeRuntime.randomBytes(count);
      },
    };
    const engine = new Engine({}, broken, (context) => new MemoryStore(context));
    cleanUps.push(() => engine.close());
    const { send } = await start({ engine });
    isBroken = true;
    const response = await send("/write", "");
    expect([response.status, response.headers.getSetCookie()]).toEqual([500, []]);
    expect([...replicaOf(engine.host).heldKeys()]).toEqual([]);
    isBroken = false;
    expect((await send("/write", "")).headers.getSetCookie()).toHaveLength(1);
  });

  test("[R4] a record that was damaged at rest is a 503, and never a new session under the same cookie", async () => {
    const store = new GatedStore();
    const first = newEngine({ store });
    const { cookie, key } = await testSession({ engine: first, secret: SECRET }, { name: CANARY });
    await first.close();
    const record = store.records.get(key);
    if (record?.document === undefined) throw new Error("Nothing is stored.");
    const { bytes } = record.document;
    store.records.set(key, { ...record, document: { ...record.document, bytes: bytes.subarray(0, bytes.length >> 1) } });
    const { send } = await start({ engine: newEngine({ store }) });
    for (const path of ["/get", "/write"]) {
      const response = await send(path, cookie);
      expect([path, response.status, response.headers.getSetCookie()]).toEqual([path, 503, []]);
      expect(await response.text()).not.toContain(CANARY);
    }
  });

  test("[V6] [A10] no error, notice, warning or inspected object holds an id, a key, a value or the secret", async () => {
    const notices: Notice[] = [];
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on("warning", listen);
    cleanUps.push(async () => process.off("warning", listen));
    const engine = newEngine({ onEvent: (event: SessionEvent) => "error" in event && seen.push(event.error) });
    const { send, url } = await start({ engine, onNotice: (notice) => notices.push(notice) });
    const { cookie, id, key } = await testSession({ engine, secret: SECRET }, { name: CANARY });
    const other = await testSession({ engine, secret: SECRET }, { name: CANARY });
    seen.length = 0;
    await send("/inspect", cookie);
    for (const how of ["function", "large", "name", "late"]) await send(`/fail?how=${how}`, how === "late" ? other.cookie : cookie);
    expect(seen.filter((each) => each instanceof SessionError).map(({ code }) => code)).toEqual([
      "VALUE_REFUSED",
      "LIMIT_EXCEEDED",
      "ATTRIBUTE_NAME_REFUSED",
      "SESSION_ENDED",
    ]);
    await send("/get", `${cookie}; ${signed(engine.issueId())}`);
    await new Visitor(url).send("/write", { headers: { "x-forwarded-proto": "https" } });
    expect(notices.map(({ code }) => code)).toEqual(expect.arrayContaining(["duplicate-cookies", "cookie-withheld"]));
    seen.push(inspect(engine, { depth: null, showHidden: true }), ...notices, ...warnings);
    const told = seen.map((each) => `${inspect(each, { depth: null, showHidden: true })} ${String(each)}`).join("\n");
    expect(told).toContain("name");
    for (const secret of [id, key, other.id, other.key, cookie.slice(-40), CANARY, SECRET]) expect(told).not.toContain(secret);
  });
});

test("[E10] 100,000 ids are all different, and no place in them prefers a value", () => {
  const engine = newEngine();
  const ids = new Set<string>();
  const counts = Array.from({ length: 32 }, () => new Uint32Array(256));
  for (let drawn = 0; drawn < 100_000; drawn += 1) {
    const id = engine.issueId();
    ids.add(id);
    const bytes = Buffer.from(id, "base64url");
    counts.forEach((count, at) => (count[bytes[at] ?? 0] = (count[bytes[at] ?? 0] ?? 0) + 1));
  }
  expect(ids.size).toBe(100_000);
  const expected = 100_000 / 256;
  for (const count of counts) {
    // 255 degrees of freedom: mean 255, standard deviation 22.6; 425 is 7.5 of them, once in 10^10 for one place.
    const chiSquare = count.reduce((sum, each) => sum + (each - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(425);
  }
});

test("[E5] no session lives for longer than 30 days, whatever the options say", () => {
  for (const options of [{ absoluteTimeoutMs: 30 * DAY_MS + 1 }, { idleTimeoutMs: DAY_MS, absoluteTimeoutMs: DAY_MS - 1 }]) {
    expect(() => createEngine(options)).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
  }
  const engine = newEngine({ absoluteTimeoutMs: 30 * DAY_MS });
  const life = (options: Parameters<SessionEngine["draft"]>[0]): number => {
    const { createdAtMs, deadlineMs } = engine.draft(options).envelope;
    return deadlineMs - createdAtMs;
  };
  expect(life({})).toBe(30 * DAY_MS);
  expect(life({ absoluteTimeoutMs: 400 * DAY_MS })).toBe(30 * DAY_MS);
  const { createdAtMs } = engine.draft().envelope;
  // It goes on with a session that began ten days ago, perhaps a few milliseconds more by now.
  const rest = life({ absoluteTimeoutMs: 400 * DAY_MS, firstCreatedAtMs: createdAtMs - 10 * DAY_MS });
  expect(rest).toBeLessThanOrEqual(20 * DAY_MS);
  expect(rest).toBeGreaterThan(20 * DAY_MS - 60_000);
});

test("[V4] nothing needs Object.prototype.__proto__: the engine works where Node has deleted it", async () => {
  const script = `
    import { createEngine } from ${JSON.stringify(join(import.meta.dirname, "../../src/runtime/index.ts"))};
    const engine = createEngine();
    const session = engine.draft();
    session.identify(engine.issueId());
    session.set("user", { name: "Ada", tags: new Map([["a", new Set([1n])]]) });
    let refused;
    try { session.set("__proto__", { isAdmin: true }); } catch (error) { refused = error.code; }
    session.set("bad", JSON.parse('{"__proto__": {"isAdmin": true}}'));
    let nested;
    try { session.commit(); } catch (error) { nested = error.code; }
    session.delete("bad");
    session.commit();
    const found = await engine.checkOut(session.key);
    const user = found.session.get("user");
    console.log(JSON.stringify({ has: "__proto__" in Object.prototype, refused, nested, name: user.name, tags: user.tags.get("a").has(1n) }));
    await engine.close();
  `;
  const flags = ["--disable-proto=delete", "--import", "tsx", "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, flags, { timeout: 20_000 });
  expect(JSON.parse(stdout)).toEqual({
    has: false,
    refused: "ATTRIBUTE_NAME_REFUSED",
    nested: "VALUE_REFUSED",
    name: "Ada",
    tags: true,
  });
});
