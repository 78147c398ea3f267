import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SessionObject } from "../../../src/adapters/http/index.ts";
import type { SessionEngine } from "../../../src/engine/index.ts";
import { counter } from "../../../src/engine/index.ts";
import { createEngine } from "../../../src/runtime/index.ts";
import { contentOf, FRAMEWORKS, Visitor } from "./frameworks.ts";
import type { Running } from "./frameworks.ts";

/** What the tests below do inside a request: by name, as a request says only that. */
const steps: Record<string, (session: SessionObject) => unknown> = {
  fill: (session) => {
    session["cart"] = { lines: [{ id: 1, count: 1 }], note: "as a gift" };
    session["name"] = "Ada";
    return null;
  },
  mutate: (session) => {
    const cart = session["cart"] as { lines: { id: number; count: number }[]; note?: string };
    cart.lines.push({ id: 2, count: 5 });
    const [line] = cart.lines;
    if (line !== undefined) line.count = 3;
    delete cart.note;
    return null;
  },
  remove: (session) => delete session["name"],
  all: (session) => contentOf(session),
  json: (session) => JSON.stringify(session),
  keys: (session) => {
    const looped: string[] = [];
    for (const name in session) looped.push(name);
    return {
      keys: Object.keys(session),
      looped,
      hasName: "name" in session,
      own: Object.hasOwn(session, "name"),
      hasSave: "save" in session,
    };
  },
  assign: (session) => Object.assign(session, { name: "Grace", extra: [1, 2, 3] }) === session,
  define: (session) => {
    Object.defineProperty(session, "name", { value: "Edsger" });
    return session["name"];
  },
  count: (session) => {
    session["visits"] = Number(session["visits"] ?? 0) + 1;
    return null;
  },
  reserved: (session) =>
    ["id", "key", "cookie", "save", "reload", "regenerate", "destroy", "touch"].map((name) => codeOf(() => Reflect.set(session, name, 1))),
  names: (session) => ["__proto__", "constructor", "prototype"].map((name) => codeOf(() => Reflect.set(session, name, {}))),
  symbol: (session) => codeOf(() => Reflect.set(session, Symbol("s"), 1)),
  accessor: (session) => codeOf(() => Object.defineProperty(session, "name", { get: () => 1 })),
  identity: (session) => ({ id: session.id, key: session.key, again: session.id }),
  inspect: (session) => inspect(session),
  values: (session) => {
    session["when"] = new Date(0);
    session["big"] = 12n;
    session["bytes"] = new Uint8Array([1, 2]);
    session["tags"] = new Set([1]);
    session["nan"] = Number.NaN;
    return null;
  },
  readValues: ({ when, big, bytes, tags, nan }) => ({
    when: when instanceof Date && when.getTime() === 0,
    big: big === 12n,
    bytes: bytes instanceof Uint8Array && bytes.length === 2,
    tags: tags instanceof Set && tags.has(1),
    nan,
  }),
  saveAndReload: async (session) => {
    session["name"] = "saved";
    await session.save();
    session["name"] = "not saved";
    await session.reload();
    return session["name"];
  },
  callbacks: async (session) => {
    session["name"] = "by callback";
    const errors = [await called((done) => session.save(done)), await called((done) => session.reload(done))];
    return { errors, name: session["name"] };
  },
};

