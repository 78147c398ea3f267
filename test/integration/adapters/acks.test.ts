import { afterEach, describe, expect, test } from "vitest";
import { Engine } from "../../../src/engine/index.ts";
import type { Delivery } from "../../../src/engine/index.ts";
import { nodeRuntime } from "../../../src/runtime/index.ts";
import { MemoryStore } from "../../../src/storage/index.ts";
import { HandReplication } from "../../support/engine-network.ts";
import { eventually } from "../../support/eventually.ts";
import { contentOf, FRAMEWORKS, Visitor } from "./frameworks.ts";
import type { Routes, Running } from "./frameworks.ts";

const routes: Routes = {
  "/write": ({ session, query }) => {
    session[query.get("name") ?? "name"] = "Ada";
    return { ok: true };
  },
  "/get": ({ session }) => contentOf(session),
  "/login": async (exchange) => {
    await exchange.session.regenerate({ keep: true });
    exchange.session["user"] = "ada";
    return { ok: true };
  },
};

/** What holders said, or were asked to say, of one session. */
interface Asked {
  readonly key: string;
  answer: (acks: number) => void;
}

/** A node whose holders say nothing until the test does. */
class AskedReplication extends HandReplication {
  readonly asked: Asked[] = [];
  override acks = 1;
  override degraded = "fail" as "serve" | "fail";
  isSilent = false;

  override delivery = (key: string): Promise<Delivery> =>
    this.isSilent
      ? new Promise((resolve) => this.asked.push({ key, answer: (acks) => resolve({ acks, wanted: 1, durable: false }) }))
      : Promise.resolve({ acks: 1, wanted: 1, durable: true });
}

const running: { readonly app: Running; readonly engine: Engine }[] = [];

afterEach(async () => {
  for (const { app, engine } of running.splice(0)) {
    await app.close();
    await engine.close();
  }
});

describe.each(FRAMEWORKS)("acks in $name", (framework) => {
  async function start(): Promise<{ link: AskedReplication; visitor: Visitor; engine: Engine }> {
    const link = new AskedReplication();
    const engine = new Engine({ sync: () => link }, nodeRuntime, (context) => new MemoryStore(context));
    const app = await framework.start({ engine }, routes);
    running.push({ app, engine });
    const visitor = new Visitor(app.url);
    await visitor.send("/write");
    return { link, visitor, engine };
  }

  test("[AK1] a response goes out when the holder has what it wrote, and one that wrote nothing at once", async () => {
    const { link, visitor } = await start();
    link.isSilent = true;
    expect(await visitor.json("/get")).toEqual({ name: "Ada" });
    let isAnswered = false;
    const answer = visitor.send("/write?name=other").finally(() => (isAnswered = true));
    await eventually(() => expect(link.asked).toHaveLength(1));
    await visitor.json("/get");
    expect(isAnswered).toBe(false);
    link.asked[0]?.answer(1);
    expect((await answer).status).toBe(200);
  });

  test("[AK2] a response without its acks is a 503, and what it wrote is there", async () => {
    const { link, visitor } = await start();
    link.isSilent = true;
    const answer = visitor.send("/write?name=other");
    await eventually(() => expect(link.asked).toHaveLength(1));
    link.asked[0]?.answer(0);
    expect((await answer).status).toBe(503);
    expect(await visitor.json("/get")).toEqual({ name: "Ada", other: "Ada" });
  });

  test("[AK3] [A13] a change of id ends the old session after the acks of the new one, and not at all without them", async () => {
    const { link, visitor } = await start();
    const ends = (): unknown[] => link.outbox.filter(({ kind }) => kind === "end");
    const old = visitor.cookie;
    link.isSilent = true;
    const refused = visitor.send("/login");
    await eventually(() => expect(link.asked).toHaveLength(1));
    expect(ends()).toEqual([]);
    link.asked[0]?.answer(0);
    expect((await refused).status).toBe(503);
    expect(visitor.cookie).toBe(old);
    // The new one is over before anybody has its cookie.
    expect(ends()).toMatchObject([{ key: link.asked[0]?.key }]);
    const answer = visitor.send("/login");
    await eventually(() => expect(link.asked).toHaveLength(2));
    expect(ends()).toHaveLength(1);
    link.isSilent = false;
    link.asked[1]?.answer(1);
    expect((await answer).status).toBe(200);
    expect(visitor.cookie).not.toBe(old);
    expect(ends()).toHaveLength(2);
    expect(await visitor.json("/get")).toEqual({ name: "Ada", user: "ada" });
  });
});