function codeOf(run: () => unknown): string {
  try {
    run();
    return "accepted";
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
}

function called(run: (done: (error?: unknown) => void) => unknown): Promise<unknown> {
  return new Promise((resolve) => run((error) => resolve(error ?? null)));
}

describe.each(FRAMEWORKS)("session object: $name", (framework) => {
  let engine: SessionEngine;
  let app: Running;

  beforeAll(async () => {
    engine = createEngine({ attributes: { visits: counter() } });
    app = await framework.start(
      { engine, onNotice: () => undefined },
      {
        "/do": async ({ session, query }) => {
          const value = await steps[query.get("step") ?? ""]?.(session);
          return { value };
        },
      },
    );
  });

  afterAll(async () => {
    await app.close();
    await engine.close();
  });

  async function does(visitor: Visitor, step: string): Promise<unknown> {
    const response = await visitor.send(`/do?step=${step}`);
    expect({ step, status: response.status }).toEqual({ step, status: 200 });
    return ((await response.json()) as { value: unknown }).value;
  }

  async function filled(): Promise<Visitor> {
    const visitor = new Visitor(app.url);
    await does(visitor, "fill");
    return visitor;
  }

  test("[A9] what was mutated in place, at any depth, is there in the next request", async () => {
    const visitor = await filled();
    await does(visitor, "mutate");
    expect(await does(visitor, "all")).toEqual({
      cart: {
        lines: [
          { id: 1, count: 3 },
          { id: 2, count: 5 },
        ],
      },
      name: "Ada",
    });
  });

  test("[A9] delete removes an attribute", async () => {
    const visitor = await filled();
    await does(visitor, "remove");
    expect(await does(visitor, "all")).toEqual({ cart: { lines: [{ id: 1, count: 1 }], note: "as a gift" } });
  });

  test("[A9] spread, JSON, keys, in and for-in show the attributes, in Express and Fastify with the cookie before them, and nothing else", async () => {
    const visitor = await filled();
    const content = { cart: { lines: [{ id: 1, count: 1 }], note: "as a gift" }, name: "Ada" };
    expect(await does(visitor, "all")).toEqual(content);
    const hasCookie = framework.name.startsWith("express") || framework.name === "fastify";
    const cookie = { originalMaxAge: null, expires: null, secure: false, httpOnly: true, path: "/", sameSite: "lax" };
    expect(JSON.parse((await does(visitor, "json")) as string)).toEqual(hasCookie ? { cookie, ...content } : content);
    const names = hasCookie ? ["cookie", "cart", "name"] : ["cart", "name"];
    expect(await does(visitor, "keys")).toEqual({ keys: names, looped: names, hasName: true, own: true, hasSave: true });
  });

  test("[A9] Object.assign and defineProperty write attributes", async () => {
    const visitor = await filled();
    expect(await does(visitor, "assign")).toBe(true);
    expect(await does(visitor, "all")).toMatchObject({ name: "Grace", extra: [1, 2, 3] });
    expect(await does(visitor, "define")).toBe("Edsger");
    expect(await does(visitor, "all")).toMatchObject({ name: "Edsger" });
  });

  test("[A9] Date, BigInt, bytes and Set come back as what they were", async () => {
    const visitor = new Visitor(app.url);
    await does(visitor, "values");
    expect(await does(visitor, "readValues")).toEqual({ when: true, big: true, bytes: true, tags: true, nan: null });
  });

  test("[A10] the adapter's own names are refused with a typed error that says whose they are", async () => {
    const visitor = await filled();
    for (const outcome of (await does(visitor, "reserved")) as string[]) {
      expect(outcome).toMatch(/^ATTRIBUTE_NAME_REFUSED: .*session\.\w+ belongs to the (Express|Fastify|Koa) adapter/);
    }
    for (const outcome of (await does(visitor, "names")) as string[]) expect(outcome).toMatch(/^ATTRIBUTE_NAME_REFUSED/);
    expect(await does(visitor, "symbol")).toMatch(/^ATTRIBUTE_NAME_REFUSED/);
    expect(await does(visitor, "accessor")).toMatch(/^VALUE_REFUSED/);
    expect(await does(visitor, "all")).toMatchObject({ name: "Ada" });
  });

  test("[A9] id and key are stable, and the key is what the engine calls it", async () => {
    const visitor = new Visitor(app.url);
    const before = (await does(visitor, "identity")) as { id: string; key: string; again: string };
    expect(before.again).toBe(before.id);
    expect(before.key).toBe(engine.keyOf(before.id));
    await does(visitor, "fill");
    const first = (await does(visitor, "identity")) as { id: string; key: string };
    expect(await does(visitor, "identity")).toEqual(first);
    expect(visitor.cookie).toContain(first.id);
  });

  test("[A10] an inspected session shows names only", async () => {
    expect(await does(await filled(), "inspect")).toBe("Session { cart, name }");
  });

  test("[A9] save commits, reload forgets what was not saved", async () => {
    const visitor = await filled();
    expect(await does(visitor, "saveAndReload")).toBe("saved");
    expect(await does(visitor, "all")).toMatchObject({ name: "saved" });
  });

  test("[A9] save and reload take callbacks as well", async () => {
    const visitor = await filled();
    expect(await does(visitor, "callbacks")).toEqual({ errors: [null, null], name: "by callback" });
  });
});
